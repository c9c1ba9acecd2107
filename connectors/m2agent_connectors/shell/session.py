"""A bash that keeps its folder and variables from command to command.

A command goes to it as a file to be sourced, so that no length, quote or heredoc of it can upset
the conversation, and its end is announced by a marker that it cannot know beforehand.
"""

import asyncio
import contextlib
import os
import secrets
import shlex
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from m2agent.errors import ToolFailed
from m2agent_connectors.shell.output import Output, Shown
from m2agent_connectors.shell.sandbox import Sandbox
from m2agent_connectors.shell.terminal import Mark, Terminal

_BASH = ("bash", "--noprofile", "--norc", "--noediting", "-i")
_QUIET = "PS1= PS2= PROMPT_COMMAND=; unset HISTFILE MAILCHECK; set +o history +o histexpand"
_START_SECONDS = 20.0
_INTERRUPT_SECONDS = 2.0


@dataclass(frozen=True)
class Place:
    """Where programs run: the sandbox, the work folder, and a folder for their temporary files."""

    sandbox: Sandbox
    work: Path
    own: Path

    def start(self, program: Sequence[str], cwd: Path, output: Output) -> Terminal:
        """Start a program in `cwd`; in the work folder where that is gone or out of reach."""
        if not (cwd.resolve().is_relative_to(self.work) and os.access(cwd, os.X_OK)):
            cwd = self.work
        wrapped = self.sandbox.wrap(program, work=self.work, own=self.own, cwd=cwd)
        env = self.sandbox.environment(self.work, self.own)
        return Terminal(wrapped, env, output)

    def put(self, kind: str, text: str) -> Path:
        """A new temporary file with this text; gives the name it has for programs."""
        try:
            data = text.encode()
        except UnicodeEncodeError as error:
            raise ToolFailed("The text is not valid Unicode.") from error
        name = f".{kind}-{secrets.token_hex(4)}"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        try:
            with os.fdopen(os.open(self.own / "tmp" / name, flags, 0o600), "wb") as file:
                file.write(data)
        except OSError as error:
            raise ToolFailed(f"The {kind} cannot be written to a file: {error}.") from error
        return self.sandbox.tmp(self.work, self.own) / name

    def remove(self, inside: Path) -> None:
        with contextlib.suppress(OSError):  # whatever programs have made of it
            (self.own / "tmp" / inside.name).unlink()


@dataclass(frozen=True)
class Finished:
    """How a command ended. `lost`: the shell with its variables ended too."""

    exit_code: int
    output: Shown
    seconds: float
    timed_out: bool = False
    lost: bool = False


class Session:
    """One such bash, started when it is first needed and again after it has ended."""

    def __init__(self, place: Place, cwd: Path) -> None:
        self.cwd = cwd
        self._place = place
        self._terminal: Terminal | None = None
        self._own_group = 0
        self._lock = asyncio.Lock()

    @property
    def alive(self) -> bool:
        return self._terminal is not None and self._terminal.running

    @property
    def busy(self) -> bool:
        return self._lock.locked()

    async def run(
        self, command: str, *, seconds: float, stdin: str | None = None, file: Path | None = None
    ) -> Finished:
        """Run one command, for so many seconds at most; others wait for it to end.

        What it prints goes to `file` where it is long. Cancelled, it ends the whole shell.
        """
        async with self._lock:
            try:
                return await self._run(command, seconds, stdin, file)
            except asyncio.CancelledError:
                await self.close()
                raise

    async def _run(
        self, command: str, seconds: float, stdin: str | None, file: Path | None
    ) -> Finished:
        terminal = await self._started()
        script = self._place.put("command", command)
        given = Path("/dev/null") if stdin is None else self._place.put("input", stdin)
        began = time.monotonic()
        terminal.reset()
        terminal.output.file = file
        done = self._say(terminal, f". {_quoted(script)} <{_quoted(given)} >/dev/tty 2>&1")
        waited, _ = await asyncio.wait([done], timeout=seconds)
        mark = done.result() if waited else await self._interrupt(terminal, done)
        self._place.remove(script)
        if stdin is not None:
            self._place.remove(given)
        if mark:
            self.cwd = Path(mark.cwd)
        else:
            await self.close()
        shown, terminal.output = terminal.output.close(), Output()
        return Finished(
            mark.exit_code if mark else terminal.exit_code,
            shown,
            time.monotonic() - began,
            timed_out=not waited,
            lost=mark is None,
        )

    async def close(self) -> None:
        """End the shell and everything in it."""
        if self._terminal:
            await self._terminal.close()
            self._terminal = None

    async def _started(self) -> Terminal:
        if self._terminal and self._terminal.running:
            return self._terminal
        await self.close()
        terminal = self._terminal = self._place.start(_BASH, self.cwd, Output())
        ready = self._say(terminal, _QUIET)
        await asyncio.wait([ready], timeout=_START_SECONDS)
        mark = ready.result() if ready.done() else None
        printed, terminal.output = terminal.output.close(), Output()
        if mark is None:
            await self.close()
            raise ToolFailed(f"The shell does not start. {printed.text.strip()[:500]}")
        self.cwd = Path(mark.cwd)
        self._own_group = terminal.foreground
        return terminal

    def _say(self, terminal: Terminal, line: str = "") -> "asyncio.Future[Mark | None]":
        """Have the shell do a line of ours, and then say where it is and how that ended."""
        nonce = secrets.token_hex(16)
        done = terminal.mark(nonce)
        announce = f'builtin printf \'\\036{nonce} %d %s\\036\\n\' "$?" "$PWD" >/dev/tty'
        before = f"{line}; " if line else ""
        terminal.type(f" {before}{{ {announce}; }} 2>/dev/null\n")
        return done

    async def _interrupt(
        self, terminal: Terminal, done: "asyncio.Future[Mark | None]"
    ) -> Mark | None:
        """Stop the command as ctrl-c does. None where that does not help."""
        terminal.type("\x03")
        for _ in range(20):
            await asyncio.sleep(_INTERRUPT_SECONDS / 20)
            if terminal.foreground == self._own_group:
                break
        else:
            return None
        again = self._say(terminal)
        await asyncio.wait([again], timeout=_INTERRUPT_SECONDS)
        if not again.done():
            return None
        return (done.result() if done.done() else None) or again.result()


def _quoted(path: Path) -> str:
    return shlex.quote(str(path))
