"""The engine's process: one thread computes, the other talks to the clients.

It holds the lock of its address for as long as it lives, so there is one for each model file. It
ends when nobody was attached for a while, and with an error that everybody attached is told.
"""

import asyncio
import fcntl
import logging
import os
import queue
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TextIO

import msgspec

from m2agent.errors import M2Error
from m2agent_models.engine import gguf, wire
from m2agent_models.engine.address import Address
from m2agent_models.engine.kept import Kept
from m2agent_models.engine.llama import CHECKED, Llama, library
from m2agent_models.engine.machine import this_machine
from m2agent_models.engine.placement import Wishes, plan
from m2agent_models.engine.schedule import Schedule, failure
from m2agent_models.engine.threads import Threads
from m2agent_models.m2.markers import MARKERS

_log = logging.getLogger(__name__)
_FIRST_CLIENT = 10.0
"""Seconds in which whoever started the engine has to attach, however short `idle` is."""

_LONGEST_STEP = 900.0
"""Seconds in one step, or in one share of loading, after which llama.cpp counts as hung."""

_SWITCH = 0.0005
"""Seconds after which the computing thread gets the interpreter back from the talking one."""

Work = tuple[int, wire.Reply | wire.Cancel | None]
"""A client's request; None says that the client left."""


def run(model: Path, wish: Wishes, address: Address) -> int:
    """Be the engine of this model until nobody needs it. Returns the exit code."""
    lock = _lock(address.lock)
    if lock is None:
        _log.info("another engine for %s is there already", model.name)
        return 0
    sys.setswitchinterval(_SWITCH)
    address.socket.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(address.socket))
        address.socket.chmod(0o600)
        listening.listen()
        listening.setblocking(False)
        try:
            return asyncio.run(_Process(model, wish, address.kept).serve(listening))
        finally:
            address.socket.unlink(missing_ok=True)
            address.lock.unlink(missing_ok=True)
            lock.close()


def _lock(path: Path) -> TextIO | None:
    """The locked file; None where another process holds it."""
    while True:
        file = path.open("w")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.close()
            return None
        # Whoever held it before may have removed it between our opening and our locking.
        if path.exists() and path.stat().st_ino == os.fstat(file.fileno()).st_ino:
            return file
        file.close()


