"""`m2agent mail import PATH`: real mail into the local mailbox."""

import asyncio
from pathlib import Path

import click

from m2agent.cli.choose import choose
from m2agent.desk import open_account
from m2agent.errors import UsageError
from m2agent.printable import printable


@click.group
def mail() -> None:
    """The local mailbox."""


@mail.command("import")
@click.argument("path", type=click.Path(exists=True, path_type=Path))
@click.option("--account", help="Which local mailbox, where there are several.")
@click.option("--office", help="The folder of a kept sample office.")
def import_(path: Path, account: str | None, office: str | None) -> None:
    """Import an mbox, a Maildir, an .eml file, or a folder of them.

    Broken mails are repaired or named, never fatal; what is there already is left out.
    """
    from m2agent_connectors.local_mail import ImportReport, LocalMail

    setup = choose(None, office)
    mailboxes = {
        name: table
        for name, table in setup.accounts.items()
        if table["connector"] == "local-mail" and account in (None, name)
    }
    if len(mailboxes) != 1:
        known = ", ".join(mailboxes) or "none"
        raise UsageError(f"Name one local mailbox with --account; there are: {known}.")
    ((name, table),) = mailboxes.items()

    async def work() -> ImportReport:
        mailbox = await open_account(name, table, setup.work)
        assert isinstance(mailbox, LocalMail)
        try:
            return await mailbox.import_mail(path)
        finally:
            await mailbox.close()

    click.echo(printable(str(asyncio.run(work()))))
