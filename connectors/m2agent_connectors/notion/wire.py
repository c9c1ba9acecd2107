"""Requests to Notion: not faster than it allows, never a write twice, and errors as words.

Notion has no key by which it would know a repeated request. So a write is repeated only after an
answer which says that nothing was done; after anything else it may have happened, which is
`Unclear`, and the tool's reconcile hook looks. Reads are repeated a few times.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any, cast

import httpx
from notion_client import AsyncClient
from notion_client.errors import (
    HTTPResponseError,
    InvalidPathParameterError,
    NotionClientErrorBase,
    RequestTimeoutError,
)

from m2agent.errors import Busy, ToolFailed, Unclear
from m2agent.printable import one_line

VERSION = "2026-03-11"
"""The first version whose pages can be read and written as Markdown."""

_TRIES = 5
_LONGEST_WAIT = 60.0
_NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
_OVERLOADED = 529

_log = logging.getLogger("m2agent.notion")

_silent = logging.Logger("notion_client")
_silent.addHandler(logging.NullHandler())

_WORDS = {
    "unauthorized": (
        "Notion does not accept the token any more. Only the person can help: m2agent connect "
        "notion."
    ),
    "restricted_resource": (
        "Notion does not let this connection do that. The person can widen its capabilities at "
        "notion.so/profile/integrations."
    ),
    "object_not_found": (
        "There is nothing with this id, or it is not shared with m2agent. Search first; the person "
        "can share a page in its menu: Connections, then m2agent's."
    ),
    "conflict_error": "Somebody changed it at this very moment. Read it, then try again.",
    "rate_limited": "Notion asks to slow down, for too long. Go on with something else.",
}


def client(token: str, base_url: str, http: httpx.AsyncClient | None = None) -> AsyncClient:
    """notion-client that repeats nothing by itself and writes nothing to the terminal."""
    return AsyncClient(
        client=http,
        auth=token,
        base_url=base_url,
        notion_version=VERSION,
        retry=False,
        logger=_silent,
    )


class NotThere(ToolFailed):
    """No object with that id, or none that is shared."""


@dataclass
class Wire:
    """A client with a pace: at most `per_minute` requests in any minute, as Notion counts them.

    `patience` is the seconds before a read is tried again; they double each time. `renew` gives a
    token instead of one that was refused.
    """

    client: AsyncClient
    per_minute: int = 180
    patience: float = 1.0
    renew: Callable[[str], Awaitable[str]] | None = None
    _sent: deque[float] = field(default_factory=deque[float])
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def read(self, request: Callable[[AsyncClient], Awaitable[Any]]) -> dict[str, Any]:
        """What Notion answers. Raises ToolFailed, and NotThere."""
        return await self._ask(request, write=False)

    async def write(self, request: Callable[[AsyncClient], Awaitable[Any]]) -> dict[str, Any]:
        """The same for a change, which happens at most once.

        Raises ToolFailed if it did not happen, Unclear if it may have.
        """
        return await self._ask(request, write=True)

    async def _ask(
        self, request: Callable[[AsyncClient], Awaitable[Any]], *, write: bool
    ) -> dict[str, Any]:
        for tried in range(1, _TRIES + 1):
            await self._pace()
            try:
                return cast(dict[str, Any], await request(self.client))
            except InvalidPathParameterError as error:
                raise ToolFailed("That is no id of Notion's. Search first.") from error
            except (NotionClientErrorBase, httpx.HTTPError, ValueError) as error:
                if await self._renewed(error, first=tried == 1):
                    continue
                wait = _wait(error, self.patience * 2 ** (tried - 1), write=write)
                if wait is None or wait > _LONGEST_WAIT or tried == _TRIES:
                    raise _words(error, write=write) from error
            _log.info("Notion asks for a pause of %.0f s.", wait)
            await asyncio.sleep(wait)
        raise AssertionError("unreachable: the last try returns or raises")

    async def _renewed(self, error: Exception, *, first: bool) -> bool:
        """Whether there is a new token, after one was refused: so nothing was done with it."""
        if not first or self.renew is None or getattr(error, "status", 0) != 401:
            return False
        headers = self.client.client.headers
        refused = headers["Authorization"].removeprefix("Bearer ")
        headers["Authorization"] = f"Bearer {await self.renew(refused)}"
        return True

    async def _pace(self) -> None:
        async with self._turn:
            if len(self._sent) >= self.per_minute:
                await asyncio.sleep(max(0.0, self._sent.popleft() + 60 - time.monotonic()))
            self._sent.append(time.monotonic())


def _wait(error: Exception, backoff: float, *, write: bool) -> float | None:
    """Seconds until the request may be repeated; None if it must not be."""
    if not isinstance(error, HTTPResponseError):
        return None if write else backoff
    asked = _retry_after(error)
    if error.status == 429 or (error.status == _OVERLOADED and asked is not None):
        return backoff if asked is None else asked
    if write or error.status not in (409, 500, 502, 503, 504, _OVERLOADED):
        return None
    return backoff if asked is None else asked


def _retry_after(error: HTTPResponseError) -> float | None:
    """Seconds; the header holds them, or a date."""
    given = error.headers.get("retry-after", "")
    if given.isascii() and given.isdigit():
        return float(given)
    try:
        return max(0.0, parsedate_to_datetime(given).timestamp() - time.time())
    except ValueError:
        return None


def _words(error: Exception, *, write: bool) -> ToolFailed:
    """The error for the model; for a write, whether it may have happened."""
    if isinstance(error, HTTPResponseError):
        code = str(getattr(error.code, "value", error.code))
        if code == "object_not_found":
            return NotThere(_WORDS[code])
        if error.status == 429:
            return Busy(_WORDS["rate_limited"], _retry_after(error))
        if error.status < 500 and code in _WORDS:
            return ToolFailed(_WORDS[code])
        said = one_line(str(error), 600)
        if error.status < 500:
            return ToolFailed(f"Notion refused this, and nothing was changed: {said}")
        if write:
            return Unclear(f"Notion failed while changing it (HTTP {error.status}).")
        return Busy(f"Notion does not work just now (HTTP {error.status}). Try again later.")
    cause = error.__context__ if isinstance(error, RequestTimeoutError) else error
    if write and not isinstance(cause, _NEVER_SENT):
        return Unclear("The connection to Notion broke before it answered.")
    nothing = " Nothing was changed." if write else ""
    return Busy(f"Notion cannot be reached.{nothing} Try again later, or tell the person.")
