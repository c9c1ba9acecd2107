"""The program in a real terminal: tmux types the keys, and says what is on the screen."""

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Generator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from m2agent.events import Ended, Event, Started
from m2agent.home import home, journal_file, offices, private
from m2agent.journal import Journal
from m2agent_models import tiny
from m2agent_tui.card import GRACE

pytestmark = pytest.mark.skipif(shutil.which("tmux") is None, reason="needs tmux")

PATIENCE = 120
PEOPLE = ("Oisín Casey <oisin@hoban.example>", "Raymond <ray@drury.example>", "Gesine <g@k.eu>")
FIRST_WAIT, SECOND_WAIT = (f"until [ -e {name} ]; do sleep 0.1; done" for name in ("one", "two"))
SCRIPT: list[dict[str, Any]] = [
    {"calls": [{"tool": "shell_run", "arguments": {"command": FIRST_WAIT, "timeout": 900}}]},
    {
        "calls": [
            {"tool": "mail_draft", "arguments": {"to": [who], "subject": f"No. {n}", "body": "Hi"}}
            for n, who in enumerate(PEOPLE, 1)
        ]
    },
    {
        "calls": [
            {"tool": "mail_send", "arguments": {"draft_id": f"{{{{{n}.draft_id}}}}"}}
            for n in (2, 3, 4)
        ]
    },
    {"calls": [{"tool": "shell_run", "arguments": {"command": SECOND_WAIT, "timeout": 900}}]},
    {"text": "Two mails are out: [message {{5.message_id}}]."},
]


