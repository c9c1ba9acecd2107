"""`m2agent run TASK`: one task, unattended."""

import sys
from dataclasses import replace
from pathlib import Path

import click

from m2agent.cli.choose import choose
from m2agent.cli.drive import answering, begin
from m2agent.cli.options import output_options, run_options
from m2agent.cli.output import Output
from m2agent.loop import Limits
from m2agent.loop.structured import read_schema


@click.command
@click.argument("task")
@click.option("--model", help="What thinks: local, a name, a GGUF's path, script:FILE.")
@click.option("--office", help="'sample' for a fresh sample office, or the folder of a kept one.")
@click.option("--schema", type=click.Path(), help="A JSON Schema that the answer must fit.")
@run_options
@output_options
def run(
    task: str,
    model: str | None,
    office: str | None,
    schema: str | None,
    output: Output,
    on_ask: str,
    rules: str | None,
    max_turns: int | None,
    max_minutes: float | None,
    max_tokens: int | None,
) -> int:
    """Do TASK, and print what comes of it; "-" reads the task from standard input."""
    text = sys.stdin.read() if task == "-" else task
    if not text.strip():
        raise click.UsageError("The task is empty. Say what should be done.")
    wanted = read_schema(Path(schema)) if schema else None
    setup = replace(choose(model, office, rules), schema=wanted)
    limits = limited(setup.limits or Limits(), max_turns, max_minutes, max_tokens)
    return begin(replace(setup, limits=limits), text, output, answering(on_ask))


def limited(limits: Limits, turns: int | None, minutes: float | None, tokens: int | None) -> Limits:
    """The limits with those that were given as options put in their place."""
    given = {"turns": turns, "minutes": minutes, "tokens": tokens}
    return replace(limits, **{name: value for name, value in given.items() if value is not None})
