"""`m2agent rules`: the rules there are, which of them decides a call, and taking one back."""

from datetime import datetime
from pathlib import Path
from typing import Any, get_args

import click
import msgspec

from m2agent.cli.choose import chosen_rules
from m2agent.errors import UsageError
from m2agent.events import Asked, Began, Called, Origin, Returned, Started
from m2agent.home import always_file, config_file
from m2agent.policy import Call, Provenance, Rules, decide, read_rules
from m2agent.policy.always import described, known, revoke
from m2agent.printable import one_line
from m2agent.settings import read_settings
from m2agent.tool import Effect

_WIDTH = 300


@click.group(invoke_without_command=True)
@click.pass_context
def rules(ctx: click.Context) -> None:
    """List rules, take one back, or see which one decides a call."""
    if ctx.invoked_subcommand is None:
        _list()


@rules.command(name="list")
def list_rules() -> None:
    """List your rules in the order in which they are tried."""
    _list()


@rules.command(name="revoke")
@click.argument("number", type=int)
def revoke_rule(number: int) -> None:
    """Take back an "always", by its NUMBER in the list."""
    click.echo(f"Taken back: {one_line(described(revoke(always_file(), number)), _WIDTH)}")


@rules.command
@click.option("--tool", required=True, help="The tool's full name, such as mail_send.")
@click.option("--arguments", default="{}", help="Its arguments, as a JSON object.")
@click.option("--effect", type=click.Choice(get_args(Effect)), default="send", show_default=True)
@click.option("--account", default="", help="The account it would act on.")
@click.option("--rules", "file", help="A TOML file with rules, instead of the configured one.")
@click.option("--task", default="", help="Your words, as you would give them to a run.")
def check(
    tool: str, arguments: str, effect: Effect, account: str, file: str | None, task: str
) -> None:
    """Say what would happen to a call, by which rule, and why.

    It is judged as at the screen and unattended, and each before and after the model has read
    anything that an outsider wrote.
    """
    own = chosen_rules(file, read_settings(config_file()))
    chosen = Rules([*own.rule, *known(always_file()).rule])
    given = _object(arguments)
    for unattended in (False, True):
        for read in (False, True):
            provenance = _after_reading(task, read)
            call = Call(tool, effect, given, account, unattended=unattended, at=datetime.now())
            verdict = decide(provenance.grant, provenance, call, chosen)
            where = "unattended" if unattended else "at the screen"
            when = "after reading an outsider's text" if read else "before reading anything"
            reason = one_line(verdict.reason, _WIDTH)
            click.echo(f"{verdict.decision:<5}  {where}, {when}: {verdict.rule}. {reason}")


def _after_reading(task: str, read: bool) -> Provenance:
    provenance = Provenance()
    history: list[Any] = [Began("", ""), Asked(task)]
    if read:
        origin = [Origin("outside", "a stranger's mail")]
        history += [
            Called("1.1", "read"),
            Started("1.1", "", ""),
            Returned("1.1", text="Hello.", origin=origin),
        ]
    provenance.follow(history)
    return provenance


def _list() -> None:
    settings = read_settings(config_file())
    own = read_rules(Path(settings.rules).expanduser()).rule if settings.rules else []
    for number, rule in enumerate(own, start=1):
        click.echo(f"yours {number}   {one_line(described(rule), _WIDTH)}")
    said = known(always_file()).rule
    for number, rule in enumerate(said, start=1):
        click.echo(f"always {number}  {one_line(described(rule), _WIDTH)}")
    if not own and not said:
        click.echo("There are no rules. m2agent decides by your words alone.", err=True)


def _object(text: str) -> dict[str, Any]:
    try:
        return msgspec.json.decode(text, type=dict[str, Any])
    except msgspec.DecodeError as error:
        raise UsageError(f"--arguments is no JSON object: {error}.") from error
