"""`m2agent settle RUN`: a person's word on a step whose outcome nobody could find out."""

import getpass

import click

from m2agent.cli.completion import a_run
from m2agent.cli.options import output_options
from m2agent.cli.output import Output
from m2agent.cli.resume import Answers, carry_on, chosen
from m2agent.events import Settled
from m2agent.loop.steps import Step


@click.command
@click.argument("run", shell_complete=a_run)
@click.option("--step", "steps", multiple=True, help="Only this step, such as 14.1; repeatable.")
@click.option("--happened/--did-not-happen", default=None, help="What you found.")
@output_options
def settle(run: str, steps: tuple[str, ...], happened: bool | None, output: Output) -> int:
    """Say whether a step of RUN happened, and go on. What did not happen is then done."""
    if happened is None:
        raise click.UsageError("Say which: --happened or --did-not-happen.")

    def word(open_steps: list[Step]) -> Answers:
        answers: Answers = []
        for step in chosen(open_steps, steps, _is_unsettled, "your word on whether it happened"):
            assert step.unsettled
            how = f"{getpass.getuser()} by m2agent settle"
            settled = Settled(step.called.id, step.unsettled.key, happened, how)
            answers.append((step, [settled]))
        return answers

    return carry_on(run, output, word)


def _is_unsettled(step: Step) -> bool:
    return step.unsettled is not None and step.settled is None
