"""The import rules of pyproject.toml catch what they are there for."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("m2agent", "connectors/m2agent_connectors", "models/m2agent_models", "tui/m2agent_tui")

# A contract, the module that breaks it, and how.
BAD_IMPORTS = {
    "imports point inward, from the command line to the words": (
        "m2agent/events.py",
        "import m2agent.loop",
    ),
    "of the core, only the command line knows the other rooms": (
        "m2agent/desk.py",
        "import m2agent_connectors",
    ),
    "connectors and models do not know who runs them": (
        "connectors/m2agent_connectors/shell/__init__.py",
        "import m2agent.journal",
    ),
    "a connector knows no other connector, only what its kind shares": (
        "connectors/m2agent_connectors/shell/__init__.py",
        "import m2agent_connectors.local_notes",
    ),
    "only the TUI knows Textual": ("m2agent/loop/__init__.py", "import textual"),
    "only the models know llama.cpp and litellm": (
        "tui/m2agent_tui/__init__.py",
        "import llama_cpp",
    ),
}


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """The contracts that import-linter calls broken in a copy with all the bad imports."""
    copy = tmp_path_factory.mktemp("bad")
    shutil.copy(ROOT / "pyproject.toml", copy)
    for package in PACKAGES:
        shutil.copytree(
            ROOT / package, copy / package, ignore=shutil.ignore_patterns("__pycache__")
        )
    for file, line in BAD_IMPORTS.values():
        with (copy / file).open("a") as module:
            module.write(f"\n{line}\n")
    roots = os.pathsep.join(str((copy / package).parent) for package in PACKAGES)
    lint = subprocess.run(
        [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"],
        cwd=copy,
        env={**os.environ, "PYTHONPATH": roots, "NO_COLOR": "1", "COLUMNS": "200"},
        capture_output=True,
        text=True,
    )
    return set(re.findall(r"^(.*?) BROKEN", lint.stdout, re.MULTILINE))


@pytest.mark.parametrize("contract", BAD_IMPORTS)
def test_a_bad_import_is_caught(contract: str, broken: set[str]) -> None:
    assert contract in broken


def test_every_rule_has_a_bad_import_here() -> None:
    config = tomllib.loads((ROOT / "pyproject.toml").read_text())
    contracts = config["tool"]["importlinter"]["contracts"]
    assert [contract["name"] for contract in contracts] == list(BAD_IMPORTS)
