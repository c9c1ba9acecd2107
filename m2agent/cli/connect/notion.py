"""`m2agent connect notion`: pages and tables of a workspace, by the token of an integration."""

import asyncio
import sys

import click

from m2agent import vault
from m2agent.cli.connect import account
from m2agent.errors import UsageError

_STEPS = """\
Notion gives m2agent a token of its own, and m2agent sees only what you share with it.

1. Open https://www.notion.so/profile/integrations and choose "New integration".
   Name it m2agent, pick your workspace, and let its type be Internal.
2. Under Capabilities tick: read, update and insert content; read and insert comments.
3. Under Access (or in a page's ••• menu, Connections) choose the pages and tables that
   m2agent may see. What lies inside them is shared with them.
4. Show the "Internal Integration Secret", copy it, and paste it here.
"""

_LISTED = 10


@click.command
@click.option("--account", "name", default="notes", show_default=True, help="What to call it.")
@click.option(
    "--store",
    type=click.Choice(["keyring", "file"]),
    default="keyring",
    show_default=True,
    help="Where the token is kept; a file only you can read.",
)
@click.option("--base-url", default="https://api.notion.com", hidden=True)
def notion(name: str, store: str, base_url: str) -> None:
    """Connect a Notion workspace; the token is typed hidden, or read from standard input."""
    from m2agent_connectors.notion.token import secret_name, view

    is_new = account.free(name, "notion")
    if sys.stdin.isatty():
        click.echo(_STEPS, err=True)
        token = click.prompt("Secret", hide_input=True, err=True).strip()
    else:
        token = sys.stdin.readline().strip()
    if not token or not token.isascii() or not token.isprintable():
        raise UsageError("That is no token of Notion's: it begins with ntn_ and is one line.")
    seen = asyncio.run(view(token, base_url))
    kept = vault.keep(secret_name(name), token, in_file=store == "file")
    click.echo(f"Connected to {seen.workspace or 'Notion'} as {seen.integration}.")
    for what, titles in (("table", seen.tables), ("page", seen.pages)):
        for title in titles[:_LISTED]:
            click.echo(f"  {what}  {title}")
        if len(titles) > _LISTED:
            more = " or more" if seen.more else ""
            click.echo(f"  {what}s in all: {len(titles)}{more}")
    if not seen.tables and not seen.pages:
        click.echo("Nothing is shared with it yet: in a page's ••• menu choose Connections.")
    click.echo(f"The token is in {kept}.")
    if is_new:
        other = {} if base_url == "https://api.notion.com" else {"base_url": base_url}
        click.echo(f"The account {name!r} is in {account.write(name, 'notion', **other)}.")
