"""Options that several commands share."""

from collections.abc import Callable
from typing import Any

import click

from m2agent.cli.output import Output

Command = Callable[..., Any]


def output_options(command: Command) -> Command:
    """--events and --json; the command gets `output`."""
    events = click.option("--events", is_flag=True, help="Print one JSON object per event.")
    final = click.option("--json", "final", is_flag=True, help="Print only a final JSON object.")

    def wrapped(*args: Any, events: bool, final: bool, **kwargs: Any) -> Any:
        if events and final:
            raise click.UsageError("Choose one of --events and --json.")
        kind = "events" if events else "json" if final else "plain"
        return command(*args, output=Output(kind), **kwargs)

    wrapped.__name__, wrapped.__doc__ = command.__name__, command.__doc__
    wrapped.__dict__.update(command.__dict__)
    return events(final(wrapped))


def run_options(command: Command) -> Command:
    """What bounds a leg of a run: limits, rules, and what to do where a person is needed."""
    for option in (
        click.option("--rules", type=click.Path(), help="A TOML file with your rules."),
        click.option(
            "--on-ask",
            type=click.Choice(["park", "deny", "allow"]),
            default="park",
            show_default=True,
            help="What to do with a call that needs a person.",
        ),
        click.option("--max-tokens", type=click.IntRange(1), help="Stop after so many tokens."),
        click.option("--max-minutes", type=click.FloatRange(0), help="Stop after so long."),
        click.option("--max-turns", type=click.IntRange(1), help="Stop after so many turns."),
    ):
        command = option(command)
    return command
