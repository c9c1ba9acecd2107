"""Attaches to the engine of a model, starting it where it does not run yet."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Self

import msgspec

from m2agent.errors import ContextFull, ModelError, SetupError
from m2agent_models.engine import gguf, llama, placement, wire
from m2agent_models.engine.address import Address, address
from m2agent_models.engine.line import Line

_PATIENCE = 20.0
"""Seconds for a new engine to open its socket; the model is loaded after that."""

_SILENCE = 30.0
"""Seconds without a word after which an engine is asked whether it lives, and once more after
which it is killed: a machine that swaps may take long, but not a minute."""

_TRIES = 2
"""An engine that ends while one attaches may have been about to; the second one was not."""

_REAPED = 50
"""How often is looked for the end of an engine whose line is gone: for a second in all."""

_LOG_LIMIT = 4_000_000


class EngineGone(ModelError):
    """The engine ended, or was ended, while somebody needed it."""


class Engine:
    """A connection to an engine. `ready` says what it runs with."""

    def __init__(self, line: Line, ready: wire.Ready, log: Path) -> None:
        self.ready = ready
        self._line = line
        self._log = log
        self._next_id = 0
        self._broken = False
        self._turns: dict[int, asyncio.Queue[wire.Answer | None]] = {}
        self._listening = asyncio.create_task(self._listen())

    @classmethod
    async def attach(cls, model: Path, wish: placement.Wishes, silence: float = _SILENCE) -> Self:
        """Find or start the engine of a model file and wait until the model is loaded.

        An engine that is needed and gives no sign of life for twice `silence` seconds is killed.
        Raises SetupError where file or machine cannot do, ModelError where llama.cpp refuses.
        """
        await asyncio.to_thread(gguf.read, model)
        llama.installed()
        where = address(model)
        pid = 0
        for _ in range(_TRIES):
            line = await _connect(model, where, wish, silence)
            ready = None
            try:
                ready = await _wait_until_ready(line)
            finally:
                if ready is None:
                    await line.close()
            if ready:
                return cls(line, ready, where.log)
            pid = line.pid
        end = await _end_of(pid)
        raise EngineGone(f"The engine ended before it was ready.{end} {last_words(where.log)}")

    @property
    def alive(self) -> bool:
        return not self._broken and not self._listening.done()

    async def reply(self, request: wire.Reply) -> AsyncGenerator[wire.Answer, None]:
        """What the engine answers to a turn, up to and with `Turn`; closing it cancels the turn.

        Raises ContextFull, ModelError, or EngineGone.
        """
        self._next_id += 1
        id = self._next_id
        answers: asyncio.Queue[wire.Answer | None] = asyncio.Queue()
        self._turns[id] = answers
        over = False
        try:
            await self._send(msgspec.structs.replace(request, id=id))
            while not over:
                answer = None if not self.alive and answers.empty() else await answers.get()
                over = answer is None or isinstance(answer, wire.Turn | wire.Failed)
                if answer is None:
                    raise await self._gone()
                if isinstance(answer, wire.Failed):
                    raise error_from(answer)
                yield answer
        finally:
            del self._turns[id]
            if not over and self.alive:
                self._line.send(wire.Cancel(id))

    async def close(self) -> None:
        """Let go of the engine; it ends by itself when nobody holds it."""
        self._listening.cancel()
        try:
            await asyncio.gather(self._listening, return_exceptions=True)
        finally:
            await self._line.close()

    async def _send(self, message: wire.Message) -> None:
        try:
            self._line.send(message)
            await self._line.drain()
        except OSError as error:
            self._broken = True  # known here before the listener hears of it
            raise await self._gone() from error

    async def _gone(self) -> EngineGone:
        how = "stopped."
        if self._line.hung:
            how = "hung and was ended."
        elif end := await _end_of(self._line.pid):
            how = f"stopped.{end}"
        return EngineGone(f"The engine {how} {last_words(self._log)}")

    async def _listen(self) -> None:
        try:
            while (answer := await self._line.receive(lambda: bool(self._turns))) is not None:
                id = getattr(answer, "id", None)
                if isinstance(answer, wire.Failed) and id is None:
                    for queue in self._turns.values():
                        queue.put_nowait(answer)
                elif id in self._turns:
                    self._turns[id].put_nowait(answer)
        finally:
            for queue in self._turns.values():
                queue.put_nowait(None)


async def _connect(model: Path, where: Address, wish: placement.Wishes, silence: float) -> Line:
    """A line to the engine, which is started where none listens. Raises EngineGone."""
    starting: int | None = None
    loop = asyncio.get_running_loop()
    deadline = loop.time() + _PATIENCE
    while loop.time() < deadline:
        if line := await Line.open(where, silence):
            return line
        if starting is None:
            starting = _start(model, where, wish)
        elif code := _ended(starting):
            raise EngineGone(f"The engine ended ({code}). {last_words(where.log)}")
        elif code == 0:
            # Another one had the lock; should it be about to end, it is our turn again.
            starting = None
        await asyncio.sleep(0.02)
    raise EngineGone(f"The engine does not start. {last_words(where.log)}")


async def _wait_until_ready(line: Line) -> wire.Ready | None:
    """Read until the model is loaded; None where the engine ended just then."""
    while (answer := await line.receive(lambda: True)) is not None:
        match answer:
            case wire.Ready():
                return answer
            case wire.Failed():
                raise error_from(answer)
            case _:
                pass
    return None


def _start(model: Path, where: Address, wish: placement.Wishes) -> int:
    """Start an engine, in a session of its own, and return its process id.

    Two who do so at once get one engine: the lock decides.
    """
    command = [sys.executable, "-P", "-m", "m2agent_models.engine", str(model.resolve())]
    command += [msgspec.json.encode(wish).decode()]
    command += [str(where.socket), str(where.lock), str(where.log), str(where.kept)]
    small = where.log.exists() and where.log.stat().st_size < _LOG_LIMIT
    opened = os.O_WRONLY | os.O_CREAT | (os.O_APPEND if small else os.O_TRUNC)
    try:
        log = os.open(where.log, opened, 0o600)
    except OSError as error:
        raise SetupError(
            f"The engine's log {where.log} cannot be written: {error.strerror}.",
            fix="Make its folder writable, or name another: export M2AGENT_HOME=FOLDER",
        ) from error
    null = os.open(os.devnull, os.O_RDONLY)
    try:
        return os.posix_spawn(
            sys.executable,
            command,
            os.environ,
            file_actions=[(os.POSIX_SPAWN_DUP2, fd, n) for n, fd in enumerate((null, log, log))],
            setsid=True,
        )
    finally:
        os.close(log)
        os.close(null)


async def _end_of(pid: int) -> str:
    """What ended an engine that was started here, if it was a signal."""
    for _ in range(_REAPED):
        if (code := _ended(pid)) is not None:
            break
        await asyncio.sleep(0.02)
    else:
        return ""
    if code == -signal.SIGKILL:
        return " Something killed it: mostly that is the system, when memory is short."
    return f" It crashed ({signal.Signals(-code).name})." if code < 0 else ""


def _ended(pid: int) -> int | None:
    """The exit code of an engine that was started here; None while it runs."""
    try:
        done, status = os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return 0  # somebody else heard of its end first
    return os.waitstatus_to_exitcode(status) if done else None


def error_from(failed: wire.Failed) -> ModelError | SetupError:
    if failed.needed:
        return ContextFull(failed.needed, failed.size)
    if failed.fix:
        return SetupError(failed.problem, fix=failed.fix)
    return ModelError(failed.problem)


def last_words(log: Path) -> str:
    """The end of the log, for a person who has to make sense of it."""
    try:
        lines = log.read_text("utf-8", "replace").strip().splitlines()
    except OSError:
        return ""
    return f"Its last words were: {lines[-1][:300]!r}. All of them: {log}" if lines else ""
