"""Carry a run forward from the command line, with Ctrl-C as the way to stop it."""

import asyncio
import signal
from contextlib import aclosing, suppress

import click

from m2agent.cli.dialogue import Dialogue
from m2agent.cli.output import Output
from m2agent.desk import Desk, Setup
from m2agent.events import Record
from m2agent.home import journal_file
from m2agent.journal import Journal, Run
from m2agent.loop import No, Steering, Yes
from m2agent.loop.ask import Absent, Approve, park
from m2agent.model import Cautious


def answering(on_ask: str, output: Output) -> Approve:
    """What stands in for a person: `park`, `deny`, `allow` or `stdio`."""
    if on_ask == "stdio":
        return Dialogue(asks_aloud=output.kind != "events")
    if on_ask == "allow":
        return Absent(Yes("--on-ask allow"))
    if on_ask == "deny":
        return Absent(No("--on-ask deny", "Nobody is here who could say yes."))
    return park


def begin(setup: Setup, task: str, output: Output, approve: Approve) -> int:
    """Begin a run and carry it as far as it goes. Returns the exit code."""

    async def work() -> int:
        journal = Journal(journal_file())
        async with await Desk.open(setup, journal) as desk:
            run = desk.begin(task)
            for record in journal.read(run.id):
                output.take(record)
            return await _carry(desk, run, output, approve)

    return asyncio.run(work())


def go_on(setup: Setup, run: Run, journal: Journal, output: Output, approve: Approve) -> int:
    """Carry an owned run on from where its journal stands. Returns the exit code."""

    async def work() -> int:
        async with await Desk.open(setup, journal) as desk:
            return await _carry(desk, run, output, approve)

    try:
        return asyncio.run(work())
    finally:
        run.close()


async def _carry(desk: Desk, run: Run, output: Output, approve: Approve) -> int:
    if isinstance(desk.model, Cautious) and (words := desk.model.caution()):
        click.echo(words, err=True)
    steering = Steering()
    if isinstance(approve, Dialogue):
        approve.attach(steering)
    task = asyncio.create_task(_follow(desk, run, output, approve, steering))
    loop = asyncio.get_running_loop()

    def stop() -> None:
        if steering.stopping:
            task.cancel()
        else:
            steering.stop()
            if isinstance(approve, Dialogue):
                approve.leave()
            click.echo("Stopping after this step. Once more stops at once.", err=True)

    loop.add_signal_handler(signal.SIGINT, stop)
    loop.add_signal_handler(signal.SIGTERM, task.cancel)
    try:
        with suppress(asyncio.CancelledError):
            await task
    finally:
        loop.remove_signal_handler(signal.SIGINT)
        loop.remove_signal_handler(signal.SIGTERM)
        run.close()
    if output.ended is None:  # it was cancelled: how it ended was written, and nobody yielded it
        output.take(desk.journal.read(run.id)[-1])
    return output.finish()


async def _follow(
    desk: Desk, run: Run, output: Output, approve: Approve, steering: Steering
) -> None:
    pieces = desk.carry_on(run, approve=approve, steering=steering)
    async with aclosing(pieces):
        async for piece in pieces:
            if isinstance(piece, Record):
                output.take(piece)
            else:
                output.show(piece)
