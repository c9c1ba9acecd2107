"""A program on a terminal of its own, whose output is always read, so that it never has to wait.

Everything happens on the event loop: a flood of output is taken in portions, in between which
others have their turn.
"""

import asyncio
import contextlib
import os
import re
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, cast

from m2agent.errors import ToolFailed
from m2agent_connectors.shell.output import Output

_PORTIONS = 2  # of up to 64 KB
_PATIENCE = 200  # hundredths of a second in which a program that is told to end does
_LONGEST_LINE = 4_000  # bytes; a terminal silently drops what is over 4,095

_MARKER = re.compile(rb"\x1e([0-9a-f]{32}) (\d{1,3}) ([^\x1e]*)\x1e\r?\n")
_LONGEST_MARKER = 8_192


class Mark(NamedTuple):
    """What a shell said when a command had ended."""

    exit_code: int
    cwd: str


class Terminal:
    """A running program. `output` takes what it prints and may be replaced at any time."""

    def __init__(self, program: Sequence[str], env: Mapping[str, str], output: Output) -> None:
        """Start it, from the event loop's own thread: with that thread it would end."""
        import pexpect

        self.output = output
        self.ended = asyncio.Event()
        self._child: pexpect.spawn[bytes] = pexpect.spawn(
            program[0],
            list(program[1:]),
            env=dict(env),
            echo=False,
            dimensions=(50, 160),
            preexec_fn=_before_it_starts,
        )
        os.set_blocking(self._child.child_fd, False)
        self.reset()
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._child.child_fd, self._read)
        self._marks: dict[bytes, asyncio.Future[Mark | None]] = {}
        self._held = b""
        self._ending: asyncio.Task[None] | None = None

    @property
    def exit_code(self) -> int:
        """How it ended; as shells say it, 128 and more for a signal."""
        if self._child.exitstatus is not None:
            return self._child.exitstatus
        return 128 + (self._child.signalstatus or signal.SIGKILL)

    @property
    def running(self) -> bool:
        return self._ending is None

    @property
    def foreground(self) -> int:
        """The process group that the keyboard belongs to; 0 where that cannot be said."""
        try:
            return os.tcgetpgrp(self._child.child_fd)
        except OSError:
            return 0

    def reset(self) -> None:
        """Undo what programs may have done to the terminal: it echoes nothing, changes nothing.

        To change characters of the output costs more than all the rest.
        """
        import termios

        settings = termios.tcgetattr(self._child.child_fd)
        settings[1] &= ~termios.OPOST
        settings[3] |= termios.ICANON | termios.ISIG
        settings[3] &= ~termios.ECHO
        termios.tcsetattr(self._child.child_fd, termios.TCSANOW, settings)

    def mark(self, nonce: str) -> "asyncio.Future[Mark | None]":
        """What the marker with this nonce says when it comes; None if the program ends first."""
        future: asyncio.Future[Mark | None] = self._loop.create_future()
        if self.ended.is_set():
            future.set_result(None)
        else:
            self._marks[nonce.encode()] = future
        return future

    def type(self, text: str) -> None:
        """Type this on its keyboard. Raises ToolFailed where it cannot take it."""
        data = text.encode(errors="replace")
        if any(len(line) > _LONGEST_LINE for line in data.splitlines()):
            raise ToolFailed("A typed line can have 4,000 bytes. Write it to a file instead.")
        try:
            taken = os.write(self._child.child_fd, data)
        except OSError:
            taken = 0
        if taken < len(data):
            raise ToolFailed("The program does not read what is typed. Try the key ctrl-c.")

    async def close(self) -> None:
        """End it and everything it started."""
        await asyncio.shield(self._end(signal.SIGTERM, signal.SIGKILL))

    def _end(self, *signals: signal.Signals | None) -> asyncio.Task[None]:
        """Send these signals, None for nothing, with time after each to end at last."""

        async def end() -> None:
            for number in signals:
                if number and self._child.isalive():
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(cast(int, self._child.pid), number)
                for _ in range(_PATIENCE):
                    if not self._child.isalive():
                        break
                    await asyncio.sleep(0.01)
            cast(Any, self._child).ptyproc.delayafterclose = 0  # which is slept, not awaited
            self._child.close()
            for future in self._marks.values():
                if not future.done():
                    future.set_result(None)
            self.ended.set()

        if self._ending is None:
            self._loop.remove_reader(self._child.child_fd)
            self._ending = self._loop.create_task(end())
        return self._ending

    def _read(self) -> None:
        import pexpect

        try:
            for _ in range(_PORTIONS):
                self._take(self._child.read_nonblocking(65_536, timeout=0))
        except pexpect.TIMEOUT:
            return
        except pexpect.EOF:
            # Nobody holds the terminal any more: it has ended, or is about to.
            self._end(None, signal.SIGTERM, signal.SIGKILL)

    def _take(self, data: bytes) -> None:
        """Pass on what was printed, without the markers that are waited for."""
        data, passed = self._held + data, 0
        for found in _MARKER.finditer(data):
            future = self._marks.pop(found[1], None)
            if future is None:
                continue
            self.output.feed(data[passed : found.start()])
            passed = found.end()
            if not future.done():
                future.set_result(Mark(int(found[2]), os.fsdecode(found[3])))
        held = self._unfinished(data, passed)
        self.output.feed(data[passed:held])
        self._held = data[held:]

    def _unfinished(self, data: bytes, passed: int) -> int:
        """Where a marker begins of which the end has not come yet."""
        whole = [data.find(b"\x1e" + nonce, passed) for nonce in self._marks]
        begun = data.rfind(b"\x1e", max(passed, len(data) - 32))
        starts = [at for at in [*whole, begun] if at >= 0 and len(data) - at < _LONGEST_MARKER]
        return min(starts, default=len(data))


def _before_it_starts() -> None:
    """Be a program as at a prompt, and the first to go when there is no memory left.

    Python ignores what tells of broken pipes; `nohup` and a script's `&` ignore the others, and
    what is ignored at a shell's start nothing in it can ever stop with a ctrl-c.
    """
    for number in (signal.SIGPIPE, signal.SIGINT, signal.SIGQUIT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")
