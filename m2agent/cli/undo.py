"""`m2agent undo RUN`: what can be taken back, shown first, then done."""

import asyncio
import sys
from contextlib import AsyncExitStack

import click

from m2agent.cli.choose import choose
from m2agent.cli.options import output_options
from m2agent.cli.output import Output
from m2agent.desk import open_toolbox, setup_of
from m2agent.home import journal_file
from m2agent.journal import Journal
from m2agent.loop.undo import undo as walk
from m2agent.loop.undo import ways_back
from m2agent.printable import one_line


@click.command
@click.argument("run")
@click.option("--step", help="Only this step, such as 14.1.")
@click.option("--yes", is_flag=True, help="Do not ask before it is done.")
@output_options
def undo(run: str, step: str | None, yes: bool, output: Output) -> int:
    """Show what RUN changed and what of it can be taken back, then take it back.

    A sent mail stays sent. What was changed by others since then is left alone.
    """
    journal = Journal(journal_file())
    id = journal.find(run)
    records = journal.read(id)

    async def work() -> int:
        setup = setup_of(records, choose(None, None))
        async with AsyncExitStack() as stack:
            toolbox = await open_toolbox(setup, stack)
            ways = ways_back([record.event for record in records], toolbox, step)
            for way in ways:
                given = one_line(str(way.called.arguments), 60)
                state = f"stays: {way.obstacle}" if way.obstacle else "will be taken back"
                click.echo(f"{way.called.id}  {way.called.tool} {given}  {state}", err=True)
            if not yes and not _agreed():
                return 4
            owned = journal.create()
            async for record in walk(owned, ways, id, toolbox, setup.work):
                output.take(record)
            owned.close()
        return output.finish()

    return asyncio.run(work())


def _agreed() -> bool:
    if not sys.stdin.isatty():
        click.echo("Nothing was done. To do it: the same with --yes", err=True)
        return False
    return click.confirm("Take back what can be taken back?", err=True)
