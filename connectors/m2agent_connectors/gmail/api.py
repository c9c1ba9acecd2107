"""Ask Gmail: with patience where asking again is harmless, and exactly once where it is not."""

import asyncio
import json
import logging
import random
from collections.abc import Sequence
from email.utils import mktime_tz, parsedate_tz
from importlib.resources import files
from time import time
from typing import TYPE_CHECKING, Any, cast

from m2agent.errors import Busy, SetupError, ToolFailed, Unclear
from m2agent_connectors.gmail.token import AccessEnded, Token, Unreachable, connect_command
from m2agent_connectors.gmail.transport import Lost, Transport
from m2agent_connectors.mail.clean import one_line

if TYPE_CHECKING:
    from googleapiclient.errors import HttpError

_TRIES = 4
_FIRST_WAIT = 0.5  # seconds; doubled each time
_LONGEST_WAIT = 60.0
_AT_ONCE = 8
_RATE = ("rateLimitExceeded", "userRateLimitExceeded", "quotaExceeded", "dailyLimitExceeded")


class NotThere(ToolFailed):
    """Gmail knows no such mail, draft, thread or label."""


class _Again(Exception):
    """Worth another try, after so many seconds if Gmail said so."""

    def __init__(self, words: str, wait: float | None = None) -> None:
        super().__init__(words)
        self.wait = wait


class Api:
    """Gmail's methods: build a request from `users`, then carry it out with `ask` or `once`."""

    def __init__(self, token: Token, account: str, root_url: str | None, timeout: float) -> None:
        from googleapiclient.discovery import build_from_document

        # It would write each refused request onto the person's screen; here these become words.
        logging.getLogger("googleapiclient").setLevel(logging.CRITICAL)
        self._account = account
        self._transport = Transport(token, timeout)
        path = "discovery_cache/documents/gmail.v1.json"
        document = json.loads(files("googleapiclient").joinpath(path).read_bytes())
        if root_url:
            document["rootUrl"] = root_url.rstrip("/") + "/"
            document.pop("mtlsRootUrl", None)
        self.users: Any = build_from_document(document, http=self._transport).users()
        self._slots = asyncio.Semaphore(_AT_ONCE)

    def close(self) -> None:
        self._transport.close()

    async def ask(self, request: Any) -> dict[str, Any]:
        """Carry out what may be repeated, and repeat it while Gmail is busy or out of reach.

        Raises ToolFailed, in words for the model, when that does not help.
        """
        for tries_left in reversed(range(_TRIES)):
            try:
                async with self._slots:
                    return await asyncio.to_thread(self._execute, request)
            except (Unreachable, Lost) as error:
                again = _Again(str(error))
            except _Again as error:
                again = error
            wait = again.wait
            if wait is None:
                wait = _FIRST_WAIT * 2 ** (_TRIES - 1 - tries_left) * random.uniform(0.8, 1.2)
            if not tries_left or wait > _LONGEST_WAIT:
                told = f" It asks to wait {wait:.0f} seconds." if again.wait else ""
                raise Busy(f"{again}{told} Try again later.", again.wait)
            await asyncio.sleep(wait)
        raise AssertionError("unreachable: the last try returns or raises")

    async def all(self, requests: Sequence[Any]) -> list[dict[str, Any]]:
        """Ask several things side by side; the answers in their order."""
        return list(await asyncio.gather(*map(self.ask, requests)))

    async def once(self, request: Any) -> dict[str, Any]:
        """Carry out what must not happen twice.

        Raises ToolFailed when nothing happened, Unclear when that cannot be known.
        """
        try:
            return await asyncio.to_thread(self._execute, request)
        except Unreachable as error:
            raise ToolFailed(f"{error} Nothing was changed. Try again later.") from error
        except Lost as error:
            raise Unclear(str(error)) from error
        except _Busy as error:
            raise ToolFailed(f"{error} Nothing was changed. Try again later.") from error
        except _Again as error:
            raise Unclear(str(error)) from error

    def _execute(self, request: Any) -> dict[str, Any]:
        from googleapiclient.errors import HttpError

        try:
            return cast(dict[str, Any], request.execute(http=self._transport, num_retries=0) or {})
        except HttpError as error:
            raise self._explained(error) from error
        except ValueError as error:
            raise Lost("Gmail's answer cannot be read.") from error

    def _explained(self, error: "HttpError") -> Exception:
        status = int(error.resp.status)
        reason, message = _reason(error.content)
        words = one_line(message or str(error.reason), 200)
        wait = _retry_after(error.resp.get("retry-after"))
        if status == 429 or (status == 403 and reason in _RATE):
            return _Busy("Gmail asks to slow down.", wait)
        if status >= 500 or status == 408:
            return _Again(f"Gmail has a problem of its own ({status}).")
        if status == 404 or (status == 400 and "invalid id" in words.lower()):
            return NotThere("Gmail does not know it.")
        if status == 401:
            return AccessEnded(
                f"Google does not accept the sign-in of the account {self._account!r}.",
                fix=f"Run: {connect_command(self._account)}",
            )
        if status == 403 and reason == "accessNotConfigured":
            return SetupError(
                "The Gmail API is not enabled in the Google Cloud project.",
                fix="Enable it: https://console.cloud.google.com/apis/library/gmail.googleapis.com",
            )
        if status == 403 and ("insufficient" in reason.lower() or "scope" in words.lower()):
            return ToolFailed(
                f"The account {self._account!r} may only read. The person can change that with:"
                f" {connect_command(self._account)}"
            )
        if status == 413:
            return ToolFailed("It is too large for Gmail. Attach fewer files, or smaller ones.")
        return ToolFailed(f"Gmail refused it: {words} ({status}).")


class _Busy(_Again):
    """Turned away at the door: certainly nothing was done."""


def _reason(content: bytes) -> tuple[str, str]:
    """Google's word for what is wrong, and its sentence; both may be empty."""
    try:
        error = json.loads(content)["error"]
        if isinstance(error, str):
            return error, error
        reasons = [item.get("reason", "") for item in error.get("errors", [])]
        reasons += [item.get("reason", "") for item in error.get("details", [])]
        return next((r for r in reasons if r), str(error.get("status", ""))), error["message"]
    except (ValueError, KeyError, TypeError, AttributeError):
        return "", ""


def _retry_after(value: str | None) -> float | None:
    """Seconds to wait: the header holds these, or a date."""
    if not value:
        return None
    if value.strip().isascii() and value.strip().isdigit():
        return float(value[:9])
    fields = parsedate_tz(value[:100])
    return max(mktime_tz(fields) - time(), 0.0) if fields else None
