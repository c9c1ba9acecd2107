"""`m2agent approve RUN`: yes, to exactly what is shown."""

import asyncio
import getpass
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import get_args

import click

from m2agent.cli.completion import a_run
from m2agent.cli.options import output_options
from m2agent.cli.output import Output
from m2agent.cli.resume import Answers, carry_on, chosen
from m2agent.cli.show import waiting
from m2agent.errors import UsageError
from m2agent.events import Approved
from m2agent.journal import path
from m2agent.loop.ask import Absent, Answer, Ask, Edit, Yes
from m2agent.loop.steps import Step, waits_for_yes
from m2agent.policy.always import Scope


@click.command
@click.argument("run", shell_complete=a_run)
@click.option("--step", "steps", multiple=True, help="Only this step, such as 14.1; repeatable.")
@click.option("--edit", is_flag=True, help="Change it in your editor first; what you save is done.")
@click.option(
    "--always",
    type=click.Choice(get_args(Scope)),
    help="Do not ask again for the like: in this run, on this account, to these recipients, or"
    " for exactly this call. But for a run's, it holds only while somebody watches.",
)
@output_options
def approve(
    run: str, steps: tuple[str, ...], edit: bool, always: Scope | None, output: Output
) -> int:
    """Say yes to what RUN waits for, or to the steps named, and go on.

    The yes holds for exactly what `m2agent show RUN` shows: if a byte of it changes before it is
    done, it is asked again.
    """
    by = f"{getpass.getuser()} by m2agent approve"
    person = _AtTheTerminal(by=by, edit=edit, always=always)

    def yes(open_steps: list[Step]) -> Answers:
        answers: Answers = []
        found = chosen(open_steps, steps, waits_for_yes, "a yes or no")
        if edit and len(found) > 1:
            names = ", ".join(step.name for step in found)
            raise UsageError(f"One step at a time can be changed. Name it with --step: {names}.")
        for step in found:
            assert step.decided
            click.echo(waiting(step), err=True)
            if edit or always:  # what these mean, only the tools know
                person.steps.append(step.name)
            else:
                id, decided = step.called.id, step.decided
                answers.append((step, [Approved(id, decided.hash, by, decided.content)]))
        return answers

    return carry_on(run, output, yes, approve=person)


@dataclass(frozen=True)
class _AtTheTerminal(Absent):
    """Answers the steps named, once; what else is asked waits, as nobody watches the run."""

    by: str = ""
    edit: bool = False
    always: Scope | None = None
    steps: list[str] = field(default_factory=list[str])
    saved: dict[str, str] = field(default_factory=dict[str, str])

    async def __call__(self, asks: Sequence[Ask]) -> Sequence[Answer]:
        return [await self._answer(ask) for ask in asks]

    async def _answer(self, ask: Ask) -> Answer:
        id = f"{path(ask.run)}{ask.called.id}"
        if ask.problem:
            click.echo(f"Step {id} was not answered. {ask.problem}", err=True)
            return None
        if id in self.saved:
            return self._saved(ask, self.saved.pop(id))
        if id not in self.steps:
            return None
        self.steps.remove(id)
        if not self.edit:
            return Yes(self.by, self.always)
        text = await asyncio.to_thread(click.edit, ask.text, require_save=False)
        if text is None:
            click.echo(f"Step {id} was left as it was.", err=True)
            return None
        self.saved[id] = text
        return Edit(self.by, text) if text != ask.text else self._saved(ask, self.saved.pop(id))

    def _saved(self, ask: Ask, text: str) -> Answer:
        """A saved text is a yes if it is, line by line, what would be done now."""
        if _plain(ask.text) == _plain(text):
            return Yes(self.by, self.always)
        words = "is not quite what you saved, so it waits for a yes to what `m2agent show` shows."
        click.echo(f"What step {ask.called.id} would do {words}", err=True)
        return None


def _plain(text: str) -> object:
    """A text as it counts: JSON as its value, anything else line by line."""
    try:
        return json.loads(text)
    except ValueError:
        return [line.rstrip() for line in text.rstrip().splitlines()]
