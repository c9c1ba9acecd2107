"""`m2agent approve RUN`: yes, to exactly what is shown."""

import getpass

import click

from m2agent.cli.options import output_options
from m2agent.cli.output import Output
from m2agent.cli.resume import Answers, carry_on, chosen, waits_for_yes
from m2agent.cli.show import waiting
from m2agent.events import Approved
from m2agent.loop.steps import Step


@click.command
@click.argument("run")
@click.option("--step", "steps", multiple=True, help="Only this step, such as 14.1; repeatable.")
@output_options
def approve(run: str, steps: tuple[str, ...], output: Output) -> int:
    """Say yes to what RUN waits for, or to the steps named, and go on.

    The yes holds for exactly what `m2agent show RUN` shows: if a byte of it changes before it is
    done, it is asked again.
    """

    def yes(open_steps: list[Step]) -> Answers:
        answers: Answers = []
        for step in chosen(open_steps, steps, waits_for_yes):
            assert step.decided
            click.echo(waiting(step), err=True)
            by = f"{getpass.getuser()} by m2agent approve"
            yes = Approved(step.called.id, step.decided.hash, by, step.decided.content)
            answers.append((step, [yes]))
        return answers

    return carry_on(run, output, yes)
