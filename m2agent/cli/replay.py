"""`m2agent replay RUN`: the same run on its recorded results, with something changed."""

import asyncio
from contextlib import aclosing
from pathlib import Path

import click
import msgspec

from m2agent.cli.choose import absolute, choose
from m2agent.cli.completion import a_model, a_run
from m2agent.cli.options import output_options, read_file
from m2agent.cli.output import Output
from m2agent.desk import open_model
from m2agent.errors import UsageError
from m2agent.events import Asked, Began, Event, Record, Turned
from m2agent.home import journal_file
from m2agent.journal import Journal
from m2agent.loop import Limits, carry_on
from m2agent.loop.crew import Crew
from m2agent.loop.replay import Difference, Recorded, Recording, differences
from m2agent.policy import Rules
from m2agent.printable import one_line, printable


@click.command
@click.argument("run", shell_complete=a_run)
@click.option(
    "--model", shell_complete=a_model, help="Another model, instead of the recorded turns."
)
@click.option(
    "--system", type=click.Path(path_type=Path), help="A file with another system prompt."
)
@click.option("--rules", type=click.Path(), help="A TOML file with other rules.")
@output_options
def replay(
    run: str, model: str | None, system: Path | None, rules: str | None, output: Output
) -> int:
    """Play RUN again on the results it recorded, and say what comes out differently.

    No account is opened and nothing is read, changed or sent. Without an option the recorded turns
    meet today's rules.
    """
    journal = Journal(journal_file())
    id = journal.find(run)
    history = [record.event for record in journal.read(id)]
    if not history or not isinstance(history[0], Began):
        raise UsageError(f"Run {id} never began. There is nothing to play.")
    began = history[0]
    setup = choose(None, None, rules)
    turns = sum(isinstance(event, Turned) for event in history)

    async def work() -> list[Event]:
        recording = Recording(history)
        plays = (
            await open_model(absolute(model), setup.engine or {}) if model else Recorded(history)
        )
        head = msgspec.structs.replace(
            began,
            model=absolute(model) if model else began.model,
            system=read_file(system, "The system prompt") if system else began.system,
            accounts={},
            dry_run=True,
            replay_of=id,
        )
        task = next(event for event in history if isinstance(event, Asked))
        owned = journal.create()
        crew = Crew(
            plays,
            recording,
            Path(began.work),
            recording.answer,
            setup.rules or Rules(),
            Limits(turns=2 * turns + 10),
        )
        try:
            for record in owned.add(head, task):
                output.take(record)
            async with aclosing(carry_on(owned, crew)) as pieces:
                async for piece in pieces:
                    if isinstance(piece, Record):
                        output.take(piece)
                    else:
                        output.show(piece)
        finally:
            owned.close()
            await plays.close()
        return owned.events

    replayed = asyncio.run(work())
    code = output.finish()
    for line in _told(differences(history, replayed), turns):
        click.echo(printable(line), err=True)
    return code


def _told(found: list[Difference], turns: int) -> list[str]:
    if not found:
        return [f"Of {turns} recorded turns, every call and every decision is the same."]
    lines: list[str] = [f"Not as in the {turns} recorded turns:"]
    for one in found:
        given = one_line(msgspec.json.encode(one.called.arguments).decode(), 60)
        was = f"{one.now}, was {one.was}" if one.was else "not in the recording"
        lines.append(f"{one.called.id}  {one.called.tool} {given}  {was}")
    return lines
