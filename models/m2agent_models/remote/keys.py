"""Keys of providers: in the environment under the provider's own name, else in the vault."""

import os

from m2agent import vault
from m2agent.errors import SetupError
from m2agent.secrets import remember
from m2agent_models.remote.providers import Provider


def secret_name(provider: str) -> str:
    """Under which name the vault keeps a provider's key."""
    return f"remote:{provider}"


def key_of(name: str, provider: Provider) -> str | None:
    """The key to send; None where none is needed. Raises SetupError where there is none."""
    if not provider.key:
        return None
    found = os.environ.get(provider.key) or vault.read(secret_name(name.removesuffix("-anthropic")))
    if not found:
        raise SetupError(
            f"There is no key for {name}, neither in {provider.key} nor in the keyring.",
            fix=f"Keep it in the keyring: m2agent models key {name.removesuffix('-anthropic')}",
        )
    remember(found)
    return found
