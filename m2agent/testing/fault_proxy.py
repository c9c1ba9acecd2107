"""A proxy that fails on purpose, to see what a connector does when the network lets it down.

    async with FaultProxy(server.url, Fault("drop after", at=3)) as proxy:
        connector = await Wiki.open(Account("wiki", folder, work, {"base_url": proxy.url}))
        ...
    assert proxy.seen[2].startswith("POST /v1/pages")

It speaks plain HTTP/1.1 on loopback and gives each request a connection of its own.
"""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, Self, get_args
from urllib.parse import urlsplit

Kind = Literal[
    "refuse",  # nobody listens; from here on for good
    "drop before",  # the connection breaks, and the server never heard of it
    "drop after",  # the server did it, and the connection breaks
    "401",
    "403",
    "429",  # with Retry-After: 1
    "500",  # the server never heard of it
    "503 after",  # the server did it, and something on the way says 503
    "half",  # the server did it, and half of its answer comes
    "silence",  # the server never heard of it, and no answer comes
    "silence after",  # the server did it, and no answer comes
]
KINDS: Sequence[Kind] = get_args(Kind)

_WORDS = {
    "401": ("Unauthorized", "Invalid Credentials", "authError"),
    "403": ("Forbidden", "Request had insufficient authentication scopes.", "insufficientScopes"),
    "429": ("Too Many Requests", "Too many concurrent requests.", "rateLimitExceeded"),
    "500": ("Internal Server Error", "Internal error encountered.", "backendError"),
    "503": ("Service Unavailable", "The service is currently unavailable.", "backendError"),
}
_LARGEST = 100_000_000
_HEAD = 1 << 20


@dataclass(frozen=True)
class Fault:
    """What goes wrong at request number `at`, counted from 1; with `lasting`, at all later too."""

    kind: Kind
    at: int
    lasting: bool = False

    def meets(self, number: int) -> bool:
        return number == self.at or (number > self.at and self.lasting)


@dataclass
class FaultProxy:
    """Stands before `upstream`.

    `seen` are the requests that came, such as "GET /v1/pages", and `bodies` what they carried.
    """

    upstream: str
    fault: Fault | None = None
    seen: list[str] = field(default_factory=list[str])
    bodies: list[bytes] = field(default_factory=list[bytes])
    _server: asyncio.Server | None = None
    _port: int = 0
    _open: set[asyncio.Task[None]] = field(default_factory=set[asyncio.Task[None]])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0, limit=_HEAD)
        self._port = self._server.sockets[0].getsockname()[1]
        self._refuse_next()
        return self

    async def __aexit__(self, *error: object) -> None:
        self._stop_listening()
        for task in self._open:
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    def _stop_listening(self) -> None:
        if self._server:
            self._server.close()

    def _refuse_next(self) -> None:
        if self.fault and self.fault.kind == "refuse" and self.fault.at <= len(self.seen) + 1:
            self._stop_listening()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._open.add(task)
        try:
            await self._serve(reader, writer)
        except (OSError, asyncio.IncompleteReadError):
            pass  # the other side left first
        finally:
            writer.close()
            self._open.discard(task)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        body = await reader.readexactly(min(_length(head), _LARGEST))
        self.seen.append(" ".join(head.split(b"\r\n")[0].decode("latin-1").split()[:2]))
        self.bodies.append(body)
        fault = self.fault if self.fault and self.fault.meets(len(self.seen)) else None
        kind = fault.kind if fault else None
        match kind:
            case "drop before" | "refuse":
                return
            case "silence":
                await reader.read()  # until the client has had enough
                return
            case "401" | "403" | "429" | "500":
                writer.write(_answer(kind))
            case _:
                answer = await self._forward(head, body)
                if kind == "drop after":
                    return
                if kind == "silence after":
                    await reader.read()
                    return
                if kind == "503 after":
                    answer = _answer("503")
                elif kind == "half":
                    start = answer.find(b"\r\n\r\n") + 4
                    answer = answer[: (start + len(answer)) // 2]
                writer.write(answer)
        self._refuse_next()
        await writer.drain()

    async def _forward(self, head: bytes, body: bytes) -> bytes:
        """The server's whole answer, as bytes."""
        parts = urlsplit(self.upstream)
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        lines = [
            line
            for line in head.rstrip(b"\r\n").split(b"\r\n")
            if not line.lower().startswith((b"connection:", b"host:"))
        ]
        lines += [b"Host: " + parts.netloc.encode(), b"Connection: close"]
        writer.write(b"\r\n".join(lines) + b"\r\n\r\n" + body)
        try:
            await writer.drain()
            return await reader.read(-1)
        finally:
            writer.close()


def _length(head: bytes) -> int:
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-length" and value.strip().isdigit():
            return int(value)
    return 0


def _answer(status: str) -> bytes:
    """An error in the shape that Google's and most other servers give it."""
    title, message, reason = _WORDS[status]
    error = {"code": int(status), "message": message, "errors": [{"reason": reason}]}
    body = json.dumps({"error": error}).encode()
    lines = [
        f"HTTP/1.1 {status} {title}",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        "Connection: close",
        *(["Retry-After: 1"] if status == "429" else []),
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body
