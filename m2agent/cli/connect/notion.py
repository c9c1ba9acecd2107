"""`m2agent connect notion`: pages and tables of a workspace, by an integration of the person's."""

import asyncio
import sys

import click

from m2agent.cli.connect import account
from m2agent.cli.connect.loopback import Loopback, sign_in
from m2agent.errors import UsageError

_NOTION = "https://api.notion.com"
_STEPS = """\
Notion gives m2agent a token of its own, and m2agent sees only what you share with it. (Notion is
renaming integrations to connections: you may see either word.)

1. Open https://www.notion.so/profile/integrations and choose New integration, or Create a new
   connection. Name it m2agent, pick your workspace, and let its type be Internal.
   For this you must be an owner of the workspace; if you are not, see below.
2. Under Capabilities tick: read, update and insert content; read and insert comments.
3. Under Access, or Content access, choose the pages and tables that m2agent may see; or do it in
   a page's ••• menu, Connections. What lies inside them is shared with them.
4. Under Configuration show the secret, also called API token, copy it, and paste it here.

Who owns no workspace makes a personal access token instead, at
https://www.notion.so/developers/tokens: with it m2agent sees all that you see.
"""

_CLIENT_STEPS = """\
With a client of your own you sign in to Notion, and choose there what m2agent may see.

1. Open https://www.notion.so/profile/integrations and choose New integration, or Create a new
   connection. Name it m2agent, and let its type be Public. Its redirect URI is: {redirect}
2. Under Configuration find the OAuth client secret, copy it, and paste it here.
"""

_LISTED = 10
_PORT = 8765


@click.command
@click.option("--account", "name", default="notes", show_default=True, help="What to call it.")
@click.option(
    "--store",
    type=click.Choice(["keyring", "file"]),
    default="keyring",
    show_default=True,
    help="Where the token is kept; a file only you can read.",
)
@click.option("--client-id", help="Sign in with a client of your own, a public integration.")
@click.option("--port", default=_PORT, show_default=True, help="The port of its redirect URI.")
@click.option("--no-browser", is_flag=True, help="Sign in with a browser on another machine.")
@click.option(
    "--minutes",
    type=click.FloatRange(min=0, min_open=True),
    default=5.0,
    show_default=True,
    help="How long to wait for you to sign in.",
)
@click.option("--base-url", default=_NOTION, hidden=True)
def notion(
    name: str,
    store: str,
    client_id: str | None,
    port: int,
    no_browser: bool,
    minutes: float,
    base_url: str,
) -> None:
    """Connect a Notion workspace; what is secret is typed hidden, or read from standard input."""
    from m2agent_connectors.notion.token import Access, Consent, keep, view

    is_new = account.free(name, "notion")
    if client_id is None:
        access = Access(_secret(_STEPS))
    else:
        redirect = f"http://localhost:{port}/"
        consent = Consent(client_id, _secret(_CLIENT_STEPS.format(redirect=redirect)), base_url)
        with Loopback(consent.state, port) as loopback:
            url = consent.url(redirect)
            answer = sign_in(loopback, url, redirect, browser=not no_browser, minutes=minutes)
        access = consent.finish(answer, redirect)
    seen = asyncio.run(view(access.token, base_url))
    kept = keep(name, access, in_file=store == "file")
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
        other = {} if base_url == _NOTION else {"base_url": base_url}
        click.echo(f"The account {name!r} is in {account.write(name, 'notion', **other)}.")


def _secret(steps: str) -> str:
    """A secret that the person types after the steps, or the first line of standard input."""
    if sys.stdin.isatty():
        click.echo(steps, err=True)
        secret = click.prompt("Secret", hide_input=True, err=True).strip()
    else:
        secret = sys.stdin.readline().strip()
    if not secret or not secret.isascii() or not secret.isprintable():
        raise UsageError("That is no secret of Notion's: it is one line of letters and digits.")
    return secret
