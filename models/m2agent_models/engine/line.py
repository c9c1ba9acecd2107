"""A connection to an engine, which is ended where it gives no sign of life."""

import asyncio
import os
import signal
from collections.abc import Callable
from contextlib import suppress
from typing import Self

import msgspec

from m2agent.errors import SetupError
from m2agent_models.engine import wire
from m2agent_models.engine.address import Address


class Line:
    """A line to the process `pid`.

    `hung` says that the engine gave no sign of life for twice `silence` seconds, and is dead.
    """

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, pid: int, silence: float
    ) -> None:
        self.hung = False
        self._reader = reader
        self._writer = writer
        self.pid = pid
        self._silence = silence
        self._decoder = msgspec.msgpack.Decoder(wire.Answer)

    @classmethod
    async def open(cls, where: Address, silence: float) -> Self | None:
        """None where no engine listens. Raises SetupError where somebody else's does."""
        try:
            reader, writer = await asyncio.open_unix_connection(str(where.socket))
            # Of an engine that was killed just now nothing can be asked any more.
            pid, user = wire.peer(writer.get_extra_info("socket"))
        except OSError:
            return None
        if user != os.getuid():
            writer.close()
            raise SetupError(
                f"The socket {where.socket} belongs to another user.", fix=f"Run: rm {where.socket}"
            )
        return cls(reader, writer, pid, silence)

    async def receive(self, waiting: Callable[[], bool]) -> wire.Answer | None:
        """The next answer, or None when the engine is gone.

        While somebody is `waiting`, silence makes it ask for a sign of life, and more silence
        makes it kill the engine.
        """
        receiving = asyncio.ensure_future(wire.receive(self._reader, self._decoder))
        asked = False
        try:
            while not (await asyncio.wait({receiving}, timeout=self._silence))[0]:
                if asked:
                    self._kill()
                elif waiting():
                    self.send(wire.Ping())
                    asked = True
            return await receiving
        finally:
            receiving.cancel()

    def send(self, message: wire.Message) -> None:
        self._writer.write(wire.frame(message))

    async def drain(self) -> None:
        """Wait until what was sent is on its way. Raises OSError where the engine is gone."""
        await self._writer.drain()

    async def close(self) -> None:
        self._writer.close()
        with suppress(OSError):
            await self._writer.wait_closed()

    def _kill(self) -> None:
        self.hung = True
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
