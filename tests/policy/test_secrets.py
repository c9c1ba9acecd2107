"""A planted token must not be found in anything that a run leaves behind."""

import base64
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, ClassVar, Self
from urllib.parse import quote

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from m2agent.connector import Account
from m2agent.errors import ToolFailed
from m2agent.events import Returned
from m2agent.home import home, private
from m2agent.journal.export import markdown
from m2agent.secrets import MASK, Secrets, remember
from m2agent.testing.stage import Stage
from m2agent.tool import Result, tool
from m2agent_models.script import Script
from m2agent_tui.problem import keep_bug

CANARY = "ntn_canary/8c1f+55aa=="
REFRESH = "1//canary-refresh-77"
KEPT = "canary-out-of-the-vault"


class Leaky:
    """A service that gives back whatever it is asked to."""

    name: ClassVar[str] = "leaky"
    kind: ClassVar[str] = "leaky"

    @classmethod
    async def open(cls, account: Account) -> Self:
        return cls()

    def describe(self) -> str:
        return "for testing"

    async def close(self) -> None: ...

    @tool(effect="read")
    async def echo(self, which: int, times: int = 1) -> Result:
        """Give back a secret."""
        secret = [CANARY, REFRESH, KEPT][which]
        data = {"headers": [{"Authorization": f"Bearer {secret}"}], secret: 1}
        return Result(f"env: TOKEN={secret} {quote(secret, safe='')}\n" * times, data)

    @tool(effect="read")
    async def fail(self) -> Result:
        """Fail with a secret in the words."""
        raise ToolFailed(f"401 for token {CANARY}. Try again.")


def plant(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = folder / "gmail.json"
    file.write_text(json.dumps({"refresh_token": REFRESH, "token_uri": "https://x.example/token"}))
    monkeypatch.setenv("M2AGENT_NOTION_TOKEN", CANARY)
    monkeypatch.setenv("M2AGENT_GMAIL_TOKEN_FILE", str(file))
    remember(KEPT)


async def test_a_planted_token_is_in_nothing_that_a_run_leaves_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(tmp_path, monkeypatch)
    calls: list[dict[str, Any]] = [
        {"tool": "leaky_echo", "arguments": {"which": n}} for n in range(3)
    ]
    calls += [
        {"tool": "leaky_echo", "arguments": {"which": 0, "times": 400}},
        {"tool": "leaky_fail", "arguments": {}},
    ]
    folder = tmp_path / "state"
    folder.mkdir()
    model = Script([{"calls": calls}, {"text": "Ok."}])
    stage = Stage(folder, model, {"leaky": Leaky()})

    events = await stage.play()

    journal = stage.journal()
    records = journal.read(journal.find("last"))
    journal.close()
    left = [path.read_bytes() for path in folder.rglob("*") if path.is_file()]
    left += [msgspec.json.encode(records), markdown(records).encode()]
    for secret in (CANARY, REFRESH, KEPT):
        for form in (secret, quote(secret, safe=""), base64.b64encode(secret.encode()).decode()):
            assert not [one[:80] for one in left if form.encode() in one]
    texts = [e.text for e in events if isinstance(e, Returned)]
    assert len(texts) == 5
    assert all(MASK in text for text in texts)


def test_a_token_that_is_renewed_in_mid_run_is_masked_from_then_on() -> None:
    secrets = Secrets.known()
    remember("canary-of-the-second-hour")
    assert secrets.mask("Bearer canary-of-the-second-hour") == f"Bearer {MASK}"


def test_the_report_of_a_bug_holds_no_token(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(tmp_path, monkeypatch)
    private(home())
    try:
        raise ValueError(f"no JSON: {CANARY}")
    except ValueError as bug:
        told = keep_bug(bug)

    report = (home() / "last-bug.txt").read_text()
    assert "no JSON" in report
    assert CANARY not in report + told


def test_a_bug_on_the_command_line_is_told_without_tokens(tmp_path: Path) -> None:
    script = tmp_path / "bug.py"
    script.write_text(
        "import os, sys\n"
        "from m2agent import cli\n"
        "from m2agent.cli import runs\n"
        "def bug(**given):\n"
        "    raise ValueError('no JSON: ' + os.environ['M2AGENT_NOTION_TOKEN'])\n"
        "runs.runs.callback = bug\n"
        "sys.argv = ['m2agent', 'runs']\n"
        "cli.main()\n"
    )
    environment = {**os.environ, "M2AGENT_HOME": str(tmp_path), "M2AGENT_NOTION_TOKEN": CANARY}
    done = subprocess.run(
        [sys.executable, script], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "no JSON: " in done.stderr
    assert CANARY not in done.stderr


def test_what_is_no_secret_stays_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(tmp_path, monkeypatch)
    monkeypatch.setenv("M2AGENT_EMPTY_TOKEN", "")
    monkeypatch.setenv("M2AGENT_SHORT_TOKEN", "the")

    text = "the page https://x.example/token at home"
    assert Secrets.known().mask(text) == text


@given(st.text(min_size=8), st.text(), st.text())
def test_a_masked_text_does_not_hold_the_secret(secret: str, before: str, after: str) -> None:
    if secret in MASK or secret in before + MASK + after:
        return
    assert secret not in Secrets([secret]).mask(f"{before}{secret}{after}")
