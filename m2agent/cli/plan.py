"""`m2agent plan RUN`: what a run has set out to do, and a person's changes to it."""

import getpass
import sys
from pathlib import Path

import click

from m2agent.cli.completion import a_run
from m2agent.errors import UsageError
from m2agent.events import Ended, Planned
from m2agent.home import journal_file
from m2agent.journal import Journal
from m2agent.loop.plan import as_text, from_text, planned_now
from m2agent.printable import printable

_HELP = """\
# A line an item, with its state: open, doing, done or dropped. What proves it stands at the end.
# Lines with "note:" are what the model must not forget. The model reads the plan when it goes on.
"""


@click.command
@click.argument("run", shell_complete=a_run)
@click.option("--edit", is_flag=True, help="Change it in your editor.")
@click.option("--set", "given", help="Put this file in its place; - reads standard input.")
def plan(run: str, edit: bool, given: str | None) -> None:
    """Show the plan of RUN, or change it while the run waits or is stopped."""
    journal = Journal(journal_file())
    id = journal.find(run)
    events = [record.event for record in journal.read(id)]
    now = planned_now(events)
    if not (edit or given):
        if text := as_text(now):
            click.echo(printable(text))
        else:
            click.echo("This run has no plan.", err=True)
        return
    last = events[-1] if events else None
    if isinstance(last, Ended) and last.status in ("done", "unverified"):
        raise UsageError(f"Run {id} is over, so its plan stays as it was.")
    changed = from_text(_read(given) if given else _edited(as_text(now)), getpass.getuser())
    if (changed.items, changed.notes) == (now.items, now.notes):
        click.echo("Nothing was changed.", err=True)
        return
    owned = journal.open(id)
    owned.add(changed, *([last] if isinstance(last, Ended) else []))  # it still waits
    owned.close()
    click.echo(f"{_counted(changed)} The model reads it with: m2agent resume {id}", err=True)


def _read(name: str) -> str:
    try:
        return sys.stdin.read() if name == "-" else Path(name).read_text("utf-8")
    except OSError as error:
        raise UsageError(f"The plan {name} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"The plan {name} is not UTF-8 text.") from error


def _edited(text: str) -> str:
    if not sys.stdin.isatty():
        raise UsageError("There is no terminal to edit in. Give the plan with --set FILE.")
    return click.edit(f"{_HELP}\n{text}\n") or text


def _counted(plan: Planned) -> str:
    left = sum(item.state in ("open", "doing") for item in plan.items)
    return f"The plan has {len(plan.items)} items now, {left} to do."
