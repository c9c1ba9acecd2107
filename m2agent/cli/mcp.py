"""`m2agent mcp`: servers whose tools runs may use, and m2agent as such a server."""

import asyncio
import sys
import webbrowser
from typing import Any

import click

from m2agent import vault
from m2agent.cli.completion import a_model
from m2agent.cli.connect import account
from m2agent.errors import M2Error, UsageError
from m2agent.home import config_file, home
from m2agent.printable import one_line, printable
from m2agent.settings import McpSettings, read_settings
from m2agent.tool import Effect


@click.group
def mcp() -> None:
    """Use the tools of MCP servers, or offer runs to other agents."""


@mcp.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@click.argument("name")
@click.argument("command", nargs=-1, type=click.UNPROCESSED)
@click.option("--url", default="", help="A server that runs already, instead of a command.")
@click.option("--env", multiple=True, metavar="KEY=VALUE", help="For its environment; repeatable.")
@click.option("--secret", multiple=True, metavar="KEY", help="Asked for, and kept; repeatable.")
@click.option("--header", multiple=True, metavar="KEY=VALUE", help="For its url; repeatable.")
@click.option("--store", type=click.Choice(["keyring", "file"]), default="keyring")
def add(
    name: str,
    command: tuple[str, ...],
    url: str,
    env: tuple[str, ...],
    secret: tuple[str, ...],
    header: tuple[str, ...],
    store: str,
) -> int:
    """Add the server NAME: the words of the COMMAND that starts it, or its --url.

    \b
    m2agent mcp add tickets uvx tickets-mcp
    m2agent mcp add --secret TICKETS_KEY tickets uvx tickets-mcp
    m2agent mcp add --url https://wiki.example/mcp wiki
    m2agent mcp add --url https://wiki.example/mcp --header 'Authorization=Bearer ${KEY}' wiki
    """
    from m2agent_connectors.mcp.served import served

    table: dict[str, Any] = {"command": list(command)} if command else {}
    if url:
        table["url"] = url
    given = _pairs(env) | {one: f"${{{one}}}" for one in secret}
    if given:
        table["env"] = given
    if headers := _pairs(header):
        table["headers"] = headers
    served(name, table)  # refuses what makes no sense
    for one in secret:
        _keep(name, one, in_file=store == "file")
    click.echo(f"[mcp.{name}] is in {account.write_server(name, table)}.", err=True)
    return _tell(name)


@mcp.command(name="list")
def list_servers() -> None:
    """List the servers; none of them is started."""
    servers = read_settings(config_file()).mcp
    for name, table in servers.items():
        click.echo(printable(f"{name:<16} {table.url or ' '.join(table.command)}"))
    if not servers:
        click.echo("There are none. Add one with: m2agent mcp add NAME COMMAND", err=True)


@mcp.command
@click.argument("name", required=False)
def test(name: str | None) -> int:
    """Start the server NAME, or all, and list the tools with their effects; none is called."""
    servers = list(read_settings(config_file()).mcp)
    if name is not None:
        _configured(name)
    if not servers:
        click.echo("There are none. Add one with: m2agent mcp add NAME COMMAND", err=True)
    return max([_tell(one) for one in ([name] if name else servers)], default=0)


@mcp.command
@click.argument("name")
@click.argument("key")
@click.option("--store", type=click.Choice(["keyring", "file"]), default="keyring")
def secret(name: str, key: str, store: str) -> None:
    """Keep what `${KEY}` stands for in the table of the server NAME; typed hidden."""
    _configured(name)
    _keep(name, key, in_file=store == "file")


@mcp.command
@click.argument("name")
@click.option("--store", type=click.Choice(["keyring", "file"]), default="keyring")
def login(name: str, store: str) -> int:
    """Sign in to the server NAME in your browser."""
    from m2agent_connectors.mcp import sign_in

    async def show(address: str) -> None:
        click.echo(f"Sign in in your browser. If it does not open, go to:\n{address}", err=True)
        await asyncio.to_thread(webbrowser.open, address)

    table = _configured(name).model_dump(exclude_defaults=True)
    asyncio.run(sign_in(name, table, show, in_file=store == "file"))
    return _tell(name)


@mcp.command
@click.argument("name")
def remove(name: str) -> None:
    """Take the server NAME out of the settings, and forget its secrets."""
    from m2agent_connectors.mcp.served import secret_name, variables

    table = _configured(name)
    for key in ["oauth", *variables(table)]:
        vault.forget(secret_name(name, key))
    click.echo(f"The server {name!r} is out of {account.remove(name, 'mcp')}.")


@mcp.command
@click.option(
    "--model", shell_complete=a_model, help="What thinks in the runs: as for m2agent run."
)
@click.option("--office", help="'sample' for a fresh sample office, or the folder of a kept one.")
@click.option("--rules", type=click.Path(), help="A TOML file with your rules.")
def serve(model: str | None, office: str | None, rules: str | None) -> None:
    """Offer runs as tools to other agents, over standard input and output.

    The policy is the same: what needs a person's yes waits for `m2agent approve`.
    """
    from m2agent.cli.serving import serve_runs

    asyncio.run(serve_runs(model, office, rules))


def _tell(name: str) -> int:
    """Open one server and print what it offers. Returns the exit code."""
    from m2agent.connector import Account
    from m2agent_connectors.mcp import Mcp

    table = _configured(name).model_dump(exclude_defaults=True)
    folder = home() / "accounts" / name

    async def look() -> tuple[str, dict[str, tuple[Effect, str]]]:
        opened = await Mcp.open(Account(name, folder, home() / "work", table))
        try:
            return opened.describe(), opened.told()
        finally:
            await opened.close()

    try:
        words, tools = asyncio.run(look())
    except M2Error as error:
        click.echo(printable(f"{name}: {error}"), err=True)
        return error.exit_code
    click.echo(printable(f"{name}: {words}"))
    for tool, (effect, about) in tools.items():
        click.echo(f"  {effect:<8} {one_line(tool, 64):<32} {one_line(about, 60)}")
    return 0


def _configured(name: str) -> McpSettings:
    servers = read_settings(config_file()).mcp
    if name not in servers:
        known = ", ".join(servers) or "none"
        raise UsageError(f"There is no MCP server {name!r}. There are: {known}.")
    return servers[name]


def _keep(name: str, key: str, *, in_file: bool) -> None:
    from m2agent_connectors.mcp.served import secret_name

    if sys.stdin.isatty():
        value = click.prompt(key, hide_input=True, err=True).strip()
    else:
        value = sys.stdin.readline().strip()
    if not value:
        raise UsageError(f"{key} is empty. Type it, or give it on standard input, as one line.")
    kept = vault.keep(secret_name(name, key), value, in_file=in_file)
    click.echo(f"{key} is kept in {kept}.", err=True)


def _pairs(given: tuple[str, ...]) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for one in given:
        key, equals, value = one.partition("=")
        if not (key and equals):
            raise UsageError(f"{one!r} is not written KEY=VALUE.")
        pairs[key] = value
    return pairs
