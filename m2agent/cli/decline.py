"""`m2agent decline RUN`: no, and why."""

import getpass

import click

from m2agent.cli.options import output_options
from m2agent.cli.output import Output
from m2agent.cli.resume import Answers, carry_on, chosen
from m2agent.events import Declined, Returned
from m2agent.loop.steps import Step, waits_for_yes


@click.command
@click.argument("run")
@click.option("--step", "steps", multiple=True, help="Only this step, such as 14.1; repeatable.")
@click.option("--reason", default="", help="Told to the model.")
@output_options
def decline(run: str, steps: tuple[str, ...], reason: str, output: Output) -> int:
    """Say no to what RUN waits for, or to the steps named, and go on."""

    def no(open_steps: list[Step]) -> Answers:
        answers: Answers = []
        for step in chosen(open_steps, steps, waits_for_yes):
            assert step.decided
            by = f"{getpass.getuser()} by m2agent decline"
            decided = step.decided
            declined = Declined(step.called.id, decided.hash, by, reason, decided.content)
            words = f"The person declined this step. {reason}".strip()
            answers.append((step, [declined, Returned(step.called.id, False, words)]))
        return answers

    return carry_on(run, output, no)
