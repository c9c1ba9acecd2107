"""`m2agent resume`, and what approve, decline and settle share with it: going on with a run."""

from collections.abc import Callable

import click

from m2agent.cli import undo
from m2agent.cli.choose import choose
from m2agent.cli.completion import a_run
from m2agent.cli.drive import answering, go_on
from m2agent.cli.options import Leg, output_options, run_options
from m2agent.cli.output import Output
from m2agent.desk import setup_of
from m2agent.errors import UsageError
from m2agent.events import Event
from m2agent.home import journal_file
from m2agent.journal import Journal, root
from m2agent.loop.ask import Approve
from m2agent.loop.steps import Step, open_steps
from m2agent.loop.undo import is_undoing

Answers = list[tuple[Step, list[Event]]]
"""What to write down about each step that was answered."""


_PLAIN = Leg()


@click.command
@click.argument("run", shell_complete=a_run)
@run_options
@output_options
def resume(
    run: str,
    leg: Leg,
    output: Output,
) -> int:
    """Go on with RUN: an id, the beginning of one, or "last"."""
    journal = Journal(journal_file())
    id = journal.find(run)
    if is_undoing([record.event for record in journal.read(id)]):
        return undo.go_on(journal, id, output)
    return carry_on(run, output, lambda steps: [], leg)


def carry_on(
    name: str,
    output: Output,
    answer: Callable[[list[Step]], Answers],
    leg: Leg = _PLAIN,
    *,
    approve: Approve | None = None,
) -> int:
    """Own the run, write down what `answer` makes of its open steps, and go on.

    Steps of its sub-agents are among them; a sub-agent's own id stands for its whole run.
    `approve` answers what is asked from there on, instead of what `on_ask` says.
    """
    journal = Journal(journal_file())
    id = root(journal.find(name))
    records = journal.read(id)
    if not records:
        raise UsageError(f"Run {id} never began. Start it again with: m2agent run")
    setup = leg.limited(setup_of(records, choose(None, None, leg.rules)))
    run = journal.open(id)
    try:
        for record in journal.read(id):
            output.count(record)
        steps = open_steps(run.events, lambda id: [r.event for r in journal.read(id)])
        for step, events in answer(list(steps)):
            owner = journal.open(step.run) if step.run else run
            for record in owner.add(*events):
                output.take(record)
            if step.run:
                owner.close()
    except BaseException:
        run.close()
        raise
    return go_on(setup, run, journal, output, approve or answering(leg.on_ask, output))


def chosen(
    steps: list[Step], only: tuple[str, ...], waits: Callable[[Step], bool], what: str
) -> list[Step]:
    """The steps that wait, or those of them that were named. Raises UsageError if none do."""
    found = [step for step in steps if waits(step)]
    names = {step.name for step in found}
    if not found:
        raise UsageError(f"No step of this run waits for {what}. See it: m2agent show RUN")
    if unknown := [name for name in only if name not in names]:
        raise UsageError(f"No step {', '.join(unknown)} waits; waiting are {', '.join(names)}.")
    return [step for step in found if not only or step.name in only]
