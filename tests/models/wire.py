"""A small HTTP server for tests: it answers as it is told and keeps what it was sent."""

import asyncio
import json
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

ENDLESS = "endless"
"""As the last event of an answer: the server goes on until the client hangs up."""


@dataclass(frozen=True)
class Answer:
    """`events` are streamed; the stream is cut off unless it is `whole`."""

    status: int = 200
    body: Any = None
    events: Sequence[Any] = ()
    headers: dict[str, str] = field(default_factory=dict[str, str])
    whole: bool = True


@dataclass
class Wire:
    """`pages` are answered by path, everything else by `answers` in their order."""

    pages: dict[str, Any]
    answers: list[Answer] = field(default_factory=list[Answer])
    bodies: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    hung_up: asyncio.Event = field(default_factory=asyncio.Event)
    url: str = ""
    key: str = ""
    """What every request must have, if anything."""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                lines = head.decode().split("\r\n")
                path = lines[0].split()[1]
                sizes = [line for line in lines if line.lower().startswith("content-length:")]
                body = await reader.readexactly(int(sizes[0].split(":")[1])) if sizes else b""
                if self.key and f"authorization: bearer {self.key}" not in map(str.lower, lines):
                    writer.write(_head(401, {"content-length": "0"}))
                    continue
                await self._answer(path, body, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            self.hung_up.set()
        finally:
            writer.close()

    async def _answer(self, path: str, body: bytes, writer: asyncio.StreamWriter) -> None:
        if not body:
            page = self.pages.get(path)
            answer = page if isinstance(page, Answer) else Answer(200 if page else 404, page)
        else:
            self.bodies.append(json.loads(body))
            answer = self.answers.pop(0)
        headers = {"content-type": "application/json", **answer.headers}
        if not answer.events:
            data = answer.body if isinstance(answer.body, bytes) else _json(answer.body)
            headers["content-length"] = str(len(data))
            writer.write(_head(answer.status, headers) + data)
            await writer.drain()
            return
        writer.write(_head(answer.status, headers | {"transfer-encoding": "chunked"}))
        for event in answer.events:
            while event == ENDLESS:
                writer.write(_chunk(_event(text("and on "))))
                await writer.drain()
                await asyncio.sleep(0.005)
            writer.write(_chunk(_event(event)))
        if not answer.whole:
            raise ConnectionAbortedError
        writer.write(_chunk(b""))
        await writer.drain()


@asynccontextmanager
async def serving(pages: dict[str, Any], *answers: Answer) -> AsyncGenerator[Wire, None]:
    wire = Wire(pages, list(answers))
    server = await asyncio.start_server(wire.serve, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    wire.url = f"http://{host}:{port}"
    try:
        yield wire
    finally:
        server.close()


def delta(**fields: Any) -> dict[str, Any]:
    return {"choices": [{"delta": fields, "finish_reason": None}]}


def text(content: str) -> dict[str, Any]:
    return delta(content=content)


def call(index: int | None, name: str | None, arguments: str, id: str | None = None) -> Any:
    function = {"name": name, "arguments": arguments}
    return delta(tool_calls=[{"index": index, "id": id, "function": function}])


def end(reason: str = "stop", **usage: Any) -> list[Any]:
    """What closes a stream."""
    last: list[Any] = [{"choices": [{"delta": {}, "finish_reason": reason}]}]
    return [*last, {"choices": [], "usage": usage}, "[DONE]"] if usage else [*last, "[DONE]"]


def stream(*events: Any, reason: str = "stop", **usage: Any) -> Answer:
    return Answer(events=[*events, *end(reason, **usage)])


def _json(value: Any) -> bytes:
    return json.dumps(value).encode()


def _event(value: Any) -> bytes:
    data = value if isinstance(value, str) else json.dumps(value)
    return f"data: {data}\n\n".encode()


def _chunk(data: bytes) -> bytes:
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


def _head(status: int, headers: dict[str, str]) -> bytes:
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 {status} Whatever\r\n{lines}\r\n".encode()
