"""`m2agent run TASK`: one task, unattended."""

import sys
from dataclasses import replace
from pathlib import Path

import click
from click.core import ParameterSource

from m2agent.cli.choose import choose
from m2agent.cli.completion import a_model, a_recipe
from m2agent.cli.drive import answering, begin
from m2agent.cli.options import Leg, output_options, read_file, run_options
from m2agent.cli.output import Output
from m2agent.cli.recipe import pairs, read_recipe
from m2agent.loop.judge.structured import read_schema


@click.command
@click.argument("task", default="", shell_complete=a_recipe)
@click.option("--file", type=click.Path(path_type=Path), help="Read the task from a file.")
@click.option("--set", "given", multiple=True, metavar="NAME=VALUE", help="For a recipe.")
@click.option(
    "--model",
    shell_complete=a_model,
    help="What thinks: local, a name, a GGUF's path, server:URL, remote:PROVIDER/MODEL.",
)
@click.option("--office", help="'sample' for a fresh sample office, or the folder of a kept one.")
@click.option("--schema", type=click.Path(), help="A JSON Schema that the answer must fit.")
@click.option("--dry-run", is_flag=True, help="Read for real, and only write down the rest.")
@run_options
@output_options
@click.pass_context
def run(
    ctx: click.Context,
    task: str,
    file: Path | None,
    given: tuple[str, ...],
    model: str | None,
    office: str | None,
    schema: str | None,
    dry_run: bool,
    leg: Leg,
    output: Output,
) -> int:
    """Do TASK, and print what comes of it; "-" reads the task from standard input.

    A TASK that ends with .toml is a recipe, a task kept in a file, with its parameters.
    """
    if bool(task) == bool(file):
        raise click.UsageError('Give one task, as words, as "-" or with --file.')
    if task.endswith(".toml") and len(task.split()) == 1:
        recipe = read_recipe(task)
        text = recipe.task(pairs(given))
        asked = ctx.get_parameter_source("on_ask") is not ParameterSource.DEFAULT
        leg = recipe.leg(leg, asked=asked)
        schema = schema or recipe.beside(recipe.table.schema_file)
        setup = recipe.within(choose(model or recipe.table.model, office, leg.rules))
    else:
        if given:
            raise click.UsageError("--set is for recipes: m2agent run RECIPE.toml --set NAME=VALUE")
        text = _task(task, file, leg)
        setup = choose(model, office, leg.rules)
    if not text.strip():
        raise click.UsageError("The task is empty. Say what should be done.")
    wanted = read_schema(Path(schema)) if schema else None
    setup = replace(leg.limited(setup), schema=wanted, dry_run=dry_run)
    return begin(setup, text, output, answering(leg.on_ask, output))


def _task(task: str, file: Path | None, leg: Leg) -> str:
    if file:
        return read_file(file, "The task")
    if task != "-":
        return task
    if leg.on_ask == "stdio":
        raise click.UsageError("Standard input gives either the task or the answers, not both.")
    try:
        return sys.stdin.buffer.read().decode()
    except UnicodeDecodeError as error:
        raise click.UsageError("The task on standard input is no text in UTF-8.") from error
