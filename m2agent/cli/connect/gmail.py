"""`m2agent connect gmail`: a Google account's mail, through a client of the person's own."""

import asyncio
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click

from m2agent.cli.connect import account
from m2agent.cli.connect.loopback import Loopback, sign_in
from m2agent.errors import SetupError, UsageError
from m2agent.home import config_file
from m2agent.settings import read_settings

_STEPS = """\
Google lets m2agent in through a client of your own. It takes five minutes, once; all of it is free.

1. Open https://console.cloud.google.com/projectcreate
   Project name: m2agent. Choose Create, and wait until the project is chosen at the top.
2. Open https://console.cloud.google.com/apis/library/gmail.googleapis.com
   Choose Enable.
3. Open https://console.cloud.google.com/auth/overview
   Choose Get started. App name: m2agent; your address; Audience: External (Internal, if your
   organisation offers it: then leave out step 4); your address again; agree; Create.
4. Open https://console.cloud.google.com/auth/audience
   Choose Publish app, then Confirm. While it says Testing, Google ends the access after 7 days.
5. Open https://console.cloud.google.com/auth/clients
   Choose Create client. Application type: Desktop app; name: m2agent; Create; Download JSON,
   before you close that window: Google shows the client's secret only there.
"""

_WARNING = """\
Google will say that it has not verified this app, since it is yours alone: choose Advanced, then
"Go to m2agent", then Continue. Leave the box beside Gmail ticked.
"""

_ENDS = """\
Google ends this access on {day}, since the Google Cloud project is in Testing.
Publish it: https://console.cloud.google.com/auth/audience, Publish app. Then run this once more:
  m2agent connect gmail --account {name} --again"""


@click.command
@click.option("--account", "name", default="mail", show_default=True, help="What to call it.")
@click.option(
    "--client",
    "file",
    type=click.Path(path_type=Path),
    help="The client's file, client_secret_….json, from Google's console.",
)
@click.option("--read-only", is_flag=True, help="Let m2agent read, and write or send nothing.")
@click.option("--no-browser", is_flag=True, help="Sign in with a browser on another machine.")
@click.option("--again", is_flag=True, help="Sign in anew, even if the account works.")
@click.option(
    "--minutes",
    type=click.FloatRange(min=0, min_open=True),
    default=5.0,
    show_default=True,
    help="How long to wait for you to sign in.",
)
@click.option(
    "--store",
    type=click.Choice(["keyring", "file"]),
    default="keyring",
    show_default=True,
    help="Where the token is kept; a file only you can read.",
)
@click.option("--root-url", hidden=True)
def gmail(
    name: str,
    file: Path | None,
    read_only: bool,
    no_browser: bool,
    again: bool,
    minutes: float,
    store: str,
    root_url: str | None,
) -> None:
    """Connect a Google account, step by step; with --account, several of them.

    An account that works is left as it is. One whose access has ended is signed in again.
    """
    from m2agent_connectors.gmail import token
    from m2agent_connectors.gmail.consent import Consent, client_of, read_client, signed_in

    if find_spec("googleapiclient") is None:
        raise SetupError(
            "Gmail needs Google's own library.", fix="Run: pip install 'm2agent[google]'"
        )
    is_new = account.free(name, "gmail")
    before = token.kept(name)
    if before and not again and token.may_write(before) != read_only:
        try:
            address = asyncio.run(signed_in(before, name, root_url))
            click.echo(f"The account {name!r} works already: {address}. --again signs in anew.")
            _write(name, is_new, root_url)
            return
        except token.AccessEnded as ended:
            click.echo(ended.problem, err=True)

    known = before or _another(name)
    client = client_of(known) if known and not file else read_client(file or _asked())
    was = str(before.get("address") or "") if before else ""
    consent = Consent(client, read_only, was)
    with Loopback(consent.state) as loopback:
        redirect = f"http://127.0.0.1:{loopback.port}/"
        click.echo(_WARNING, err=True)
        url = consent.url(redirect)
        answer = sign_in(loopback, url, redirect, browser=not no_browser, minutes=minutes)
    info = consent.finish(answer, redirect)
    try:
        address = asyncio.run(signed_in(info, name, root_url))
    except SetupError:
        if not before:  # to sign in was not the problem, and need not be done again
            token.keep(name, info, in_file=store == "file")
        raise
    if was and was != address:
        raise SetupError(
            f"You signed in as {address}, but the account {name!r} is {was}. It stays as it was.",
            fix=f"Sign in as {was}, or give {address} a name of its own:"
            " m2agent connect gmail --account NAME\n"
            f"To have it instead, first run: m2agent connections revoke {name}",
        )
    place = token.keep(name, {**info, "address": address}, in_file=store == "file")
    click.echo(f"The token is in {place}.")
    click.echo(f"Connected to {address}, to {'read only' if read_only else 'read and write'}.")
    for other in _others(name):
        if (token.kept(other) or {}).get("address") == address:
            click.echo(f"The account {other!r} is the same mailbox.", err=True)
    if day := token.ends(info):
        click.echo(_ENDS.format(day=day, name=name), err=True)
    _write(name, is_new, root_url)


def _asked() -> Path:
    """The client's file, as the person names it after the walk through Google's console."""
    if not sys.stdin.isatty():
        raise UsageError("Name the client's file: --client FILE. Without it, a terminal is needed.")
    click.echo(_STEPS, err=True)
    downloads = (Path.home() / "Downloads").glob("client_secret*.json")
    newest = max(downloads, key=lambda path: path.stat().st_mtime, default=None)
    given: str = click.prompt("The downloaded file", default=newest and str(newest), err=True)
    return Path(given.strip().strip("'\"")).expanduser()


def _another(name: str) -> dict[str, Any] | None:
    """What is kept of another account of gmail: its client serves all of a person's accounts."""
    from m2agent_connectors.gmail.token import kept

    for other in _others(name):
        if found := kept(other):
            return found
    return None


def _others(name: str) -> list[str]:
    """The other accounts of gmail."""
    accounts = read_settings(config_file()).accounts
    return [one for one, table in accounts.items() if table.connector == "gmail" and one != name]


def _write(name: str, is_new: bool, root_url: str | None) -> None:
    if is_new:
        other = {"root_url": root_url} if root_url else {}
        click.echo(f"The account {name!r} is in {account.write(name, 'gmail', **other)}.")
