"""The way to a server: requests that wait where they are asked to, streams, errors in words."""

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar

import httpx
import msgspec

from m2agent.errors import ContextFull, ModelError, SetupError
from m2agent.printable import one_line
from m2agent_models.server.key import key_of
from m2agent_models.server.overflow import overflow

_CONNECT_SECONDS = 10.0
_SILENT_SECONDS = 900.0
"""A long prompt is read without a word; after this the server counts as lost."""
_PATIENCE_SECONDS = 180.0
"""How long in all a request waits for a server that is loading or asks to come back later."""
_BUSY = (429, 503)
_LOCKED = (401, 403)
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_LONGEST = 16 * 1024 * 1024
"""Bytes of one answer, or of one event of a stream."""
_LONGEST_MESSAGE = 300
T = TypeVar("T")


class Unreachable(ModelError):
    """Nobody answers at the address."""


class _Words(msgspec.Struct, frozen=True):
    message: str = ""


class _Error(msgspec.Struct, frozen=True):
    """An error in the ways in which servers write one."""

    error: _Words | str = ""
    message: str = ""
    detail: Any = ""


class Connection:
    """One server. `context` is what is known of its size, for overflow errors without figures."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.context: int | None = None
        timeout = httpx.Timeout(_SILENT_SECONDS, connect=_CONNECT_SECONDS, pool=None)
        # Reading all certificates takes longer than the rest of opening; plain HTTP needs none.
        tls = url.startswith("https:")
        self._client = httpx.AsyncClient(base_url=url, timeout=timeout, verify=tls)
        self._key: str | None = None

    async def get(self, path: str, kind: type[T]) -> T | None:
        """What stands there; None where there is no such path, or something else behind it.

        Raises SetupError for a server that wants a key.
        """
        async with self._answer("GET", path, None) as response:
            if response.status_code in _LOCKED:
                has = "m2agent has none for it" if self._key is None else "not the one it was given"
                raise SetupError(
                    f"The server at {self.url} wants a key, and {has}.",
                    fix=f"Keep it in the keyring: m2agent models key {self.url}",
                )
            if response.is_client_error:
                return None
            await self._check(response)
            body = await _read(response)
        try:
            return msgspec.json.decode(body, type=kind)
        except _UNREADABLE:
            return None

    async def post(self, path: str, body: Any, kind: type[T]) -> T:
        async with self._answer("POST", path, body) as response:
            await self._check(response)
            return self.read(await _read(response), kind)

    async def stream(self, path: str, body: Any) -> AsyncGenerator[bytes, None]:
        """The data of each event that the server sends. Closing it ends the request at once."""
        async with self._answer("POST", path, body) as response:
            await self._check(response)
            rest = b""
            async for piece in response.aiter_bytes():
                *lines, rest = (rest + piece).split(b"\n")
                for line in lines:
                    if line.startswith(b"data:"):
                        yield line.removeprefix(b"data:").strip()
                if len(rest) > _LONGEST:
                    raise ModelError(f"The server at {self.url} sent an event without end.")

    def read(self, data: bytes, kind: type[T]) -> T:
        """Raises ModelError for what does not have the expected form."""
        try:
            return msgspec.json.decode(data, type=kind)
        except _UNREADABLE as error:
            raise ModelError(f"The server at {self.url} sent what makes no sense: {error}.") from (
                error
            )

    def refusal(self, message: str, status: int | None = None) -> ModelError:
        """The error that a message of the server stands for."""
        if counts := overflow(message, self.context):
            prompt, self.context = counts
            return ContextFull(prompt, self.context)
        words = one_line(message, _LONGEST_MESSAGE).rstrip(".")
        answered = f"answered {status}" if status else "gave up"
        return ModelError(f"The server at {self.url} {answered}: {words or 'without a word'}.")

    def broke_off(self) -> ModelError:
        return ModelError(
            f"The server at {self.url} broke off in the middle of its answer. "
            "Nothing that was done is lost: the run can be resumed."
        )

    async def close(self) -> None:
        await self._client.aclose()

    @asynccontextmanager
    async def _answer(
        self, method: str, path: str, body: Any
    ) -> AsyncGenerator[httpx.Response, None]:
        """The answer with its body still to come; a busy server is asked again, for a while.

        Nothing was generated when a server says that it is busy, so asking again costs nothing.
        """
        content = None if body is None else msgspec.json.encode(body)
        headers = {"content-type": "application/json"} if content else None
        until = time.monotonic() + _PATIENCE_SECONDS
        pause = 1.0
        try:
            while True:
                request = self._client.stream(method, path, content=content, headers=headers)
                async with request as response:
                    if response.status_code in _LOCKED and await self._unlocked():
                        continue
                    if response.status_code not in _BUSY:
                        yield response
                        return
                    asked = _retry_after(response)
                    data = await _read(response)
                wait = pause if asked is None else asked
                if time.monotonic() + wait > until:
                    raise self._busy(response.status_code, data)
                await asyncio.sleep(wait)
                pause = min(2 * max(pause, wait), 30.0)
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            why = str(error) or "no answer in time"
            raise Unreachable(f"No server answers at {self.url} ({why}).") from error
        except httpx.TransportError as error:
            raise self.broke_off() from error

    async def _unlocked(self) -> bool:
        """Whether a key was found that was not sent yet; it is looked up only where it is needed.

        Raises SetupError for a keyring that does not answer.
        """
        if self._key is not None:
            return False
        self._key = await asyncio.to_thread(key_of, self.url)
        if self._key is None:
            return False
        self._client.headers["Authorization"] = f"Bearer {self._key}"
        return True

    def _busy(self, status: int, data: bytes) -> ModelError:
        return ModelError(
            f"The server at {self.url} has been busy for too long "
            f"({status}: {one_line(_message(data), _LONGEST_MESSAGE) or 'no reason given'}). "
            "Resume the run when it has time."
        )

    async def _check(self, response: httpx.Response) -> None:
        if not response.is_success:
            raise self.refusal(_message(await _read(response)), response.status_code)


async def _read(response: httpx.Response) -> bytes:
    data = b""
    async for piece in response.aiter_bytes():
        data += piece
        if len(data) > _LONGEST:
            raise ModelError(f"The server at {response.url} sent an answer without end.")
    return data


def _message(data: bytes) -> str:
    try:
        found = msgspec.json.decode(data, type=_Error)
    except _UNREADABLE:
        return data.decode("utf-8", "replace")
    error = found.error if isinstance(found.error, str) else found.error.message
    return error or found.message or str(found.detail)


def _retry_after(response: httpx.Response) -> float | None:
    """Seconds the server asks to wait, or None."""
    asked = response.headers.get("retry-after", "")
    if asked.isdecimal():
        return float(asked)
    try:
        return max(0.0, parsedate_to_datetime(asked).timestamp() - time.time())
    except ValueError:
        return None
