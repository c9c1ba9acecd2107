"""Writes an account or an MCP server into the configuration, or takes it out; the rest stays."""

import json
import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

from m2agent.cli.choose import AT_HOME
from m2agent.connector import connector_named
from m2agent.errors import SetupError, UsageError
from m2agent.home import config_file, home, private
from m2agent.settings import AccountSettings, read_settings


def free(name: str, connector: str) -> bool:
    """Whether the account is still to be written. Raises UsageError if another one has its name.

    A local account as it is everywhere gives way, as it does where it was never written down.
    """
    if not re.fullmatch(r"[A-Za-z0-9_-]+", name):
        raise UsageError(f"{name!r} cannot be an account's name: use letters, digits, - and _.")
    there = read_settings(config_file()).accounts.get(name)
    if there is None or _gives_way(name, there, connector):
        return True
    if there.connector != connector:
        raise UsageError(f"The account {name!r} is a {there.connector} account. Name another one.")
    return False


def write(name: str, connector: str, **settings: str) -> Path:
    """Add `[accounts.NAME]` to the configuration, which is made if there is none.

    The first account takes the place of the local one of its kind; the other local ones are
    written down beside it, for without any account they would be there by themselves.
    """
    tables: list[tuple[str, Mapping[str, Any]]] = []
    known = read_settings(config_file()).accounts
    if name in known:
        remove(name)
    if not known:
        kind = connector_named(connector).kind
        for other, table in AT_HOME.items():
            if connector_named(table["connector"]).kind != kind:
                tables.append((f"accounts.{other}", table))
    return _append(*tables, (f"accounts.{name}", {"connector": connector, **settings}))


def write_server(name: str, settings: Mapping[str, Any]) -> Path:
    """Add `[mcp.NAME]` to the configuration. Raises UsageError if there is one already."""
    there = read_settings(config_file())
    if name in there.mcp or name in there.accounts:
        raise UsageError(f"There is {name!r} already. Take it out first: m2agent mcp remove {name}")
    return _append((f"mcp.{name}", settings))


def _append(*tables: tuple[str, Mapping[str, Any]]) -> Path:
    file = config_file()
    old = file.read_text("utf-8") if file.exists() else ""
    new = "\n".join([*([old.rstrip("\n") + "\n"] if old.strip() else []), *map(_toml, tables)])
    try:
        _replace(file, new)
    except OSError as error:
        raise SetupError(
            f"The configuration {file} cannot be written: {error.strerror}.",
            fix=f"Add to it by hand:\n{_toml(tables[-1])}",
        ) from error
    return file


def remove(name: str, group: str = "accounts") -> Path:
    """Take `[accounts.NAME]` out of the configuration. Raises SetupError where that fails."""
    file = config_file()
    old = file.read_text("utf-8")
    wanted = tomllib.loads(old)
    del wanted[group][name]
    new = "".join(_without(old.splitlines(keepends=True), group, name))
    try:
        kept = tomllib.loads(new)
        if {**kept, group: kept.get(group, {})} != wanted:
            raise ValueError
        _replace(file, new)
    except (OSError, ValueError) as error:
        raise SetupError(
            f"[{group}.{name}] could not be taken out of {file}.",
            fix=f"Take it out by hand: all that belongs to {group}.{name}",
        ) from error
    return file


def _gives_way(name: str, there: AccountSettings, connector: str) -> bool:
    local = name in AT_HOME and there.model_dump() == AT_HOME[name]
    return local and connector_named(there.connector).kind == connector_named(connector).kind


def _without(lines: list[str], group: str, name: str) -> Iterator[str]:
    """The lines of a TOML file but for the table of that name and the tables in it."""
    inside = False
    for line in lines:
        if head := re.match(rf"\s*\[\s*{group}\s*\.\s*([A-Za-z0-9_-]+)\s*[.\]]", line):
            inside = head[1] == name
        elif line.lstrip().startswith("["):
            inside = False
        if not inside:
            yield line


def _replace(file: Path, text: str) -> None:
    part = file.with_name(f"{file.name}.{os.getpid()}.part")
    private(home())
    try:
        part.write_text(text, "utf-8")
        read_settings(part)
        part.replace(file)
    finally:
        part.unlink(missing_ok=True)


def _toml(table: tuple[str, Mapping[str, Any]]) -> str:
    head, settings = table
    rows = [f"{key} = {_value(value)}" for key, value in settings.items()]
    return "\n".join([f"[{head}]", *rows, ""])


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        pairs = cast(Mapping[str, Any], value).items()
        return "{ " + ", ".join(f"{json.dumps(k)} = {_value(v)}" for k, v in pairs) + " }"
    return json.dumps(value)
