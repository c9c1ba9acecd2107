"""The shell: run commands in the work folder, with all that the system's programs can do to files.

A command that only reads, as `commands` finds, inside a sandbox that works, happens unasked. Any
other may change files in ways that nobody can undo, so it counts as `send` and asks, even though
the sandbox keeps it from the network and from everything outside the work folder.
"""

import asyncio
import os
import shutil
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field

from m2agent.connector import Account
from m2agent.errors import SetupError, ToolFailed, Unclear
from m2agent.events import Receipt
from m2agent.tool import Content, Effect, Operation, Result, tool
from m2agent_connectors.shell import record
from m2agent_connectors.shell.commands import only_reads
from m2agent_connectors.shell.disk import nearly_full
from m2agent_connectors.shell.job import Job
from m2agent_connectors.shell.lasting import see_on_disk
from m2agent_connectors.shell.output import Shown, visible
from m2agent_connectors.shell.sandbox import check_work_folder, furnish, probe
from m2agent_connectors.shell.session import Place, Session

Key = Literal["enter", "tab", "escape", "up", "down", "ctrl-c", "ctrl-d"]
_TYPED: dict[Key, str] = {
    "enter": "\r",
    "tab": "\t",
    "escape": "\x1b",
    "up": "\x1b[A",
    "down": "\x1b[B",
    "ctrl-c": "\x03",
    "ctrl-d": "\x04",
}
_MOST_SHELLS = 8
_MOST_JOBS = 4
_FIRST_LOOK = 1.0  # seconds in which a command in the background may already have ended


