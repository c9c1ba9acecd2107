"""The key of a server that wants one: in the environment, else in the vault."""

import os

from m2agent import vault
from m2agent.secrets import remember

VARIABLE = "M2AGENT_SERVER_KEY"


def secret_name(url: str) -> str:
    """Under which name the vault keeps a server's key."""
    return f"server:{url}"


def key_of(url: str) -> str | None:
    """Raises SetupError for a keyring that does not answer."""
    found = os.environ.get(VARIABLE) or vault.read(secret_name(url))
    if found:
        remember(found)
    return found
