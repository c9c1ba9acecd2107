"""The way into a workspace: the token of an integration, or one that a sign-in gave.

An internal integration's token is one line and lasts. A sign-in gives two: one to ask with, which
ends, and one to renew both with, which works once. So that two processes do not renew at the same
time, and one of them is left with nothing, each takes its turn and looks first what is kept now.
"""

import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, cast
from urllib.parse import urlencode

import httpx

from m2agent import vault
from m2agent.errors import SetupError, ToolFailed
from m2agent.printable import one_line
from m2agent_connectors.notion.values import title_of
from m2agent_connectors.notion.wire import Wire, client

VARIABLE = "M2AGENT_NOTION_TOKEN"

_SHOWN = 100
_SECONDS = 30


@dataclass(frozen=True)
class Access:
    """What is kept of an account. Without a client it is an internal integration's token."""

    token: str
    refresh_token: str = ""
    client_id: str = ""
    client_secret: str = ""
    base_url: str = ""


@dataclass(frozen=True)
class View:
    """What a token lets one see; `more` if that is not all."""

    integration: str
    workspace: str
    pages: list[str]
    tables: list[str]
    more: bool


def secret_name(account: str) -> str:
    """Under what name the vault keeps an account's token."""
    return f"notion/{account}"


def load(account: str) -> Access:
    """The access of an account: from the environment, else the vault. Raises SetupError."""
    if given := os.environ.get(VARIABLE, "").strip():
        return Access(given)
    text = vault.read(secret_name(account)) or ""
    if not text.startswith("{"):
        access = Access(text.strip())
    else:
        try:
            access = Access(**json.loads(text))
        except (ValueError, TypeError):
            access = Access("")
    if not access.token:
        raise SetupError(
            f"There is no token for the Notion account {account!r}.",
            fix=f"Run: m2agent connect notion --account {account}\nor set {VARIABLE}",
        )
    return access


def keep(account: str, access: Access, *, in_file: bool = False) -> str:
    """Keep an account's access, where the one before is if there is one. Returns the place."""
    text = json.dumps(asdict(access)) if access.client_id else access.token
    name = secret_name(account)
    return vault.keep(name, text, in_file=in_file or vault.in_file(name))


def renewed(account: str, refused: str) -> str:
    """A token instead of the refused one. Raises ToolFailed where the person must sign in anew."""
    with vault.alone(secret_name(account)):
        access = load(account)
        if access.token == refused and access.refresh_token:
            asked = {"grant_type": "refresh_token", "refresh_token": access.refresh_token}
            try:
                access = _with(access, _ask(access, "token", asked))
            except Refused as error:
                raise _ended(account) from error
            keep(account, access)
        elif access.token == refused:
            raise _ended(account)
    return access.token


def revoke(account: str) -> str:
    """End an account's access, and forget it. Raises SetupError if Notion cannot be told."""
    if os.environ.get(VARIABLE):
        raise SetupError(
            f"The token comes from {VARIABLE}, not from the vault.", fix=f"unset {VARIABLE}"
        )
    if vault.read(secret_name(account)) is None:
        return "It was not connected."
    access = load(account)
    if access.client_id:
        try:
            _ask(access, "revoke", {"token": access.token})
        except (Refused, ToolFailed) as error:
            raise SetupError(
                f"Notion could not be told to end the access; it is still kept here. {error}",
                fix="Try again, or end it yourself: Settings, Connections, in Notion.",
            ) from error
    vault.forget(secret_name(account))
    if access.client_id:
        return "Notion has ended the access, and its token is forgotten."
    return (
        "The token is forgotten. Notion accepts it until you delete the integration:"
        " https://www.notion.so/profile/integrations"
    )


@dataclass
class Consent:
    """One sign-in with a client of the person's own: go to `url`, then `finish`."""

    client_id: str
    client_secret: str
    base_url: str
    state: str = field(default_factory=lambda: secrets.token_urlsafe(24))

    def url(self, redirect: str) -> str:
        asked = {
            "client_id": self.client_id,
            "redirect_uri": redirect,
            "response_type": "code",
            "owner": "user",
            "state": self.state,
        }
        return f"{self.base_url}/v1/oauth/authorize?{urlencode(asked)}"

    def finish(self, answer: Mapping[str, str], redirect: str) -> Access:
        """Change Notion's answer into an access that lasts. Raises SetupError."""
        if "code" not in answer:
            raise SetupError(
                "Notion was not allowed to let m2agent in.",
                fix="Run it again, and choose Allow access on Notion's last page.",
            )
        access = Access("", "", self.client_id, self.client_secret, self.base_url)
        asked = {"grant_type": "authorization_code", "code": answer["code"]}
        try:
            return _with(access, _ask(access, "token", {**asked, "redirect_uri": redirect}))
        except (Refused, ToolFailed) as error:
            raise SetupError(
                f"Notion did not finish the sign-in: {error}",
                fix=f"See that the client's redirect URI is {redirect} and its secret the right"
                " one, then run it again.",
            ) from error


class Refused(Exception):
    """Notion answered, and the answer is no."""


def _ask(access: Access, path: str, body: Mapping[str, str]) -> dict[str, Any]:
    """Raises Refused, and ToolFailed where Notion cannot be reached."""
    url = f"{access.base_url}/v1/oauth/{path}"
    try:
        answer = httpx.post(
            url, auth=(access.client_id, access.client_secret), json=body, timeout=_SECONDS
        )
        given = cast(dict[str, Any], answer.json()) if answer.content else {}
    except (httpx.HTTPError, ValueError) as error:
        raise ToolFailed("Notion cannot be reached. Try again later.") from error
    if answer.status_code >= 500 or answer.status_code == 429:
        raise ToolFailed(f"Notion does not work just now (HTTP {answer.status_code}).")
    if not answer.is_success:
        words = given.get("error_description") or given.get("message") or given.get("error")
        raise Refused(one_line(str(words or answer.status_code), 200))
    return given


def _with(access: Access, given: Mapping[str, Any]) -> Access:
    return replace(
        access,
        token=str(given["access_token"]),
        refresh_token=str(given.get("refresh_token") or access.refresh_token),
    )


def _ended(account: str) -> ToolFailed:
    return ToolFailed(
        "Notion does not accept the token any more. Only the person can help: m2agent connect"
        f" notion --account {account}"
    )


async def view(token: str, base_url: str) -> View:
    """Ask Notion who the token is and what it sees. Raises SetupError if it is not accepted."""
    notion = client(token, base_url)
    wire = Wire(notion)
    try:
        me = await wire.read(lambda notion: notion.users.me())
        found = await wire.read(lambda notion: notion.search(page_size=_SHOWN))
    except ToolFailed as error:
        raise SetupError(
            f"The token was not kept. {error}",
            fix="Copy the whole secret once more, and run: m2agent connect notion",
        ) from error
    finally:
        await notion.aclose()
    seen = [(one["object"], one_line(title_of(one)) or "Untitled") for one in found["results"]]
    return View(
        integration=one_line(str(me.get("name") or "")),
        workspace=one_line(str(me.get("bot", {}).get("workspace_name") or "")),
        pages=[title for kind, title in seen if kind == "page"],
        tables=[title for kind, title in seen if kind == "data_source"],
        more=bool(found["has_more"]),
    )
