"""Importing anything does nothing and loads nothing heavy."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = (
    "bs4",
    "gguf",
    "googleapiclient",
    "httpx",
    "keyring",
    "litellm",
    "llama_cpp",
    "markdownify",
    "mcp",
    "notion_client",
    "numpy",
    "openai",
    "textual",
    "tree_sitter",
)

# Imports every module of a package in a process of its own, and tells what each brought along
# and what it did to the world; an audit hook sees that from below.
PROBE = """
import importlib.util, json, pathlib, sys

package, *heavy = sys.argv[1:]
did, loaded, module = [], {}, ""

def watch(event, args):
    writes = event == "open" and isinstance(args[1], str) and set(args[1]) & set("wax+")
    if writes or event in (
        "os.mkdir", "os.remove", "os.rename", "os.putenv", "socket.connect", "socket.bind",
        "sqlite3.connect", "subprocess.Popen", "_thread.start_new_thread", "signal.signal",
    ):
        did.append(f"{module}: {event} {args[:2]!r}")

sys.addaudithook(watch)
root = pathlib.Path(importlib.util.find_spec(package).origin).parent
files = sorted(file.relative_to(root.parent) for file in root.rglob("*.py"))
names = [".".join(file.with_suffix("").parts).removesuffix(".__init__") for file in files]
for module in names:
    before = set(sys.modules)
    importlib.import_module(module)
    brought = {name for name in heavy if name in sys.modules and name not in before}
    if brought:
        loaded[module] = sorted(brought)
print(json.dumps({"modules": len(names), "did": did, "loaded": loaded}))
"""


def python(*arguments: str, folder: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-B", *arguments], cwd=folder, capture_output=True, text=True
    )


@pytest.mark.parametrize(
    ("package", "its_own"),
    [
        # Loaded by `m2agent mcp serve` alone.
        ("m2agent", ("mcp",)),
        # Loaded by their entry points, when an account or a model is of that kind.
        ("m2agent_connectors", ("httpx", "mcp", "notion_client")),
        ("m2agent_models", ("httpx",)),
        ("m2agent_tui", ("textual", "tree_sitter")),
    ],
)
def test_importing_every_module_does_nothing_and_loads_nothing_heavy(
    package: str, its_own: tuple[str, ...], tmp_path: Path
) -> None:
    heavy = [name for name in HEAVY if name not in its_own]

    probe = python("-c", PROBE, package, *heavy, folder=tmp_path)

    assert probe.stderr == ""
    told = json.loads(probe.stdout)
    assert told["modules"]
    assert told["did"] == []
    assert told["loaded"] == {}


def test_the_probe_sees_what_it_is_there_to_see(tmp_path: Path) -> None:
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad/__init__.py").write_text("")
    (tmp_path / "bad/heavy.py").write_text("import litellm")
    (tmp_path / "litellm.py").write_text("")
    (tmp_path / "bad/writes.py").write_text("open('left-behind', 'w').close()")

    told = json.loads(python("-c", PROBE, "bad", *HEAVY, folder=tmp_path).stdout)

    assert told["loaded"] == {"bad.heavy": ["litellm"]}
    assert [line.split(":")[0] for line in told["did"]] == ["bad.writes"]


def test_help_loads_click_and_little_else(tmp_path: Path) -> None:
    told = python("-X", "importtime", "-m", "m2agent", "--help", folder=tmp_path)

    loaded = {line.rpartition("|")[2].strip() for line in told.stderr.splitlines()}
    assert told.returncode == 0
    assert "click" in loaded
    assert not loaded & {*HEAVY, "asyncio", "msgspec", "pydantic", "rich"}
