"""`m2agent resume`, and what approve, decline and settle share with it: going on with a run."""

from collections.abc import Callable
from dataclasses import replace

import click

from m2agent.cli import undo
from m2agent.cli.choose import choose
from m2agent.cli.drive import answering, go_on
from m2agent.cli.options import output_options, run_options
from m2agent.cli.output import Output
from m2agent.cli.run import limited
from m2agent.desk import setup_of
from m2agent.errors import UsageError
from m2agent.events import Event
from m2agent.home import journal_file
from m2agent.journal import Journal, root
from m2agent.loop import Limits
from m2agent.loop.ask import Approve
from m2agent.loop.steps import Step, open_steps
from m2agent.loop.undo import is_undoing

Answers = list[tuple[Step, list[Event]]]
"""What to write down about each step that was answered."""


@click.command
@click.argument("run")
@run_options
@output_options
def resume(
    run: str,
    output: Output,
    on_ask: str,
    rules: str | None,
    max_turns: int | None,
    max_minutes: float | None,
    max_tokens: int | None,
) -> int:
    """Go on with RUN: an id, the beginning of one, or "last"."""
    journal = Journal(journal_file())
    id = journal.find(run)
    if is_undoing([record.event for record in journal.read(id)]):
        return undo.go_on(journal, id, output)
    bounds = (max_turns, max_minutes, max_tokens)
    return carry_on(run, output, lambda steps: [], on_ask=on_ask, rules=rules, bounds=bounds)


def carry_on(
    name: str,
    output: Output,
    answer: Callable[[list[Step]], Answers],
    *,
    on_ask: str = "park",
    rules: str | None = None,
    bounds: tuple[int | None, float | None, int | None] = (None, None, None),
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
    setup = setup_of(records, choose(None, None, rules))
    setup = replace(setup, limits=limited(setup.limits or Limits(), *bounds))
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
    return go_on(setup, run, journal, output, approve or answering(on_ask))


def chosen(steps: list[Step], only: tuple[str, ...], waits: Callable[[Step], bool]) -> list[Step]:
    """The steps that wait, or those of them that were named. Raises UsageError if none do."""
    found = [step for step in steps if waits(step)]
    names = {step.name for step in found}
    if not found:
        raise UsageError("Nothing in this run waits for that.")
    if unknown := [name for name in only if name not in names]:
        raise UsageError(f"No step {', '.join(unknown)} waits; waiting are {', '.join(names)}.")
    return [step for step in found if not only or step.name in only]
