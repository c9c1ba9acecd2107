"""`m2agent rules`: the rules there are, which of them decides a call, and taking one back."""

import asyncio
import tempfile
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, get_args

import click
import msgspec

from m2agent.cli.choose import AT_HOME, chosen_rules
from m2agent.connector import Account, Connector, connector_named
from m2agent.errors import SetupError, ToolFailed, UsageError
from m2agent.events import Asked, Began, Called, Origin, Returned, Started
from m2agent.home import always_file, config_file
from m2agent.policy import Call, Provenance, Rules, Verdict, decide, read_rules
from m2agent.policy.always import described, known, revoke
from m2agent.policy.decide import least_trusted
from m2agent.printable import one_line
from m2agent.settings import Settings, read_settings
from m2agent.tool import Effect, Tool
from m2agent.toolbox import Toolbox

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
@click.option(
    "--effect",
    type=click.Choice(get_args(Effect)),
    help="What the call does; by itself what the tool says, and send for one that is not known.",
)
@click.option("--account", default="", help="The account it would act on.")
@click.option("--rules", "file", help="A TOML file with rules, instead of the configured one.")
@click.option("--task", default="", help="Your words, as you would give them to a run.")
def check(
    tool: str, arguments: str, effect: Effect | None, account: str, file: str | None, task: str
) -> None:
    """Say what would happen to a call, by which rule, and why.

    It is judged as at the screen and unattended, and each before and after the model has read
    anything that an outsider wrote. Below is why your other rules do not decide it.
    """
    settings = read_settings(config_file())
    own = chosen_rules(file, settings).rule
    said = known(always_file()).rule
    names = [f"yours {n + 1}" for n in range(len(own))]
    names += [f"always {n + 1}" for n in range(len(said))]
    chosen = Rules([*own, *said])
    given = _object(arguments)
    effect = effect or _effect(tool, given, settings)
    call = Call(tool, effect, given, account, at=datetime.now())
    click.echo(f"{tool} counts as {effect}.\n")
    found: dict[str, list[str]] = {}
    misfits: dict[str, str] = {}
    for unattended in (False, True):
        for read in (False, True):
            provenance = _after_reading(task, read)
            now = replace(call, unattended=unattended)
            verdict = decide(provenance.grant, provenance, now, chosen)
            reason = one_line(verdict.reason, _WIDTH)
            line = f"{verdict.decision:<5}  {_by(verdict, names)}: {reason}"
            where = "unattended" if unattended else "at the screen"
            when = "after reading an outsider's text" if read else "before reading anything"
            found.setdefault(line, []).append(f"{where}, {when}")
            trust = least_trusted(provenance, now)
            misfits |= {
                name: rule.misfit(now, trust)
                for name, rule in zip(names, chosen.rule, strict=True)
                if name not in misfits
            }
    for line, cases in found.items():
        click.echo(line)
        click.echo(f"       {'; '.join(cases) if len(found) > 1 else 'in every case'}")
    for name, rule in zip(names, chosen.rule, strict=True):
        if misfit := misfits[name]:
            told = one_line(described(rule), _WIDTH)
            click.echo(f"\n{name} does not fit, by its {misfit}: {told}")


def _by(verdict: Verdict, names: list[str]) -> str:
    """The rule that decides, by the name that the list gives it."""
    kind, _, number = verdict.rule.partition(" ")
    return names[int(number) - 1] if kind == "rule" and number.isdigit() else verdict.rule


def _effect(tool: str, arguments: dict[str, Any], settings: Settings) -> Effect:
    """What the tool of a configured account says of itself; one that is not known sends."""
    configured = {name: one.model_dump() for name, one in settings.accounts.items()}
    for table in (configured or AT_HOME).values():
        with suppress(SetupError):
            connector = connector_named(str(table["connector"]))
            for attribute in vars(connector).values():
                if isinstance(attribute, Tool) and tool == f"{connector.kind}_{attribute.name}":
                    depends = attribute.effect_hook is not None
                    return (depends and _effect_of(connector, tool, arguments)) or attribute.effect
    return "send"


def _effect_of(connector: type[Connector], tool: str, arguments: dict[str, Any]) -> Effect | None:
    """What this very call does, as the tool says it, in empty folders; None if it cannot say."""

    async def asked(folder: Path) -> Effect:
        opened = await connector.open(Account("check", folder / "account", folder / "work"))
        try:
            called = Called("1.1", tool, arguments)
            return Toolbox({"check": opened}).check(called).effect
        finally:
            await opened.close()

    with (
        tempfile.TemporaryDirectory(prefix="m2agent-check-") as name,
        suppress(SetupError, ToolFailed),
    ):
        return asyncio.run(asked(Path(name)))
    return None


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
