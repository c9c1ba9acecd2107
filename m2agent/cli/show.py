"""`m2agent show RUN`: the run for a person to read, and what it waits for in full."""

import click
import msgspec

from m2agent.cli.completion import a_run
from m2agent.events import Ended, Event
from m2agent.home import journal_file
from m2agent.journal import Journal
from m2agent.journal.export import markdown
from m2agent.loop.steps import Step, open_steps, waits_for_yes
from m2agent.printable import printable


@click.command
@click.argument("run", shell_complete=a_run)
def show(run: str) -> None:
    """Show RUN: an id, the beginning of one, or "last"."""
    journal = Journal(journal_file())
    id = journal.find(run)

    def events(run: str) -> list[Event]:
        return [record.event for record in journal.read(run)]

    click.echo(printable(markdown(journal.read(id), journal.read)))
    history = events(id)
    if not (history and isinstance(history[-1], Ended)):
        return
    left = list(open_steps(history, events))
    for step in left:
        if step.unsettled and not step.settled:
            click.echo(f"Whether {step.called.tool} ({step.name}) happened is not known.")
            click.echo(printable(step.unsettled.how))
            click.echo(f"\nSay so: m2agent settle {id} --happened, or --did-not-happen")
    if asked := [step for step in left if waits_for_yes(step)]:
        click.echo("\n\n".join(waiting(step) for step in asked))
        click.echo(f"\n{_how_to_answer(id, [step.name for step in asked])}")


def _how_to_answer(run: str, steps: list[str]) -> str:
    one = f" --step {steps[0]}" if len(steps) > 1 else ""
    lines = [
        f"Yes: m2agent approve {run}",
        f"No:  m2agent decline {run} --reason TEXT",
        f"Change it first: m2agent approve {run}{one} --edit",
    ]
    if one:
        lines[0] += f", or one of them with{one}"
    return "\n".join(lines)


def waiting(step: Step) -> str:
    """Everything that a yes would set going, in full."""
    assert step.decided
    shown = step.decided.preview or _pretty(step.called.arguments)
    head = f"{step.name}  {step.called.tool}: {step.decided.reason}"
    return printable(f"{head}\n\n{shown}\n\nhash {step.decided.hash}")


def _pretty(value: object) -> str:
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()
