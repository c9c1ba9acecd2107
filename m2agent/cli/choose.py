"""From options and configuration to the setup of a desk."""

import secrets
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from m2agent.desk import Setup
from m2agent.errors import SetupError
from m2agent.home import always_file, config_file, home, offices, private
from m2agent.loop import Limits
from m2agent.loop.roles import Role
from m2agent.policy import Rules, read_rules
from m2agent.policy.always import known
from m2agent.settings import Settings, read_settings

AT_HOME: Mapping[str, Mapping[str, Any]] = {
    "mail": {"connector": "local-mail"},
    "notes": {"connector": "local-notes"},
    "shell": {"connector": "shell"},
}
"""What a machine without configured accounts works with: its own mailbox, notes and shell."""


def choose(model: str | None, office: str | None, rules: str | None = None) -> Setup:
    """Put options over the configuration. Makes the office where `sample` is asked for."""
    private(home())
    settings = read_settings(config_file())
    setup = Setup(
        model=absolute(model or settings.model),
        work=Path(settings.work).expanduser() if settings.work else home() / "work",
        accounts=_accounts(settings),
        person=settings.person,
        engine=settings.engine,
        remote=settings.remote,
        rules=chosen_rules(rules, settings),
        limits=Limits(**settings.limits.model_dump()),
        roles={name: Role(**role.model_dump()) for name, role in settings.roles.items()},
    )
    return in_office(setup, office) if office else setup


def _accounts(settings: Settings) -> Mapping[str, Mapping[str, Any]]:
    """The configured accounts, or those of every machine, and the MCP servers."""
    accounts = {name: a.model_dump() for name, a in settings.accounts.items()} or dict(AT_HOME)
    servers: dict[str, Mapping[str, Any]] = {
        name: {"connector": "mcp", **table.model_dump(exclude_defaults=True)}
        for name, table in settings.mcp.items()
    }
    if both := sorted(accounts.keys() & servers.keys()):
        raise SetupError(
            f"There is an account {both[0]!r} and an MCP server of the same name.",
            fix=f"Rename one of them in: {config_file()}",
        )
    return {**accounts, **servers}


def _mcp(accounts: Mapping[str, Mapping[str, Any]]) -> Mapping[str, Mapping[str, Any]]:
    return {name: table for name, table in accounts.items() if table["connector"] == "mcp"}


def in_office(setup: Setup, name: str) -> Setup:
    """The setup moved into an office: a fresh sample one, or one that was kept."""
    from m2agent import office

    if name == "sample":
        stamp = datetime.now().strftime("%Y%m%d-%H%M%S")
        folder = private(offices()) / f"{stamp}-{secrets.token_hex(2)}"
        person = office.write(folder).person
    else:
        folder = Path(name).expanduser().absolute()
        person = office.read(folder).person
    return replace(
        setup,
        work=folder / "work",
        accounts={**office.accounts(folder), **_mcp(setup.accounts)},
        person=setup.person or f"{person.name} <{person.address}>",
    )


def chosen_rules(path: str | None, settings: Settings) -> Rules:
    """The person's own rules. Raises UsageError also if what "always" wrote cannot be read."""
    known(always_file())
    chosen = path or settings.rules
    return read_rules(Path(chosen).expanduser()) if chosen else Rules()


def absolute(model: str) -> str:
    """A model's name with any path in it made absolute, so that a run can be resumed anywhere."""
    kind, colon, rest = model.partition(":")
    if colon and kind == "script":
        return f"script:{Path(rest).expanduser().absolute()}"
    path = Path(model).expanduser()
    return str(path.absolute()) if path.suffix == ".gguf" else model
