"""`m2agent selftest gmail|notion`: proves on a real account what tests prove on servers of ours.

It touches only what it made itself, cleans up after itself, and prints what it proved.
"""

import asyncio
import tempfile
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path

import click

from m2agent.cli.choose import choose
from m2agent.cli.selftest.mail import mail
from m2agent.cli.selftest.notes import notes
from m2agent.cli.selftest.proof import NotProven
from m2agent.connector import Remote
from m2agent.desk import open_account
from m2agent.errors import M2Error, SetupError, ToolFailed, UsageError
from m2agent.printable import printable
from m2agent.testing.service import Service

_WARNING = {
    "gmail": "This sends one mail from you to yourself, and moves it into the trash again.",
    "notion": "This makes one page in your workspace, and moves it into the trash again.",
}


@click.command
@click.argument("service", type=click.Choice(["gmail", "notion"]))
@click.option("--account", "name", help="Which account, where there are several.")
@click.option("--page", default="", help="Notion: the page to make one in; any by default.")
@click.option("--yes", is_flag=True, help="Do not ask before it begins.")
def selftest(service: str, name: str | None, page: str, yes: bool) -> int:
    """Try everything out on an account of yours, and clean up again."""
    setup = choose(None, None)
    accounts = {
        one: table
        for one, table in setup.accounts.items()
        if table["connector"] == service and name in (None, one)
    }
    if not accounts:
        raise SetupError(
            f"There is no {service} account{f' {name!r}' if name else ''}.",
            fix=f"Run: m2agent connect {service}",
        )
    if len(accounts) > 1:
        raise UsageError(f"Name one account with --account; there are: {', '.join(accounts)}.")
    click.echo(_WARNING[service], err=True)
    if not yes:
        click.confirm("Go on?", abort=True, err=True)
    ((account, table),) = accounts.items()
    with tempfile.TemporaryDirectory(prefix="m2agent-selftest-") as folder:
        return asyncio.run(_prove(service, account, dict(table), page, Path(folder)))


async def _prove(
    service: str, account: str, table: dict[str, object], page: str, folder: Path
) -> int:
    connector = await open_account(account, table, folder)
    try:
        assert isinstance(connector, Remote)
        _say("ok", await connector.whoami())
        tools = Service(connector, folder)
        proofs = mail(tools) if service == "gmail" else notes(tools, page)
        return await _print(proofs)
    finally:
        await connector.close()


async def _print(proofs: AsyncGenerator[str]) -> int:
    try:
        async with aclosing(proofs):
            async for proven in proofs:
                _say("ok", proven)
    except NotProven as failure:
        _say("BAD", str(failure))
        return 7
    except SetupError:
        raise
    except ToolFailed as failure:
        _say("BAD", f"A tool failed: {failure}")
        return 7
    except M2Error as failure:
        _say("BAD", str(failure))
        return 7
    click.echo("All of it works, and all that was made is in the trash.")
    return 0


def _say(state: str, words: str) -> None:
    click.echo(printable(f"{state:<4} {words}"))