class Terminal:
    """A tmux of its own, with the program in it."""

    def __init__(self, folder: Path) -> None:
        self._sockets = (folder / f"tmux{n}" for n in count())
        self._socket = next(self._sockets)

    def start(self, *arguments: str, size: tuple[int, int] = (100, 30)) -> None:
        """Open a terminal, with a tmux that does not meet the one before in its last moments."""
        self._socket = next(self._sockets)
        width, height = (str(side) for side in size)
        self._tmux(
            *("-f", os.devnull, "new-session", "-d", "-x", width, "-y", height, "--"),
            *(sys.executable, "-m", "m2agent", *arguments),
        )

    def _tmux(self, *arguments: str) -> str:
        command = ["tmux", "-S", str(self._socket), *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    def press(self, *keys: str) -> None:
        self._tmux("send-keys", *keys)

    def type(self, text: str) -> None:
        self._tmux("send-keys", "-l", text)

    @property
    def text(self) -> str:
        return self._tmux("capture-pane", "-p")

    def sees(self, *words: str) -> None:
        """Wait until all of these are on the screen at once."""
        end = time.monotonic() + PATIENCE
        while not all(each in self.text for each in words):
            assert time.monotonic() < end, f"{words} never came; the screen:\n{self.text}"
            time.sleep(0.1)

    def answer(self, *keys: str) -> None:
        """Read the question that is there, and answer it: too early, keys are no answer."""
        self.sees("Esc decide later")
        time.sleep(2 * GRACE)
        self.press(*keys)

    def resize(self, width: int, height: int) -> None:
        self._tmux("resize-window", "-x", str(width), "-y", str(height))

    @property
    def process(self) -> int:
        return int(self._tmux("display-message", "-p", "#{pane_pid}"))

    def kill(self) -> None:
        """End the program as a power cut would, and the terminal with it."""
        os.kill(self.process, signal.SIGKILL)
        self.close()

    def close(self) -> None:
        command = ["tmux", "-S", str(self._socket), "kill-server"]
        subprocess.run(command, check=False, capture_output=True)


@pytest.fixture
def terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[Terminal]:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("LANG", "C.UTF-8")
    terminal = Terminal(tmp_path)
    yield terminal
    terminal.close()


def events() -> list[Event]:
    """What happened in the run that was begun first."""
    journal = Journal(journal_file())
    try:
        first = list(journal.runs())[-1]
        return [record.event for record in journal.read(first.id)]
    finally:
        journal.close()


def test_a_task_is_steered_approved_in_part_killed_and_found_again(
    terminal: Terminal, tmp_path: Path
) -> None:
    script = tmp_path / "script.jsonl"
    script.write_text("\n".join(json.dumps(turn) for turn in SCRIPT))
    opened = ("--model", f"script:{script}", "--office", "sample")
    terminal.start(*opened)
    terminal.sees("What should be done?", "idle · script.jsonl")

    terminal.type("Write to all three.")
    terminal.press("Enter")
    terminal.sees("Run: until", "running")
    terminal.type("Only the first two are urgent.")
    terminal.press("Enter")
    terminal.sees("▹ Only the first two")
    (work() / "one").touch()

    terminal.sees("These 3 steps need your yes", "Draft to Gesine")
    terminal.answer("a", "Enter")
    terminal.sees("These 3 steps need your yes", "Send to Gesine")
    terminal.answer("a")
    terminal.sees("[yes]")
    terminal.press("Down", "n")
    terminal.type("I call him")
    terminal.press("Enter")
    terminal.sees("[no]", "I call him", "decline 1")
    terminal.press("Down")
    terminal.sees("▸ [yes]    Send to Gesine")
    terminal.press("e")
    terminal.sees("Ctrl+S keeps the change")
    time.sleep(2 * GRACE)
    terminal.press(*["Down"] * 30, "End")
    terminal.type(" there")
    terminal.press("C-s")
    terminal.sees("change 1 and ask again", "+ Hi there")
    terminal.press("Enter")
    terminal.sees("as you changed it")
    terminal.answer("y", "Enter")
    terminal.sees("[ -e two ]", "running")
    terminal.kill()

    terminal.start(*opened)
    terminal.sees("What should be done?")
    terminal.press("C-r")
    terminal.sees("Write to all three.")
    terminal.press("Enter")
    terminal.sees("Enter goes on")
    assert sum(isinstance(event, Started) and event.id.startswith("3.") for event in events()) == 2
    assert len(list(work().parent.rglob("outbox/*.eml"))) == 2
    terminal.resize(20, 5)
    terminal.resize(100, 30)
    terminal.sees("Enter goes on")

    (work() / "two").touch()
    terminal.press("Enter")
    terminal.sees("Done, and checked.", "Two mails are out", "Ask for more")
    assert len(list(work().parent.rglob("outbox/*.eml"))) == 2
    terminal.press("F6")
    terminal.sees("Take back what this run did", "Enter takes back 3")
    time.sleep(2 * GRACE)
    terminal.press("Enter")
    terminal.sees("Not all of it could be taken back")


@pytest.mark.local
def test_a_model_in_this_machine_is_watched_stopped_and_gone_on_with(
    terminal: Terminal, tmp_path: Path
) -> None:
    pytest.importorskip("llama_cpp")
    settings = private(home()) / "config.toml"
    settings.write_text("[engine]\nidle = 0.0\nthreads = 1\ncontext = 16384\n")
    model = tiny.write(tmp_path / "tiny.gguf")
    terminal.start("--model", str(model), "--office", "sample")
    terminal.sees("What should be done?", "idle · tiny")
    terminal.type("Go.")
    terminal.press("Enter")
    for begun in ("Enter", ""):
        terminal.sees("@@@@@@@@")
        terminal.press("Escape")
        terminal.sees("Esc again stops at once")
        terminal.press("Escape")
        terminal.sees("Stopped. It was stopped at once.", "Enter goes on", "idle")
        if begun:
            terminal.press(begun)
    assert isinstance(events()[-1], Ended)


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="needs prlimit")
def test_on_a_full_disk_the_screen_says_so_and_the_run_is_gone_on_with(
    terminal: Terminal, tmp_path: Path
) -> None:
    script = tmp_path / "script.jsonl"
    script.write_text("\n".join(json.dumps(turn) for turn in (SCRIPT[0], {"text": "Waited."})))
    opened = ("--model", f"script:{script}", "--office", "sample")
    terminal.start(*opened)
    terminal.sees("What should be done?", "idle · script.jsonl")
    terminal.type("Wait.")
    terminal.press("Enter")
    terminal.sees("[ -e one ]", "running")
    before = events()
    resource.prlimit(terminal.process, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
    (work() / "one").touch()
    terminal.sees("Free some disk space", "Enter goes on")
    assert events() == before
    terminal.kill()

    terminal.start(*opened)
    terminal.sees("was cut off. Ctrl+R goes on with it.")
    terminal.press("C-r")
    terminal.sees("Wait.", "Enter opens")
    terminal.press("Enter")
    terminal.sees("Enter goes on")
    terminal.press("Enter")
    terminal.sees("Done, and checked.", "Waited.")


def work() -> Path:
    """Where the shell of the office works that was made first."""
    return min(offices().glob("*/work"))  # a folder's name begins with its time
