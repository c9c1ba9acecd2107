"""`m2agent export RUN`: every event for programs, or a report for people."""

import click
import msgspec

from m2agent.cli.completion import a_run
from m2agent.home import journal_file
from m2agent.journal import Journal
from m2agent.journal.described import schema as described
from m2agent.journal.export import line
from m2agent.journal.export import markdown as as_markdown


@click.command
@click.argument("run", default="", shell_complete=a_run)
@click.option("--markdown", is_flag=True, help="A report instead of events.")
@click.option("--training", is_flag=True, help="One example to train on instead, with its reward.")
@click.option(
    "--thumb",
    type=click.Choice(["up", "down"]),
    help="With --training: what you think of the run, instead of what its own check said.",
)
@click.option("--schema", is_flag=True, help="The JSON Schema of an event instead.")
def export(run: str, markdown: bool, training: bool, thumb: str | None, schema: bool) -> None:
    """Print every event of RUN as --events does; those of a sub-agent after the one it began."""
    if schema:
        click.echo(msgspec.json.format(msgspec.json.encode(described()), indent=2))
        return
    if not run:
        raise click.UsageError("Say which run: an id, the beginning of one, or last.")
    journal = Journal(journal_file())
    records = journal.read(journal.find(run))
    if training:
        from m2agent.cli.training import example

        reward = None if thumb is None else float(thumb == "up")
        history = [record.event for record in records]
        told = example(history, reward=reward, task=records[0].run)
        click.echo(msgspec.json.encode(told).decode())
        return
    if markdown:
        click.echo(as_markdown(records, journal.read), nl=False)
        return
    for record in journal.with_children(records):
        click.echo(line(record))
