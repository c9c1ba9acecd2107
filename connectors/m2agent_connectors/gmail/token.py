"""The way into a Google account: a refresh token of the person's own client, and what it buys.

Only the refresh token is kept, in the vault; access tokens live in memory, so two processes never
trip each other. A token file named by M2AGENT_GMAIL_TOKEN_FILE comes before the vault.
"""

import json
import os
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

from m2agent import vault
from m2agent.errors import SetupError
from m2agent.secrets import remember

MODIFY = "https://www.googleapis.com/auth/gmail.modify"
READ_ONLY = "https://www.googleapis.com/auth/gmail.readonly"
GOOGLE = "https://oauth2.googleapis.com/token"
TOKEN_FILE = "M2AGENT_GMAIL_TOKEN_FILE"

_NEEDED = ("client_id", "client_secret", "refresh_token")
_DAY = 86_400
_TESTING = (6 * _DAY, 9 * _DAY)
"""After so many seconds an access that ends most likely ends because the project is in Testing."""


class AccessEnded(SetupError):
    """The person must sign in anew: nothing else helps."""


class Unreachable(Exception):
    """No connection could be made, so nothing was asked."""


def secret_name(account: str) -> str:
    """Under what name the vault keeps an account's token."""
    return f"gmail/{account}"


def connect_command(account: str) -> str:
    return f"m2agent connect gmail --account {account}"


class Token:
    """Gives bearer tokens, and renews them when they are about to end."""

    def __init__(self, info: dict[str, Any], account: str) -> None:
        self._account = account
        self._lock = threading.Lock()
        self._take(info)

    def _take(self, info: dict[str, Any]) -> None:
        from google.oauth2.credentials import Credentials

        self.info = info
        self._credentials: Any = Credentials(
            token=info.get("token"),
            refresh_token=info["refresh_token"],
            token_uri=info.get("token_uri") or GOOGLE,
            client_id=info["client_id"],
            client_secret=info["client_secret"],
        )

    @classmethod
    def load(cls, account: str) -> "Token":
        """The token of an account. Raises SetupError if it was never connected."""
        return cls(stored(account), account)

    def bearer(self, *, instead_of: str = "") -> str:
        """An access token, another one than `instead_of`, which was refused.

        Raises SetupError when Google does not renew it any more, Unreachable without a network.
        """
        with self._lock:
            now = self._credentials
            if now.expired or not now.token or now.token == instead_of:
                self._renew()
            return cast(str, self._credentials.token)

    def _renew(self) -> None:
        """Renew the access token; by what the vault holds now, if another process has renewed it.

        Google's answer may hold a new refresh token, which is kept; without one the old one stays.
        """
        from google.auth.exceptions import RefreshError

        try:
            self._refresh()
        except RefreshError as error:
            now = stored(self._account)
            if now["refresh_token"] == self.info["refresh_token"]:
                raise _refused(error, self._account, self.info) from error
            self._take(now)
            try:
                self._refresh()
            except RefreshError as again:
                raise _refused(again, self._account, now) from again
        renewed = cast(str, self._credentials.refresh_token)
        if renewed != self.info["refresh_token"]:
            self.info = {**self.info, "refresh_token": renewed}
            keep(self._account, self.info)

    def _refresh(self) -> None:
        import requests
        from google.auth.exceptions import TransportError
        from google.auth.transport.requests import Request

        try:
            with requests.Session() as session:
                self._credentials.refresh(Request(session))
            remember(cast(str, self._credentials.token))
        except TransportError as error:
            raise Unreachable(f"Google cannot be reached: {error}") from error


def keep(account: str, info: dict[str, Any], *, in_file: bool = False) -> str:
    """Keep an account's token, where the one before is if there is one. Returns the place."""
    name = secret_name(account)
    kept = {key: value for key, value in info.items() if key != "token"}
    return vault.keep(name, json.dumps(kept), in_file=in_file or vault.in_file(name))


