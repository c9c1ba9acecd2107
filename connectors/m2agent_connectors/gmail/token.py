"""The way into a Google account: a refresh token of the person's own client, and what it buys.

Only the refresh token is kept, in the vault; access tokens live in memory, so two processes never
trip each other. A token file named by M2AGENT_GMAIL_TOKEN_FILE comes before the vault.
"""

import json
import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from m2agent import vault
from m2agent.errors import SetupError

if TYPE_CHECKING:
    from google.oauth2.credentials import Credentials

MODIFY = "https://www.googleapis.com/auth/gmail.modify"
READ_ONLY = "https://www.googleapis.com/auth/gmail.readonly"
GOOGLE = "https://oauth2.googleapis.com/token"
TOKEN_FILE = "M2AGENT_GMAIL_TOKEN_FILE"

_NEEDED = ("client_id", "client_secret", "refresh_token")


class Unreachable(Exception):
    """No connection could be made, so nothing was asked."""


def secret_name(account: str) -> str:
    """Under what name the vault keeps an account's token."""
    return f"gmail/{account}"


def connect_command(account: str) -> str:
    return f"m2agent connect gmail --account {account}"


class Token:
    """Gives bearer tokens, and renews them when they are about to end."""

    def __init__(self, credentials: "Credentials", account: str) -> None:
        self._credentials = credentials
        self._account = account
        self._lock = threading.Lock()

    @classmethod
    def load(cls, account: str) -> "Token":
        """The token of an account. Raises SetupError if it was never connected."""
        from google.oauth2.credentials import Credentials

        info = _stored(account)
        credentials = Credentials(
            token=info.get("token"),
            refresh_token=info["refresh_token"],
            token_uri=info.get("token_uri") or GOOGLE,
            client_id=info["client_id"],
            client_secret=info["client_secret"],
        )
        return cls(credentials, account)

    def bearer(self, *, instead_of: str = "") -> str:
        """An access token, another one than `instead_of`, which was refused.

        Raises SetupError when Google does not renew it any more, Unreachable without a network.
        """
        with self._lock:
            now = cast(Any, self._credentials)
            if now.expired or not now.token or now.token == instead_of:
                self._renew()
            return cast(str, now.token)

    def _renew(self) -> None:
        import requests
        from google.auth.exceptions import RefreshError, TransportError
        from google.auth.transport.requests import Request

        try:
            with requests.Session() as session:
                cast(Any, self._credentials).refresh(Request(session))
        except TransportError as error:
            raise Unreachable(f"Google cannot be reached: {error}") from error
        except RefreshError as error:
            raise _refused(error, self._account) from error


def _refused(error: Exception, account: str) -> SetupError:
    words = str(error)
    if "invalid_grant" in words:
        return SetupError(
            f"Google has ended the access of the account {account!r}: it was revoked, or the Google"
            " Cloud project is still in Testing, where access ends after 7 days.",
            fix="Publish the project (Google Auth Platform, Audience, Publish app), then run:"
            f" {connect_command(account)}",
        )
    return SetupError(
        f"Google does not renew the access of the account {account!r}: {words[:200]}.",
        fix=f"Run: {connect_command(account)}",
    )


def _stored(account: str) -> dict[str, Any]:
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
        info = json.loads(text)
    except ValueError:
        info = None
    if not isinstance(info, dict) or not all(
        isinstance(cast(dict[str, Any], info).get(key), str) for key in _NEEDED
    ):
        raise SetupError(
            f"What {where} holds for the account {account!r} is no Google token: it needs"
            f" {', '.join(_NEEDED)}.",
            fix=f"Run: {connect_command(account)}",
        )
    return cast(dict[str, Any], info)