class _Process:
    def __init__(self, model: Path, wish: Wishes, kept: Path) -> None:
        self._model = model
        self._wish = wish
        self._kept = kept
        self._work: queue.SimpleQueue[Work] = queue.SimpleQueue()
        self._clients: dict[int, asyncio.StreamWriter] = {}
        self._state: wire.Message = wire.Loading(0.0)
        self._abort: Callable[[], None] = lambda: None
        self._over = asyncio.Event()
        self._stopping = False
        self._got_on = time.monotonic()
        self._code = 0
        self._alone: asyncio.TimerHandle | None = None

    async def serve(self, listening: socket.socket) -> int:
        loop = self._loop = asyncio.get_running_loop()
        for sign in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(sign, self._over.set)
        self._alone = loop.call_later(max(self._wish.idle, _FIRST_CLIENT), self._over.set)
        numbers = iter(range(1, sys.maxsize))

        async def attend(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await self._attend(next(numbers), reader, writer)

        server = await asyncio.start_unix_server(attend, sock=listening)
        computing = threading.Thread(target=self._compute, name="llama.cpp")
        computing.start()
        await self._over.wait()
        server.close()
        self._stopping = True
        self._work.put((0, None))
        self._abort()
        for writer in self._clients.values():
            writer.close()
        await asyncio.to_thread(computing.join)
        return self._code

    async def _attend(
        self, client: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        if wire.peer(writer.get_extra_info("socket"))[1] != os.getuid():
            _log.warning("turned another user away")
            writer.close()
            return
        if self._alone:
            self._alone.cancel()
        self._clients[client] = writer
        self._tell(writer)
        decoder = msgspec.msgpack.Decoder(wire.Request)
        try:
            while (request := await wire.receive(reader, decoder)) is not None:
                if isinstance(request, wire.Ping):
                    if time.monotonic() - self._got_on < _LONGEST_STEP:
                        writer.write(wire.frame(wire.Pong()))
                    continue
                self._work.put((client, request))
                if isinstance(request, wire.Cancel):
                    self._abort()
        except M2Error as error:
            _log.warning("client %d: %s", client, error)
        finally:
            self._left(client)

    def _left(self, client: int) -> None:
        self._clients.pop(client).close()
        self._work.put((client, None))
        self._abort()
        if not self._clients:
            self._alone = self._loop.call_later(self._wish.idle, self._over.set)

    # In the computing thread

    def _compute(self) -> None:
        try:
            self._serve_turns()
        except M2Error as error:
            _log.error("%s", error)
            self._code = 1
            # Whoever started this engine may still be on the way: it ends once somebody heard.
            self._loop.call_soon_threadsafe(self._tell_all, failure(error))
        except BaseException:
            self._loop.call_soon_threadsafe(self._over.set)
            raise
        else:
            self._loop.call_soon_threadsafe(self._over.set)

    def _serve_turns(self) -> None:
        def loading(share: float) -> None:
            self._got_on = time.monotonic()
            self._loop.call_soon_threadsafe(self._tell_all, wire.Loading(share))

        machine = this_machine()
        offload = bool(machine.gpu) and bool(library().llama_supports_gpu_offload())
        header = gguf.read(self._model)
        placed = plan(header, machine, self._wish, offload=offload)
        _log.info("%s", placed.why)
        llama = Llama(self._model, placed, loading)
        self._abort = llama.abort
        markers = [marker for marker in MARKERS if len(llama.frame(marker)) == 1]
        ready = wire.Ready(llama.size, placed.sequences, placed.why, llama.bos, llama.eos, markers)
        self._loop.call_soon_threadsafe(self._tell_all, ready)
        kept = None
        quota = self._wish.keep or self._wish.openings
        if quota > 0 and llama.can_fork:
            files = [(f.name, f.stat().st_size, f.stat().st_mtime_ns) for f in header.files]
            weights = f"{CHECKED} {placed.cache} {files}"
            openings = not self._wish.keep
            kept = Kept(llama, self._kept, int(quota * 1e9), weights, openings=openings)
        own = self._wish.threads or placed.whole
        threads = None if own else Threads(placed.threads, llama.use_threads)
        schedule = Schedule(llama, placed.sequences, placed.ubatch, self._send, kept, threads)
        while not self._stopping:
            # Whoever asks for an abort has put the reason into the queue before.
            llama.go_on()
            self._take_work(schedule)
            self._got_on = time.monotonic()
            schedule.step()
        llama.close()

    def _take_work(self, schedule: Schedule) -> None:
        """Take what has come in; wait for it where there is nothing else to do."""
        while schedule.idle or not self._work.empty():
            try:
                client, request = self._work.get(timeout=self._wish.unload)
            except queue.Empty:
                _log.info("nobody asked for anything for %g seconds", self._wish.unload)
                self._loop.call_soon_threadsafe(self._over.set)
                client, request = self._work.get()
            match request:
                case wire.Reply():
                    schedule.add(client, request)
                case wire.Cancel():
                    schedule.cancel(client, request.id)
                case None:
                    schedule.leave(client)
            if self._stopping:
                return

    def _send(self, client: int, message: wire.Message) -> None:
        self._loop.call_soon_threadsafe(self._write, client, wire.frame(message))

    # In the talking thread

    def _write(self, client: int, data: bytes) -> None:
        writer = self._clients.get(client)
        if writer:
            writer.write(data)

    def _tell_all(self, message: wire.Message) -> None:
        self._state = message
        for writer in self._clients.values():
            self._tell(writer)

    def _tell(self, writer: asyncio.StreamWriter) -> None:
        writer.write(wire.frame(self._state))
        if isinstance(self._state, wire.Failed):
            self._over.set()
