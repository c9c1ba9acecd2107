"""`m2agent undo RUN`: what can be taken back, shown first, then done."""

import asyncio
import sys
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack

import click

from m2agent.cli.choose import choose
from m2agent.cli.completion import a_run
from m2agent.cli.options import output_options
from m2agent.cli.output import Output
from m2agent.desk import open_toolbox, setup_of
from m2agent.events import Event
from m2agent.home import journal_file
from m2agent.journal import Journal
from m2agent.loop.undo import Way, go_on_undoing, ways_back
from m2agent.loop.undo import undo as walk
from m2agent.printable import one_line


@click.command
@click.argument("run", shell_complete=a_run)
@click.option("--step", help="Only this step, such as 14.1.")
@click.option("--yes", is_flag=True, help="Do not ask before it is done.")
@output_options
def undo(run: str, step: str | None, yes: bool, output: Output) -> int:
    """Show what RUN changed and what of it can be taken back, then take it back.

    A sent mail stays sent. What was changed by others since then is left alone. What an undo took
    back is done again by undoing that.
    """
    journal = Journal(journal_file())
    id = journal.find(run)
    records = journal.read(id)

    async def work() -> int:
        setup = setup_of(records, choose(None, None))
        async with AsyncExitStack() as stack:
            toolbox = await open_toolbox(setup, stack)
            held = journal.open(id)  # nobody goes on with it meanwhile
            stack.callback(held.close)
            ways = ways_back(held.events, toolbox, step, histories(journal))
            for way in ways:
                click.echo(_line(way), err=True)
            if not yes and not _agreed():
                return 4
            owned = journal.create()
            stack.callback(owned.close)
            async for record in walk(owned, ways, id, toolbox, setup.work, setup.accounts):
                output.take(record)
        return output.finish()

    return asyncio.run(work())


def go_on(journal: Journal, id: str, output: Output) -> int:
    """Carry on a run that was cut off while it took something back."""
    records = journal.read(id)

    async def work() -> int:
        setup = setup_of(records, choose(None, None))
        async with AsyncExitStack() as stack:
            toolbox = await open_toolbox(setup, stack)
            owned = journal.open(id)
            stack.callback(owned.close)
            for record in records:
                output.count(record)
            async for record in go_on_undoing(owned, toolbox, setup.work, histories(journal)):
                output.take(record)
        return output.finish()

    return asyncio.run(work())


def histories(journal: Journal) -> Callable[[str], Sequence[Event]]:
    """Looks up other runs, for what an undo took back."""
    return lambda run: [record.event for record in journal.read(run)]


def _line(way: Way) -> str:
    given = one_line(str(way.act.arguments), 60)
    done = "will be done again" if way.again else "will be taken back"
    state = f"stays: {way.obstacle}" if way.obstacle else done
    return f"{way.name}  {way.act.tool} {given}  {state}"


def _agreed() -> bool:
    if not sys.stdin.isatty():
        click.echo("Nothing was done. To do it: the same with --yes", err=True)
        return False
    return click.confirm("Take back what can be taken back?", err=True)
