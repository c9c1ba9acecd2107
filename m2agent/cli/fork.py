"""`m2agent fork RUN`: a new run that begins like an old one."""

from dataclasses import replace

import click
import msgspec

from m2agent.cli.choose import absolute, choose
from m2agent.cli.completion import a_model, a_run
from m2agent.cli.drive import answering, go_on
from m2agent.cli.options import Leg, output_options, run_options
from m2agent.cli.output import Output
from m2agent.desk import setup_of
from m2agent.events import Asked, Began
from m2agent.home import journal_file
from m2agent.journal import Journal
from m2agent.journal.fork import forked


@click.command
@click.argument("run", shell_complete=a_run)
@click.argument("task", default="")
@click.option("--turn", type=click.IntRange(0), help="Keep so many turns; all without this.")
@click.option("--model", shell_complete=a_model, help="Go on with another model.")
@run_options
@output_options
def fork(
    run: str,
    task: str,
    turn: int | None,
    model: str | None,
    leg: Leg,
    output: Output,
) -> int:
    """Begin a new run with the first turns of RUN, and go on from there, with TASK if given.

    What RUN did after that turn stays done; the model is told of it.
    """
    journal = Journal(journal_file())
    records = journal.read(journal.find(run))
    events = forked([record.event for record in records], turn)
    began = events[0]
    assert isinstance(began, Began)
    if model:
        began = msgspec.structs.replace(began, model=absolute(model))
    setup = leg.limited(setup_of(records, choose(None, None, leg.rules)))
    owned = journal.create()
    for record in owned.add(began, *events[1:], *([Asked(task)] if task else [])):
        output.take(record)
    setup = replace(setup, model=began.model)
    return go_on(setup, owned, journal, output, answering(leg.on_ask, output))
