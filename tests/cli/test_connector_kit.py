"""`m2agent connector new`, as docs/connector.md has it, and a contract that finds what is wrong."""

import importlib
import os
import re
import site
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from command import Command, call

PAGE = Path(__file__).parents[2] / "docs/connector.md"
ROOT = Path(__file__).parents[2]


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE.read_text("utf-8"), re.M | re.S)


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """An environment of its own, with all that this one has, and where pip fetches nothing."""
    folder = tmp_path / "venv"
    arguments = ["-m", "venv", "--without-pip", "--symlinks", str(folder)]
    subprocess.run([sys.executable, *arguments], check=True)
    (packages,) = folder.glob("lib/python*/site-packages")
    here = site.getsitepackages()[0]
    (packages / "here.pth").write_text(f"import site; site.addsitedir({here!r})\n")
    for command in ("m2agent", "pip", "pytest"):
        program = folder / "bin" / command
        program.write_text(f'#!/bin/sh\nexec "{folder}/bin/python" -m {command} "$@"\n')
        program.chmod(0o755)
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith("PYTEST")},
        "PATH": f"{folder / 'bin'}:/usr/bin:/bin",
        "M2AGENT_HOME": str(tmp_path / "home"),
        "PIP_NO_INDEX": "1",
        "PIP_NO_BUILD_ISOLATION": "0",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    }


def shell(script: str, folder: Path, environment: dict[str, str]) -> str:
    done = subprocess.run(
        ["sh", "-ec", script], cwd=folder, env=environment, capture_output=True, text=True
    )
    assert done.returncode in (0, 4), done.stdout + done.stderr
    return done.stdout + done.stderr


def test_what_the_page_says_works_literally(tmp_path: Path, environment: dict[str, str]) -> None:
    make, use = blocks("sh")
    assert " passed" in shell(make, tmp_path, environment)

    sys.path.insert(0, str(tmp_path / "alerts/tests"))
    try:
        ntfy: Any = importlib.import_module("ntfy")
    finally:
        sys.path.pop(0)
        sys.modules.pop("ntfy")
    command = Command(tmp_path)
    message = {"title": "Kettle", "text": "It is on."}
    script = command.script({"calls": [call("alerts_send", **message)]}, {"text": "You know."})
    with ntfy.serving() as server:
        config = f'model = "{script}"\n{blocks("toml")[0]}url = "{server.url}"\n'
        command.home.mkdir(exist_ok=True)
        (command.home / "config.toml").write_text(config)
        said = shell(use.replace("m2agent doctor", "m2agent doctor || true"), tmp_path, environment)
        assert f"notifications on {server.url}, topic kettle-7f3a9c" in said
        assert "m2agent show" in said
        assert server.messages == []
        shell("m2agent approve last", tmp_path, environment)
        (message,) = server.messages
    assert (message["topic"], message["title"]) == ("kettle-7f3a9c", "Kettle")


def test_what_is_written_is_clean_and_carries_its_name(m2agent: Command) -> None:
    done = m2agent("connector", "new", "my-crm")
    assert done.code == 0, done.err
    written = [m2agent.folder / line for line in done.out.splitlines()]
    assert [path.relative_to(m2agent.folder / "my-crm").as_posix() for path in written] == [
        "pyproject.toml", "README.md", "m2agent_my_crm.py", "tests/ntfy.py", "tests/test_my_crm.py",
    ]  # fmt: skip
    assert not [path for path in written if "{{" in path.read_text()]
    ruff = [sys.executable, "-m", "ruff"]
    config = ["--config", str(ROOT / "pyproject.toml"), "--no-cache"]
    # The order of imports depends on the name.
    for what in (["check", "--ignore", "I"], ["format", "--check"]):
        checked = subprocess.run(
            [*ruff, *what, *config, "my-crm"], cwd=m2agent.folder, capture_output=True, text=True
        )
        assert checked.returncode == 0, checked.stdout


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("Alerts", "cannot be the name"),
        ("a b", "cannot be the name"),
        ("../x", "cannot be the name"),
        ("class", "cannot be the name"),
        ("x" * 21, "cannot be the name"),
        ("notion", "There is a connector 'notion' already"),
        ("mail", "There is a connector 'mail' already"),
        ("there", "exists already"),
    ],
)
def test_a_name_that_clashes_is_refused(m2agent: Command, name: str, words: str) -> None:
    (m2agent.folder / "there").mkdir()
    done = m2agent("connector", "new", name)
    assert (done.code, done.out) == (2, "")
    assert words in done.err


def wrong(change: Callable[[str], str], m2agent: Command) -> tuple[ModuleType, ModuleType]:
    """The kit with one mistake in its connector, and its tests, as modules."""
    m2agent("connector", "new", "alerts")
    folder = m2agent.folder / "alerts"
    file = folder / "m2agent_alerts.py"
    right = file.read_text()
    file.write_text(change(right))
    assert file.read_text() != right
    names = ("ntfy", "m2agent_alerts", "test_alerts")
    path = [str(folder), str(folder / "tests"), *sys.path]
    before, sys.path = sys.path, path
    try:
        importlib.invalidate_caches()
        loaded = {name: importlib.import_module(name) for name in names}
    finally:
        sys.path = before
        for name in names:
            sys.modules.pop(name, None)
    return loaded["test_alerts"], loaded["ntfy"]


@pytest.mark.parametrize(
    ("case", "right", "mistake"),
    [
        (
            "any_fault_at_any_request_leaves_one_effect_or_a_question",
            "(Unclear(words) if changes else Busy(words)) from error",
            "Busy(words) from error",
        ),
        ("a_change_happens_once_leaves_a_receipt_and_is_found", "[op.key]", "[]"),
        (
            "what_changes_something_can_be_looked_up_and_taken_back",
            "    @send.reconcile\n",
            "",
        ),
        ("a_setting_that_nobody_knows_is_refused_with_the_fix", "if unknown :=", "if not ("),
    ],
)
async def test_the_contract_finds_a_mistake(
    m2agent: Command, case: str, right: str, mistake: str
) -> None:
    def change(text: str) -> str:
        if mistake == "if not (":
            return text.replace("set(_SETTINGS)):", "settings.keys()):")
        return text.replace(right, mistake)

    tests, ntfy = wrong(change, m2agent)
    kind: Any = tests.__dict__["TestAlerts"]
    contract, http = kind(), kind.http.__wrapped__
    with ntfy.serving() as server, pytest.raises(AssertionError):
        await getattr(contract, f"test_{case}")(http(contract, server, m2agent.folder))
