"""What the terminal UI costs: its first paint, a long run at full speed, and its memory.

The program runs in a terminal of its own, as a person's would, and is watched from outside.
"""

import os
import pty
import select
import statistics
import struct
import sys
import tempfile
import termios
import time
from collections.abc import Generator
from contextlib import contextmanager
from fcntl import ioctl
from pathlib import Path

import psutil

from m2agent.events import Asked, Began, Called, Decided, Ended, Returned, Started, Thought, Turned
from m2agent.journal import Journal

PROMPT = b"hat should be done?"  # the first letter is under the cursor
M2AGENT = ["-m", "m2agent", "--model", "torrent"]
EMPTY = [
    "-c",
    "from textual.app import App; from textual.widgets import Static\n"
    "class Empty(App):\n"
    "    def compose(self): yield Static('ready')\n"
    "Empty().run()",
]


class Terminal:
    """A program in a terminal of 120 by 40."""

    def __init__(self, pid: int, screen: int) -> None:
        self.process = psutil.Process(pid)
        self._screen = screen

    def wait_for(self, words: bytes, seconds: float = 30) -> None:
        """Read until the program has written these words."""
        seen = b""
        end = time.monotonic() + seconds
        while words not in seen:
            if not select.select([self._screen], [], [], max(0, end - time.monotonic()))[0]:
                raise TimeoutError(f"{words!r} was not written; the end was {seen[-2_000:]!r}")
            seen = seen[-len(words) :] + os.read(self._screen, 65_536)

    def read_for(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if select.select([self._screen], [], [], left)[0]:
                os.read(self._screen, 65_536)

    def press(self, keys: bytes) -> None:
        os.write(self._screen, keys)

    @property
    def cpu(self) -> float:
        times = self.process.cpu_times()
        return times.user + times.system

    @property
    def megabytes(self) -> float:
        every = [self.process, *self.process.children(recursive=True)]
        return sum(process.memory_info().rss for process in every) / 1e6


@contextmanager
def terminal(home: Path, *arguments: str) -> Generator[Terminal]:
    pid, screen = pty.fork()
    if pid == 0:
        here = str(Path(__file__).parent)
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # as it is once it is installed
        os.environ.update(
            PYTHONPYCACHEPREFIX=str(home / "pycache"),
            TERM="xterm-256color",
            COLORTERM="truecolor",
            M2AGENT_HOME=str(home),
            PYTHONPATH=os.pathsep.join(
                [here, str(home / "site"), os.environ.get("PYTHONPATH", "")]
            ),
        )
        os.execv(sys.executable, [sys.executable, *arguments])
    ioctl(screen, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
    opened = Terminal(pid, screen)
    try:
        yield opened
    finally:
        opened.process.kill()
        os.close(screen)
        os.waitpid(pid, 0)


def make_home(folder: Path) -> Path:
    """A home whose only back end that matters is the torrent, and which has no accounts to open."""
    package = folder / "site" / "torrent-1.0.dist-info"
    package.mkdir(parents=True)
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: torrent\nVersion: 1.0\n")
    (package / "entry_points.txt").write_text("[m2agent.models]\ntorrent = torrent:Torrent\n")
    return folder


def write_run(home: Path, events: int) -> None:
    """A run of so many events that was stopped."""
    journal = Journal(home / "journal.db")
    run = journal.create()
    run.add(Began("torrent", "You are measured.", work=str(home / "work")), Asked("Go on."))
    for n in range(1, events // 7 + 1):
        id = f"{n}.1"
        run.add(
            Thought(f"Thought {n}: " + "it could be here, or there; " * 20),
            Called(id, "mail_search", {"query": f"invoice {n} newer_than:7d"}),
            Turned("calls", evaluated=300, reused=9_000, generated=150),
            Decided(id, "allow", "effect read", "It changes nothing and tells nobody.", "read"),
            Started(id, f"{run.id}.{id}", ""),
            Returned(id, True, f"{n} mails\n" + "Ann Billing | Invoice | 2026\n" * 20, seconds=0.1),
            Asked(f"And the next after {n}.") if n % 50 == 0 else Thought("Well."),
        )
    run.add(Ended("interrupted", "It was stopped.", 130))
    journal.close()


def first_paint(home: Path, words: bytes, *arguments: str) -> float:
    """CPU seconds until these words are drawn, the median of seven after a first one."""
    spent: list[float] = []
    for _ in range(8):
        with terminal(home, *arguments) as opened:
            opened.wait_for(words)
            spent.append(opened.cpu)
    return statistics.median(spent[1:])


def idle_megabytes(home: Path) -> float:
    with terminal(home, *M2AGENT) as opened:
        opened.wait_for(PROMPT)
        opened.read_for(4)
        return opened.megabytes


def key_to_paint(home: Path) -> float:
    """Milliseconds, the 95th percentile, in a run of 10,000 events that streams at full speed."""
    write_run(home, 10_000)
    with terminal(home, *M2AGENT) as opened:
        opened.wait_for(PROMPT)
        opened.read_for(3)
        opened.press(b"\x12")  # Ctrl+R
        opened.wait_for(b"interrupted")
        opened.press(b"\r")
        opened.wait_for(b"Enter goes on", 60)
        opened.press(b"\r")
        opened.wait_for(b"thinking")
        opened.read_for(2)
        taken: list[float] = []
        for _ in range(100):
            opened.press(b"Q")
            began = time.perf_counter()
            opened.wait_for(b"Q")
            taken.append((time.perf_counter() - began) * 1_000)
            opened.read_for(0.08)
        return statistics.quantiles(taken, n=20)[-1]


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        home = make_home(Path(folder))
        ours, empty = (
            first_paint(home, PROMPT, *M2AGENT),
            first_paint(home, b"ready", *EMPTY),
        )
        rows = [
            ("TUI, prompt drawn / an empty Textual app's, CPU", ours / empty, "<= 1.3"),
            ("idle memory, TUI, MB", idle_megabytes(home), "<= 80"),
            ("TUI, 10,000 events, key to paint, p95, ms", key_to_paint(home), "<= 50"),
        ]
    for what, figure, bar in rows:
        print(f"{what:<50} {figure:8.2f}   {bar}")


if __name__ == "__main__":
    main()
