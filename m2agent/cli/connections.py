"""`m2agent connections`: what is connected, whether it works, and the way out again."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from m2agent.cli.choose import choose
from m2agent.cli.connect import account
from m2agent.connector import Account, Remote, connector_named
from m2agent.desk import open_account
from m2agent.errors import M2Error, UsageError
from m2agent.home import config_file, home
from m2agent.printable import printable
from m2agent.settings import read_settings


@click.group(invoke_without_command=True)
@click.pass_context
def connections(ctx: click.Context) -> int | None:
    """List what is connected, test it, or cut it off."""
    return None if ctx.invoked_subcommand else _tell(None, asking=False)


@connections.command(name="list")
def list_connections() -> int:
    """List the accounts; no service is asked."""
    return _tell(None, asking=False)


@connections.command
@click.argument("name", required=False)
def test(name: str | None) -> int:
    """Ask the service of the account NAME, or of all, who is there; nothing is changed."""
    return _tell(name, asking=True)


@connections.command
@click.argument("name")
def revoke(name: str) -> None:
    """End the access of the account NAME, forget its secrets, and take it out of the settings."""
    there = read_settings(config_file()).accounts
    if name not in there:
        raise UsageError(_unknown(name, list(there)))
    table = there[name].model_dump()
    connector = connector_named(table.pop("connector"))
    if issubclass(connector, Remote):
        folder = home() / "accounts" / name
        click.echo(printable(asyncio.run(connector.revoke(Account(name, folder, folder, table)))))
    click.echo(f"The account {name!r} is out of {account.remove(name)}.")


def _tell(name: str | None, *, asking: bool) -> int:
    """Print how one account stands, or all. Returns the exit code."""
    setup = choose(None, None)
    if name is not None and name not in setup.accounts:
        raise UsageError(_unknown(name, list(setup.accounts)))
    problems = 0
    for one in [name] if name is not None else setup.accounts:
        table = setup.accounts[one]
        try:
            said = asyncio.run(_words(one, table, setup.work, asking=asking))
        except M2Error as error:
            problems += 1
            said = f"BAD  {error}"
        first, *more = printable(said).splitlines()
        click.echo(f"{one:<12} {table['connector']:<12} {first}")
        for line in more:
            click.echo(f"{'':<25} {line}")
    return 3 if problems else 0


async def _words(name: str, table: Mapping[str, Any], work: Path, *, asking: bool) -> str:
    connector = await open_account(name, table, work)
    try:
        if asking and isinstance(connector, Remote):
            return await connector.whoami()
        return connector.describe()
    finally:
        await connector.close()


def _unknown(name: str, known: list[str]) -> str:
    return f"There is no account {name!r}. There are: {', '.join(known) or 'none'}."
