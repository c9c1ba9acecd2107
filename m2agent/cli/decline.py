"""`m2agent decline RUN`: no, and why."""

import getpass

import click

from m2agent.cli.completion import a_run
from m2agent.cli.options import output_options
from m2agent.cli.output import Output
from m2agent.cli.resume import Answers, carry_on, chosen
from m2agent.loop.ask import Did, No, instead
from m2agent.loop.steps import Step, waits_for_yes


@click.command
@click.argument("run", shell_complete=a_run)
@click.option("--step", "steps", multiple=True, help="Only this step, such as 14.1; repeatable.")
@click.option("--reason", default="", help="Told to the model.")
@click.option("--done", is_flag=True, help="You did it yourself: the run takes it as done.")
@output_options
def decline(run: str, steps: tuple[str, ...], reason: str, done: bool, output: Output) -> int:
    """Say no to what RUN waits for, or to the steps named, and go on.

    With --done you take the step over: it counts as done, on your word.
    """

    def no(open_steps: list[Step]) -> Answers:
        answers: Answers = []
        for step in chosen(open_steps, steps, waits_for_yes, "a yes or no"):
            assert step.decided
            by = f"{getpass.getuser()} by m2agent decline"
            said = Did(by, reason) if done else No(by, reason)
            answers.append((step, [*instead(step.called, step.decided, said)]))
        return answers

    return carry_on(run, output, no)