def kept(account: str) -> dict[str, Any] | None:
    """What the vault holds of an account; None if that is nothing, or nothing of use."""
    try:
        return _parsed(vault.read(secret_name(account)) or "")
    except ValueError:
        return None


def may_write(info: dict[str, Any]) -> bool:
    """Whether the access covers more than reading, as far as is known."""
    scopes = info.get("scopes")
    return not scopes or any(scope in str(scopes) for scope in (MODIFY, "https://mail.google.com/"))


def ends(info: dict[str, Any]) -> str:
    """The day on which Google will end the access by itself; empty if it will not."""
    at = info.get("ends_at")
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d") if at else ""


def revoke(account: str) -> str:
    """Tell Google to end the access, and forget it. Returns what was done, in words.

    Raises SetupError, with the token still kept, if Google cannot be told.
    """
    import requests

    if os.environ.get(TOKEN_FILE):
        raise SetupError(
            f"The access comes from the file that {TOKEN_FILE} names, not from the vault.",
            fix=f"unset {TOKEN_FILE}",
        )
    if vault.read(secret_name(account)) is None:
        return "It was not connected."
    info = stored(account)
    place = (info.get("token_uri") or GOOGLE).removesuffix("token") + "revoke"
    try:
        answer = requests.post(place, data={"token": info["refresh_token"]}, timeout=30)
        ended = answer.status_code == 200 or "invalid_token" in answer.text
        problem = f"it answered {answer.status_code}"
    except requests.RequestException as error:
        ended, problem = False, type(error).__name__
    if not ended:
        raise SetupError(
            f"Google could not be told to end the access ({problem}); it is still kept here.",
            fix="Try again, or end it yourself: https://myaccount.google.com/connections",
        )
    vault.forget(secret_name(account))
    return "Google has ended the access, and its token is forgotten."


def _refused(error: Exception, account: str, info: dict[str, Any]) -> SetupError:
    words = str(error)
    if "invalid_grant" not in words:
        return SetupError(
            f"Google does not renew the access of the account {account!r}: {words[:200]}.",
            fix=f"Run: {connect_command(account)}",
        )
    age = time.time() - float(info.get("connected_at") or 0)
    if ends(info) or _TESTING[0] < age < _TESTING[1]:
        return AccessEnded(
            f"Google ended the access of the account {account!r} 7 days after it was given, as it"
            " does while the Google Cloud project is in Testing.",
            fix="Publish it at https://console.cloud.google.com/auth/audience (Publish app), then"
            f" run: {connect_command(account)}",
        )
    return AccessEnded(
        f"Google has ended the access of the account {account!r}: it was revoked, the password was"
        " changed, or the Google Cloud project is in Testing, where access ends after 7 days.",
        fix="See that https://console.cloud.google.com/auth/audience says In production, then run:"
        f" {connect_command(account)}",
    )


def stored(account: str) -> dict[str, Any]:
    """What is kept of an account, in Google's form of an authorized user. Raises SetupError."""
    named = os.environ.get(TOKEN_FILE)
    if named:
        try:
            text = Path(named).expanduser().read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise SetupError(
                f"The token file {named} cannot be read: {error}.",
                fix=f"Correct {TOKEN_FILE}, or unset it to use the keyring.",
            ) from error
        where = named
    else:
        text = vault.read(secret_name(account))
        where = "the keyring"
        if text is None:
            raise SetupError(
                f"The account {account!r} is not connected to Gmail yet.",
                fix=f"Run: {connect_command(account)}",
            )
    try:
        return _parsed(text)
    except ValueError:
        raise SetupError(
            f"What {where} holds for the account {account!r} is no Google token: it needs"
            f" {', '.join(_NEEDED)}.",
            fix=f"Run: {connect_command(account)}",
        ) from None


def _parsed(text: str) -> dict[str, Any]:
    info = json.loads(text)
    if not isinstance(info, dict):
        raise ValueError
    found = cast(dict[str, Any], info)
    if not all(isinstance(found.get(key), str) for key in _NEEDED):
        raise ValueError
    return found
