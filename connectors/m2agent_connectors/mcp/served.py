"""How one server is reached, out of its table of the configuration."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pydantic

from m2agent import vault
from m2agent.errors import SetupError
from m2agent.secrets import remember
from m2agent.settings import McpSettings

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,31}")
_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_OURS = ("agent", "mail", "notes", "plan", "read", "shell")


@dataclass(frozen=True)
class Served:
    """A server by its name, with every `${NAME}` in its table still in place."""

    name: str
    table: McpSettings

    @property
    def where(self) -> str:
        return self.table.url or " ".join(self.table.command)

    def env(self) -> dict[str, str]:
        return {key: self._filled(value) for key, value in self.table.env.items()}

    def headers(self) -> dict[str, str]:
        return {key: self._filled(value) for key, value in self.table.headers.items()}

    def _filled(self, value: str) -> str:
        """Raises SetupError for a `${NAME}` that is neither in the environment nor kept."""
        return _VARIABLE.sub(lambda found: self._secret(found[1]), value)

    def _secret(self, name: str) -> str:
        found = os.environ.get(name) or vault.read(secret_name(self.name, name))
        if not found:
            raise SetupError(
                f"The MCP server {self.name!r} needs {name}, which is not kept here.",
                fix=f"Keep it in the keyring: m2agent mcp secret {self.name} {name}",
            )
        remember(found)
        return found


def variables(table: McpSettings) -> list[str]:
    """The names of what is kept elsewhere."""
    values = [*table.env.values(), *table.headers.values()]
    return sorted({name for value in values for name in _VARIABLE.findall(value)})


def secret_name(server: str, name: str) -> str:
    """Under which name the vault keeps a secret of a server."""
    return f"mcp:{server}:{name}"


def served(name: str, settings: Mapping[str, Any]) -> Served:
    """Raises SetupError for a table that makes no sense."""
    if not _NAME.fullmatch(name) or name.lower() in _OURS:
        taken = "is taken by tools of m2agent's own" if _NAME.fullmatch(name) else "is no name"
        raise SetupError(
            f"[mcp.{name}]: {name!r} {taken}, and its tools could not be called NAME_TOOL.",
            fix="Name it otherwise in the configuration, with letters, digits, - and _.",
        )
    try:
        table = McpSettings.model_validate(dict(settings))
    except pydantic.ValidationError as error:
        lines = [
            f"{'.'.join(str(part) for part in problem['loc'])}: {problem['msg']}"
            for problem in error.errors(include_url=False)
        ]
        raise SetupError(
            f"[mcp.{name}] is wrong: {'; '.join(lines)}.",
            fix="Correct it in the configuration: m2agent doctor shows where that is.",
        ) from error
    if bool(table.command) == bool(table.url):
        raise SetupError(
            f"[mcp.{name}] needs either a command or a url.",
            fix=f'For example: [mcp.{name}] command = ["uvx", "{name}-mcp"]',
        )
    literal = [key for key in table.headers if key.lower() == "authorization"]
    if literal and not _VARIABLE.search(table.headers[literal[0]]):
        raise SetupError(
            f"[mcp.{name}] has a secret in its headers; secrets do not belong into the file.",
            fix=f'Write headers = {{ {literal[0]} = "Bearer ${{TOKEN}}" }}, and keep TOKEN:'
            f" m2agent mcp secret {name} TOKEN",
        )
    return Served(name, table)
