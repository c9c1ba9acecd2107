"""A Notion to test with: stateful, on loopback, as strict as Notion's own client is typed.

Every request and every answer is checked against JSON Schemas made from `@notionhq/client`
(data/notion_schemas.sh). Faults are put in by the number of the request they hit.
"""

import asyncio
import contextlib
import gzip
import json
import re
import uuid
from base64 import b64encode
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Literal, get_args
from urllib.parse import parse_qsl, urlsplit

import jsonschema
from notion_world import ANN, BOT, Json, Refused, World, invalid

TOKEN = "ntn_test"
VERSION = "2026-03-11"

Fault = Literal[
    "429",
    "529",
    "500",
    "500 after",
    "drop",
    "drop after",
    "half after",
    "401",
    "403",
    "409",
    "silence",
    "silence after",
]
FAULTS: tuple[Fault, ...] = get_args(Fault)

_LARGEST = 500_000  # bytes of a request
_CODES = {
    "429": "rate_limited",
    "529": "service_overload",
    "500": "internal_server_error",
    "401": "unauthorized",
    "403": "restricted_resource",
    "409": "conflict_error",
}
_SCHEMAS = Path(__file__).parent / "data" / "notion_schemas.json.gz"
_ID = "([0-9a-f-]{32,36})"


@dataclass
class Server:
    """A running server. `log` has the method and path of each request, in their order."""

    world: World = field(default_factory=World)
    log: list[str] = field(default_factory=list[str])
    faults: dict[int, Fault] = field(default_factory=dict[int, Fault])
    problems: list[str] = field(default_factory=list[str])
    bytes_sent: int = 0
    port: int = 0
    retry_after: str = "0"
    tokens: set[str] = field(default_factory=lambda: {TOKEN})
    renewals: dict[str, str] = field(default_factory=dict[str, str])
    _talks: set[asyncio.Task[Any]] = field(default_factory=set[asyncio.Task[Any]])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._talks.add(task)
        task.add_done_callback(self._talks.discard)
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while await self._one(reader, writer):
                pass
        writer.close()

    async def hung_up(self) -> None:
        """Wait until every client is gone."""
        await asyncio.gather(*self._talks)

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        method, target, _ = head.split("\r\n")[0].split(" ")
        headers = {
            name.lower(): value.strip()
            for name, _, value in (row.partition(":") for row in head.split("\r\n")[1:])
        }
        raw = await reader.readexactly(int(headers.get("content-length", 0)))
        self.log.append(f"{method} {urlsplit(target).path.removeprefix('/v1')}")
        fault = self.faults.get(len(self.log))
        if fault in _CODES:
            error = _error(int(fault), _CODES[fault], "A fault.")
            return await self._send(writer, int(fault), error)
        if fault == "drop":
            return False
        if fault == "silence":
            await reader.read()
            return False
        status, answer = self.answer(method, target, headers, json.loads(raw) if raw else {})
        if fault == "drop after":
            return False
        if fault == "silence after":
            await reader.read()
            return False
        if fault == "500 after":
            error = _error(500, "internal_server_error", "A fault.")
            return await self._send(writer, 500, error)
        if fault == "half after":
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{")
            await writer.drain()
            return False
        return await self._send(writer, status, answer)

    async def _send(self, writer: asyncio.StreamWriter, status: int, answer: Json) -> bool:
        data = json.dumps(answer).encode()
        self.bytes_sent += len(data)
        more = f"Retry-After: {self.retry_after}\r\n" if status in (429, 529) else ""
        head = f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\n{more}"
        writer.write(f"{head}Content-Length: {len(data)}\r\n\r\n".encode() + data)
        await writer.drain()
        return True

    def answer(
        self, method: str, target: str, headers: dict[str, str], body: Json
    ) -> tuple[int, Json]:
        try:
            if "/v1/oauth/" in target:
                return 200, self._oauth(urlsplit(target).path, headers, body)
            if headers.get("authorization", "").removeprefix("Bearer ") not in self.tokens:
                raise Refused(401, "unauthorized", "API token is invalid.")
            if headers.get("notion-version") != VERSION:
                raise Refused(400, "missing_version", "Notion-Version is wrong.")
            return 200, self._route(method, target, body)
        except Refused as refused:
            return refused.status, _error(refused.status, refused.code, str(refused))

    def _oauth(self, path: str, headers: dict[str, str], body: Json) -> Json:
        """Codes are good once, and so are the tokens to renew with, as at Notion."""
        if headers.get("authorization") != f"Basic {b64encode(b'client:shh').decode()}":
            raise Refused(401, "invalid_client", "Client authentication failed.")
        if path.endswith("/revoke"):
            self.tokens.discard(body["token"])
            return {"request_id": "r"}
        if body["grant_type"] == "refresh_token":
            if token := self.renewals.pop(body["refresh_token"], ""):
                self.tokens.discard(token)
                return self._tokens()
        elif body["code"] == "good" and body["redirect_uri"].startswith("http://localhost:"):
            return self._tokens()
        raise Refused(400, "invalid_grant", "This grant is not valid.")

    def _tokens(self) -> Json:
        token, renewal = f"ntn_{uuid.uuid4().hex}", f"nrt_{uuid.uuid4().hex}"
        self.tokens.add(token)
        self.renewals[renewal] = token
        return {
            "access_token": token,
            "refresh_token": renewal,
            "token_type": "bearer",
            "bot_id": BOT,
            "workspace_name": "Acme",
        }

    def _route(self, method: str, target: str, body: Json) -> Json:
        parts = urlsplit(target)
        path = f"{method} {parts.path.removeprefix('/v1/')}"
        query: Json = dict(parse_qsl(parts.query))
        if "page_size" in query:
            query["page_size"] = int(query["page_size"])
        given = body | query
        for form, (kind, key, do) in _routes(self.world).items():
            found = re.fullmatch(form, path)
            if found:
                id = str(uuid.UUID(found[1])) if found.groups() else ""
                self._check(f"{kind}Parameters", given | ({key: id} if key else {}), path)
                answer = do(id, given)
                if isinstance(answer, list):
                    answer = _page_of(answer, given, kind)
                self._check(f"{kind}Response", answer, path)
                return answer
        self.problems.append(f"{path}: no such endpoint")
        raise Refused(400, "invalid_request_url", "Invalid request URL.")

    def _check(self, definition: str, value: Json, path: str) -> None:
        problem = wrong_with(definition, json.dumps(value))
        if problem:
            self.problems.append(f"{path}: not a {definition}: {problem}")
            raise invalid(f"body failed validation: {problem}")


@asynccontextmanager
async def running() -> AsyncGenerator[Server]:
    """A server with an empty world; what was asked or answered wrongly fails the test."""
    server = Server()
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    server.port = listening.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listening.close()
        await server.hung_up()
    if server.problems:
        raise AssertionError("\n".join(server.problems))


@cache
def wrong_with(definition: str, text: str) -> str:
    """What keeps a JSON text from being one of Notion's definitions; empty if nothing does."""
    errors = validator(definition).iter_errors(json.loads(text))
    return next((str(error.message)[:300] for error in errors), "")


@cache
def validator(definition: str) -> Any:
    schema = {"$ref": f"#/definitions/{definition}", "definitions": _definitions()}
    return jsonschema.Draft7Validator(schema)


@cache
def _definitions() -> Json:
    return json.loads(gzip.decompress(_SCHEMAS.read_bytes()))["definitions"]


def _routes(world: World) -> dict[str, tuple[str, str, Callable[[str, Json], Json | list[Json]]]]:
    return {
        "GET users/me": ("GetSelf", "", lambda _, __: _me()),
        "POST search": ("Search", "", lambda _, body: world.search(body)),
        "POST pages": ("CreatePage", "", lambda _, body: world.create(body)),
        f"GET pages/{_ID}": ("GetPage", "page_id", lambda id, _: world.retrieve(id)),
        f"PATCH pages/{_ID}": ("UpdatePage", "page_id", world.update),
        f"GET pages/{_ID}/markdown": (
            "GetPageMarkdown",
            "page_id",
            lambda id, _: world.markdown(id),
        ),
        f"PATCH pages/{_ID}/markdown": ("UpdatePageMarkdown", "page_id", world.write_markdown),
        f"GET blocks/{_ID}/children": (
            "ListBlockChildren",
            "block_id",
            lambda id, _: world.children(id),
        ),
        f"GET data_sources/{_ID}": (
            "GetDataSource",
            "data_source_id",
            lambda id, _: world.source(id),
        ),
        f"POST data_sources/{_ID}/query": ("QueryDataSource", "data_source_id", world.query),
        f"GET databases/{_ID}": ("GetDatabase", "database_id", lambda id, _: world.database(id)),
        "GET comments": (
            "ListComments",
            "",
            lambda _, query: world.comments_on(str(uuid.UUID(query["block_id"]))),
        ),
        "POST comments": ("CreateComment", "", lambda _, body: world.comment(body)),
        f"DELETE comments/{_ID}": (
            "DeleteComment",
            "comment_id",
            lambda id, _: world.delete_comment(id),
        ),
    }


_LISTS = {
    "Search": "page_or_data_source",
    "QueryDataSource": "page_or_data_source",
    "ListBlockChildren": "block",
    "ListComments": "comment",
}


def _page_of(every: list[Json], given: Json, kind: str) -> Json:
    start = int(given.get("start_cursor") or 0)
    end = start + int(given.get("page_size", 100))
    if not 0 < end - start <= 100:
        raise invalid("page_size is at most 100.")
    more = end < len(every)
    type = _LISTS[kind]
    return {
        "object": "list",
        "type": type,
        type: {},
        "results": every[start:end],
        "next_cursor": str(end) if more else None,
        "has_more": more,
    }


def _me() -> Json:
    ann = {
        "object": "user",
        "id": ANN,
        "type": "person",
        "name": "Ann",
        "avatar_url": None,
        "person": {"email": "ann@example.com"},
    }
    bot = {
        "owner": {"type": "user", "user": ann},
        "workspace_id": BOT,
        "workspace_name": "Acme",
        "workspace_limits": {"max_file_upload_size_in_bytes": 5242880},
    }
    return {
        "object": "user",
        "id": BOT,
        "type": "bot",
        "name": "m2agent",
        "avatar_url": None,
        "bot": bot,
    }


def _error(status: int, code: str, message: str) -> Json:
    return {"object": "error", "status": status, "code": code, "message": message}