class Shell:
    """Bash in one work folder; each run has a current folder and variables of its own in it."""

    name: ClassVar[str] = "shell"
    kind: ClassVar[str] = "shell"

    def __init__(self, place: Place) -> None:
        self.sandbox = place.sandbox
        self._place = place
        self._sessions: dict[Path, Session] = {}  # by the run's artifacts; the last used is last
        self._jobs: dict[str, Job] = {}
        self._started_jobs = 0
        self._guard: asyncio.Task[None] | None = None
        self._disk_was_full = False

    @classmethod
    async def open(cls, account: Account) -> Self:
        """Find a sandbox that works. Bash itself is started by the first command."""
        if sys.platform == "win32":
            raise SetupError(
                "The shell needs Linux or macOS.",
                fix="Run m2agent inside WSL, which is part of Windows: wsl --install",
            )
        for setting in account.settings:
            raise SetupError(
                f"The shell has no setting {setting!r}, and no others.",
                fix=f"Remove it from [accounts.{account.name}] in the configuration.",
            )
        work = account.work.resolve()
        check_work_folder(work)
        sandbox = await asyncio.to_thread(probe)
        own = Path(tempfile.mkdtemp(prefix="m2agent-shell-")).resolve()
        furnish(own)
        return cls(Place(sandbox, work, own))

    def describe(self) -> str:
        return self.sandbox.describe()

    async def close(self) -> None:
        """End every command and all that they started, and remove their temporary files."""
        if self._guard:
            self._guard.cancel()
        await self._end_all()
        await asyncio.to_thread(shutil.rmtree, self._place.own, ignore_errors=True)

    @tool(effect="send", undo="A command cannot be undone.")
    async def run(
        self,
        op: Operation,
        command: Annotated[str, Field(min_length=1, max_length=100_000)],
        timeout: Annotated[int, Field(ge=1, le=3600)] = 60,  # noqa: ASYNC109 the model's word
        stdin: Annotated[str | None, Field(max_length=1_000_000)] = None,
        background: bool = False,
        network: bool = False,
    ) -> Result:
        """Run a bash command in the work folder. Folder and variables last from call to call.

        Only files in the work folder and $TMPDIR can be changed; there is no network. timeout is
        in seconds. With background it goes on, and shell_input looks at it and types to it. With
        network, which the person is asked for, it reaches the internet; variables do not last.
        """
        if "\0" in command:
            raise ToolFailed("A command cannot contain a NUL character.")
        recorded = self._effect(command, network) != "read"
        if recorded:
            record.begin(op)
        self._guard = self._guard or asyncio.create_task(self._guard_disk())
        self._disk_was_full = False
        began = time.time()
        session = await self._session(op)
        place = await asyncio.to_thread(self._online) if network else self._place
        if background:
            result = await self._start_job(op, place, command, stdin, session.cwd)
        elif network:
            alone = Session(place, session.cwd)
            try:
                result = await self._run(op, alone, command, timeout, stdin)
            finally:
                await alone.close()
        else:
            result = await self._run(op, session, command, timeout, stdin)
        if recorded:
            await asyncio.to_thread(see_on_disk, self._place.work, began)
            record.finish(op, result)
        return result

    @run.effect_of
    def _(self, command: str, network: bool) -> Effect:
        return self._effect(command, network)

    @run.content
    async def _(self, op: Operation, command: str, stdin: str | None, network: bool) -> Content:
        """A yes holds for the folder that the command was to run in, too."""
        cwd = self._cwd((await self._session(op)).cwd)
        typed = f"\nIts input:\n{stdin}" if stdin else ""
        online = ", with the network" if network else ""
        body = f"{cwd}\0{command}".encode(errors="replace")
        return Content(body, f"In {cwd}{online}:\n{command}{typed}")

    @run.reconcile
    async def _(self, op: Operation) -> Result | None:
        return record.found(op)

    @tool(effect="send", undo="What was typed cannot be taken back.")
    async def input(
        self,
        op: Operation,
        session: str,
        text: Annotated[str | None, Field(max_length=4_000)] = None,
        key: Key | None = None,
        wait: Annotated[float, Field(ge=0, le=600)] = 2,
    ) -> Result:
        """Type text and Enter, or press a key, in a background session; show what is new there.

        Without either, only look. Waits so many seconds, or until the command ends.
        """
        job = self._jobs.get(session)
        if job is None:
            known = ", ".join(self._jobs) or "none"
            raise ToolFailed(f"There is no session {session!r}. Running are: {known}.")
        if text is not None:
            job.type(text + "\r")
        if key is not None:
            job.type(_TYPED[key])
        return await self._look(op, session, job, wait)

    @input.effect_of
    def _(self, text: str | None, key: Key | None) -> Effect:
        """Looking changes nothing; stopping a command is what its time limit does unasked, too."""
        return "read" if text is None and key in (None, "ctrl-c") else "send"

    @input.reconcile
    async def _(self, op: Operation) -> Result | None:
        raise Unclear("It may have been typed; the session ended when m2agent was stopped.")

    def _effect(self, command: str, network: bool) -> Effect:
        harmless = self.sandbox.active and not network and only_reads(command)
        return "read" if harmless else "send"

    def _online(self) -> Place:
        return replace(self._place, sandbox=self.sandbox.online())

    async def _run(
        self, op: Operation, session: Session, command: str, seconds: int, stdin: str | None
    ) -> Result:
        finished = await session.run(command, seconds=seconds, stdin=stdin, file=_file(op))
        record.keep_folder(op, session.cwd)
        notes = [f"exit {finished.exit_code}", f"{finished.seconds:.1f} s"]
        if finished.timed_out:
            notes.append(f"stopped after {seconds} s, its time limit")
        if finished.lost:
            notes.append(f"{self._why()}the shell ended, variables are gone")
        return self._result(
            op,
            notes,
            finished.output,
            {
                "exit_code": finished.exit_code,
                "cwd": self._cwd(session.cwd),
                "seconds": round(finished.seconds, 3),
                "timed_out": finished.timed_out,
            },
        )

    async def _start_job(
        self, op: Operation, place: Place, command: str, stdin: str | None, cwd: Path
    ) -> Result:
        if len(self._jobs) >= _MOST_JOBS:
            raise ToolFailed(
                f"Already running are {', '.join(self._jobs)}. End one: shell_input key=ctrl-c"
            )
        self._started_jobs += 1
        name = f"b{self._started_jobs}"
        job = self._jobs[name] = Job(place, command, stdin, cwd)
        return await self._look(op, name, job, _FIRST_LOOK)

    async def _look(self, op: Operation, name: str, job: Job, seconds: float) -> Result:
        exit_code, shown = await job.look(seconds, _file(op))
        if exit_code is None:
            notes = [f"running in session {name}"]
        else:
            self._jobs.pop(name, None)
            notes = [f"exit {exit_code}", f"{self._why()}session {name} ended"]
        data = {"exit_code": exit_code, "session": name, "running": exit_code is None}
        return self._result(op, notes, shown, data)

    def _result(
        self, op: Operation, notes: list[str], shown: Shown, data: dict[str, Any]
    ) -> Result:
        lines = f"{shown.lines:,} line{'' if shown.lines == 1 else 's'}"
        if shown.file:
            lines += f" (cut; full: {shown.file.name})"
        where = [f"cwd {data['cwd']}"] if "cwd" in data else []
        head = " | ".join([*notes, *where, lines])
        return Result(
            f"{head}\n{shown.text}".rstrip("\n"),
            data={**data, "lines": shown.lines, "output": shown.text},
            receipts=[Receipt("exit", op.key, notes[0])],
            artifacts=[shown.file.name] if shown.file else [],
        )

    async def _session(self, op: Operation) -> Session:
        """The session of this run; the shells longest unused end where there are too many."""
        session = self._sessions.pop(op.artifacts, None)
        if session is None:
            session = Session(self._place, record.folder(op) or self._place.work)
        self._sessions[op.artifacts] = session
        others = [one for one in self._sessions.values() if one.alive and one is not session]
        idle = [one for one in others if not one.busy]
        for one in idle[: max(0, len(others) + 1 - _MOST_SHELLS)]:
            await one.close()
        return session

    async def _guard_disk(self) -> None:
        """End everything, time and again, when what runs has nearly filled the disk."""
        while True:
            await nearly_full([self._place.work, self._place.own])
            self._disk_was_full = True
            await self._end_all()

    def _why(self) -> str:
        return "the disk was nearly full, so " if self._disk_was_full else ""

    async def _end_all(self) -> None:
        await asyncio.gather(*(s.close() for s in (*self._sessions.values(), *self._jobs.values())))

    def _cwd(self, cwd: Path) -> str:
        """The folder as the model is told it: from the work folder on, where it is inside."""
        work = self._place.work
        shown = cwd.relative_to(work) if cwd.is_relative_to(work) else cwd
        return visible(os.fsencode(shown).decode(errors="replace"))


def _file(op: Operation) -> Path:
    return op.artifacts / f"{op.key}.output.txt"
