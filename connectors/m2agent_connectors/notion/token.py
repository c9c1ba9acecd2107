"""The way into a workspace: one token, and what it opens."""

import os
from dataclasses import dataclass

from m2agent import vault
from m2agent.errors import SetupError, ToolFailed
from m2agent.printable import one_line
from m2agent_connectors.notion.values import title_of
from m2agent_connectors.notion.wire import Wire, client

VARIABLE = "M2AGENT_NOTION_TOKEN"

_SHOWN = 100


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


def load(account: str) -> str:
    """The token of an account: from the environment, else the vault. Raises SetupError."""
    token = os.environ.get(VARIABLE, "").strip() or vault.read(secret_name(account))
    if not token:
        raise SetupError(
            f"There is no token for the Notion account {account!r}.",
            fix=f"Run: m2agent connect notion --account {account}\nor set {VARIABLE}",
        )
    return token


def revoke(account: str) -> str:
    """Forget an account's token. Notion has no way to end an internal one but by hand."""
    if os.environ.get(VARIABLE):
        raise SetupError(
            f"The token comes from {VARIABLE}, not from the vault.", fix=f"unset {VARIABLE}"
        )
    if not vault.forget(secret_name(account)):
        return "It was not connected."
    return (
        "The token is forgotten. Notion accepts it until you delete the integration:"
        " https://www.notion.so/profile/integrations"
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
