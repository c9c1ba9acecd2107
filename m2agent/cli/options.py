"""Options that several commands share."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click

from m2agent.cli.output import Output
from m2agent.desk import Setup
from m2agent.loop import Limits

Command = Callable[..., Any]


@dataclass(frozen=True)
class Leg:
    """What bounds a leg of a run: limits, rules, and what to do where a person is needed."""

    on_ask: str = "park"
    rules: str | None = None
    turns: int | None = None
    minutes: float | None = None
    tokens: int | None = None
    cost: float | None = None

    def limited(self, setup: Setup) -> Setup:
        """The setup with the limits that were given in place of its own."""
        given = {
            "turns": self.turns,
            "minutes": self.minutes,
            "tokens": self.tokens,
            "cost": self.cost,
        }
        named = {name: value for name, value in given.items() if value is not None}
        return replace(setup, limits=replace(setup.limits or Limits(), **named))


def output_options(command: Command) -> Command:
    """--events and --json; the command gets `output`."""
    events = click.option("--events", is_flag=True, help="Print one JSON object per event.")
    final = click.option("--json", "final", is_flag=True, help="Print only a final JSON object.")

    def wrapped(*args: Any, events: bool, final: bool, **kwargs: Any) -> Any:
        if events and final:
            raise click.UsageError("Choose one of --events and --json.")
        kind = "events" if events else "json" if final else "plain"
        return command(*args, output=Output(kind), **kwargs)

    _named_like(wrapped, command)
    return events(final(wrapped))


def run_options(command: Command) -> Command:
    """The options of a leg; the command gets `leg`."""

    def wrapped(
        *args: Any,
        on_ask: str,
        rules: str | None,
        max_turns: int | None,
        max_minutes: float | None,
        max_tokens: int | None,
        max_cost: float | None,
        **kwargs: Any,
    ) -> Any:
        leg = Leg(on_ask, rules, max_turns, max_minutes, max_tokens, max_cost)
        return command(*args, leg=leg, **kwargs)

    _named_like(wrapped, command)
    for option in (
        click.option(
            "--rules", type=click.Path(path_type=str), help="A TOML file with your rules."
        ),
        click.option(
            "--on-ask",
            type=click.Choice(["park", "deny", "allow", "stdio"]),
            default="park",
            show_default=True,
            help="What to do with a call that needs a person; stdio: read answers as JSON lines.",
        ),
        _most("cost", "DOLLARS", click.FloatRange(0), "Stop after so many dollars."),
        _most("tokens", "N", click.IntRange(1), "Stop after so many tokens."),
        _most("minutes", "MINUTES", click.FloatRange(0), "Stop after so long."),
        _most("turns", "N", click.IntRange(1), "Stop after so many turns."),
    ):
        wrapped = option(wrapped)
    return wrapped


def _most(what: str, unit: str, kind: Any, words: str) -> Callable[[Command], Command]:
    return click.option(f"--max-{what}", metavar=unit, type=kind, help=words)


def _named_like(wrapped: Command, command: Command) -> None:
    wrapped.__name__, wrapped.__doc__ = command.__name__, command.__doc__
    wrapped.__dict__.update(command.__dict__)


def read_file(path: Path, what: str) -> str:
    """A text file that a person named. Raises click.UsageError, in words, where it has none."""
    try:
        return path.expanduser().read_text("utf-8")
    except OSError as error:
        raise click.UsageError(f"{what} {path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise click.UsageError(f"{what} {path} is no text in UTF-8.") from error
