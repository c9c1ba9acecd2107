"""How a person lets m2agent into their Google account: with a client of their own, and PKCE.

No client is shipped with m2agent: Google would have it audited each year, and count its users.
"""

import json
import secrets
import time
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlencode

from m2agent.errors import SetupError, UsageError
from m2agent_connectors.gmail.api import Api
from m2agent_connectors.gmail.mailbox import Mailbox
from m2agent_connectors.gmail.servers import is_safe
from m2agent_connectors.gmail.token import GOOGLE, MODIFY, READ_ONLY, Token, Unreachable

CLIENTS = "https://console.cloud.google.com/auth/clients"

_SIGN_IN = "https://accounts.google.com/o/oauth2/auth"
_LONGEST_TESTING = 30 * 86_400  # seconds; an access that is told to end sooner is one of Testing
_LARGEST_FILE = 100_000


@dataclass(frozen=True)
class Client:
    """A client of the type Desktop app, as Google's console lets one download it."""

    id: str
    secret: str
    sign_in: str = _SIGN_IN
    tokens: str = GOOGLE


def read_client(path: Path) -> Client:
    """The client in a downloaded file. Raises UsageError for any other file."""
    try:
        if path.stat().st_size > _LARGEST_FILE:
            raise ValueError
        info = json.loads(path.read_text("utf-8"))
        if "web" in info:
            raise UsageError(
                f"{path} is a client of the type Web application. Make one of the type Desktop app:"
                f" {CLIENTS}"
            )
        given = cast(Mapping[str, str], info["installed"])
        client = Client(
            str(given["client_id"]),
            str(given["client_secret"]),
            str(given.get("auth_uri") or _SIGN_IN),
            str(given.get("token_uri") or GOOGLE),
        )
    except OSError as error:
        raise UsageError(f"The file {path} cannot be read: {error.strerror}.") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UsageError(
            f"{path} is no client of Google's, or has no secret. In {CLIENTS} create a client of"
            " the type Desktop app, and choose Download JSON before you close its window."
        ) from error
    if not (is_safe(client.sign_in) and is_safe(client.tokens)):
        raise UsageError(f"{path} names addresses that do not begin with https://.")
    return client


def client_of(info: Mapping[str, Any]) -> Client:
    """The client that an account was connected with."""
    tokens = str(info.get("token_uri") or GOOGLE)
    return Client(info["client_id"], info["client_secret"], info.get("auth_uri", _SIGN_IN), tokens)


@dataclass
class Consent:
    """One sign-in: send the person to `url`, then `finish` with what Google answered."""

    client: Client
    read_only: bool
    address: str = ""  # whom Google should suggest
    state: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    _verifier: str = field(default_factory=lambda: secrets.token_urlsafe(64))

    @property
    def scope(self) -> str:
        return READ_ONLY if self.read_only else MODIFY

    def url(self, redirect: str) -> str:
        digest = sha256(self._verifier.encode()).digest()
        asked = {
            "client_id": self.client.id,
            "redirect_uri": redirect,
            "response_type": "code",
            "scope": self.scope,
            "state": self.state,
            "code_challenge": urlsafe_b64encode(digest).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
            "access_type": "offline",
            "prompt": "consent",  # without it Google may leave out the refresh token
            **({"login_hint": self.address} if self.address else {}),
        }
        return f"{self.client.sign_in}?{urlencode(asked)}"

    def finish(self, answer: Mapping[str, str], redirect: str) -> dict[str, Any]:
        """Change Google's answer into an access that lasts. Raises SetupError."""
        if "code" not in answer:
            raise SetupError(
                "Google was not allowed to let m2agent in.",
                fix="Run it again, and choose Continue on Google's last page.",
            )
        given = self._exchanged(answer["code"], redirect)
        granted = str(given.get("scope") or self.scope).split()
        if self.scope not in granted:
            raise SetupError(
                "You are signed in, but m2agent was not allowed to see your mail.",
                fix="Run it again, and tick the box beside Gmail on Google's last page.",
            )
        if not given.get("refresh_token"):
            raise SetupError(
                "Google gave an access that ends within the hour.",
                fix="Take m2agent's access away, then run it again:"
                " https://myaccount.google.com/connections",
            )
        now = time.time()
        ends = float(given.get("refresh_token_expires_in") or 0)
        return {
            "type": "authorized_user",
            "client_id": self.client.id,
            "client_secret": self.client.secret,
            "refresh_token": given["refresh_token"],
            "auth_uri": self.client.sign_in,
            "token_uri": self.client.tokens,
            "scopes": granted,
            "connected_at": now,
            **({"ends_at": now + ends} if 0 < ends < _LONGEST_TESTING else {}),
            "token": given.get("access_token"),
        }

    def _exchanged(self, code: str, redirect: str) -> dict[str, Any]:
        import requests

        asked = {
            "grant_type": "authorization_code",
            "code": code,
            "client_id": self.client.id,
            "client_secret": self.client.secret,
            "redirect_uri": redirect,
            "code_verifier": self._verifier,
        }
        try:
            answer = requests.post(self.client.tokens, asked, timeout=30, allow_redirects=False)
            given = cast(dict[str, Any], answer.json())
        except (requests.RequestException, ValueError) as error:
            raise SetupError(
                f"Google cannot be reached to finish the sign-in: {type(error).__name__}.",
                fix="See that this machine is online, then run it again.",
            ) from error
        if answer.ok:
            return given
        problem = str(given.get("error_description") or given.get("error") or answer.status_code)
        if given.get("error") in ("invalid_client", "unauthorized_client"):
            raise SetupError(
                f"Google does not know the client: {problem[:200]}",
                fix=f"Create another one, and name its file with --client FILE: {CLIENTS}",
            )
        raise SetupError(f"Google did not finish the sign-in: {problem[:200]}", fix="Run it again.")


async def signed_in(info: dict[str, Any], account: str, root_url: str | None) -> str:
    """The address of the account, which shows that everything works. Raises SetupError."""
    api = Api(Token(info, account), account, root_url, timeout=30)
    try:
        return (await Mailbox(api).me())[0].address
    except Unreachable as error:
        raise SetupError(str(error), fix="See that this machine is online.") from error
    finally:
        api.close()
