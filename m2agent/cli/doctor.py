"""`m2agent doctor`: what works here, what does not, and how to mend it."""

import asyncio
import platform
import shutil
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Literal

import click
import msgspec
from pydantic import BaseModel

from m2agent.cli.choose import choose
from m2agent.cli.completion import a_model
from m2agent.cli.second_turn import probe
from m2agent.desk import back_end_settings, open_account, open_model
from m2agent.errors import M2Error, SetupError
from m2agent.home import config_file, home, journal_file, private
from m2agent.journal import Journal
from m2agent.model import Examinable, Model
from m2agent.printable import printable
from m2agent.settings import LimitSettings, RoleSettings, ScreenSettings, Settings

_LITTLE_DISK = 2e9
_FIXES = {
    "thinking": 'Try another form: [remote] thinking = "inline", and run this again.',
    "arguments": "Use another server or provider for this model.",
}


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    what: str
    state: Literal["ok", "note", "problem"]
    words: str
    fix: str = ""


@click.command
@click.argument("model", default="", shell_complete=a_model)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per finding.")
@click.option("--settings", is_flag=True, help="Print every key of the configuration instead.")
@click.option("--repair", is_flag=True, help="Save what can be saved of a damaged journal instead.")
def doctor(model: str, as_json: bool, settings: bool, repair: bool) -> int:
    """Check that everything works, and say how to mend what does not.

    With a MODEL, as for --model, that one is tried for two turns: whether the thinking of the first
    reaches the second, and whether hard arguments survive. A hosted one costs a cent or so.
    """
    if repair:
        click.echo(_repaired())
        return 0
    if settings:
        click.echo(_documented())
        return 0
    problems = 0
    for finding in asyncio.run(_tried(model)) if model else _findings():
        problems += finding.state == "problem"
        if as_json:
            click.echo(msgspec.json.encode(asdict(finding)).decode())
            continue
        click.echo(_told(finding))
    return 3 if problems else 0


def _told(finding: Finding) -> str:
    """For a person: wrapped to the terminal, but for the fix, which is there to be copied."""
    sign = {"ok": "ok  ", "note": "note", "problem": "BAD "}[finding.state]
    text = printable(f"{sign}  {finding.what:<12} {finding.words}")
    if sys.stdout.isatty():
        width = max(60, shutil.get_terminal_size().columns)
        text = textwrap.fill(text, width, subsequent_indent=" " * 19)
    return f"{text}\n{'':19}{printable(finding.fix)}" if finding.fix else text


def _findings() -> Iterator[Finding]:
    yield Finding(
        "m2agent",
        "ok",
        f"{version('m2agent')} on Python {platform.python_version()}, {sys.platform}",
    )
    yield _state()
    yield _journal()
    try:
        setup = choose(None, None)
    except M2Error as error:
        yield _problem("settings", error)
        return
    yield Finding(
        "settings", "ok", str(config_file()) if config_file().exists() else "the defaults"
    )
    yield from asyncio.run(_engine())
    yield asyncio.run(_model(setup.model, dict(back_end_settings(setup))))
    for name, table in setup.accounts.items():
        yield asyncio.run(_account(name, dict(table), setup.work))


def _state() -> Finding:
    try:
        private(home())
        free = shutil.disk_usage(home()).free
    except M2Error as error:
        return _problem("state", error)
    words = f"{home()}, {free / 1e9:,.1f} GB free"
    if free < _LITTLE_DISK:
        return Finding("state", "note", words, "Free some disk space before long runs.")
    return Finding("state", "ok", words)


def _journal() -> Finding:
    try:
        journal = Journal(journal_file())
    except M2Error as error:
        return _problem("journal", error)
    try:
        found, count = journal.check(), len(journal.runs())
    except M2Error as error:
        return _problem("journal", error)
    finally:
        journal.close()
    if found != "ok":
        error = SetupError(f"SQLite finds: {found}", fix="Mend it: m2agent doctor --repair")
        return _problem("journal", error)
    return Finding("journal", "ok", f"{count} runs, sound")


def _repaired() -> str:
    """Repair the journal, and say in full what became of it."""
    from m2agent.journal.repair import repair

    report = repair(journal_file())
    lines = [f"The journal holds {report.runs:,} runs with {report.entries:,} entries."]
    if report.kept:
        lines.append(f"It was damaged; the file as it was is kept as {report.kept}.")
    lines += [f"Run {run} lost {what}." for run, what in report.lost.items()]
    if not report.kept and not report.lost:
        lines.append("Nothing was wrong with it.")
    return "\n".join(lines)


async def _engine() -> list[Finding]:
    """Whether llama.cpp can serve M2 here, tried in a second on a model of half a megabyte."""
    from m2agent_models.engine.selftest import selftest

    try:
        checks = await selftest()
    except M2Error as error:
        return [_problem("engine", error)]
    failed = [check for check in checks if check.problem]
    if not failed:
        return [Finding("engine", "ok", f"llama.cpp: {', '.join(c.what for c in checks)}")]
    fix = "Install the engine again: pip install --force-reinstall 'm2agent[local]'"
    return [Finding("engine", "problem", f"{c.what}: {c.problem}", fix) for c in failed]


async def _model(name: str, engine: dict[str, object]) -> Finding:
    try:
        model = await open_model(name, engine)
    except M2Error as error:
        return _problem("model", error)
    try:
        return await _described(model)
    finally:
        await model.close()


async def _tried(name: str) -> list[Finding]:
    """Two turns of a model, looked at from outside."""
    found: list[Finding] = []
    try:
        setup = choose(name, None)
        model = await open_model(setup.model, dict(back_end_settings(setup)))
    except M2Error as error:
        return [_problem("model", error)]
    try:
        found.append(await _described(model))
        async for what, well, words in probe(model):
            fix = _FIXES[what] if well is False and what in _FIXES else ""
            state = "ok" if well else "note" if well is None else "problem"
            found.append(Finding(what, state, words, fix))
    except M2Error as error:
        found.append(_problem("model", error))
    finally:
        await model.close()
    return found


async def _described(model: Model) -> Finding:
    words = f"{model.name}: {model.describe()}"
    if isinstance(model, Examinable) and (more := await model.examine()):
        return Finding("model", "note", f"{words} {more}", "Take another file of this model.")
    return Finding("model", "ok", words)


async def _account(name: str, table: dict[str, object], work: Path) -> Finding:
    try:
        connector = await open_account(name, table, work)
    except M2Error as error:
        return _problem(name, error)
    try:
        return Finding(name, "ok", f"{connector.name}: {connector.describe()}")
    except M2Error as error:
        return _problem(name, error)
    finally:
        await connector.close()


def _problem(what: str, error: M2Error) -> Finding:
    if isinstance(error, SetupError):
        return Finding(what, "problem", error.problem, error.fix)
    return Finding(what, "problem", str(error))


def _documented() -> str:
    """The configuration with every key, its default and what it means, as TOML comments."""
    lines = [f"# {config_file()}", ""]
    for name, field in Settings.model_fields.items():
        if name in ("limits", "roles", "screen"):
            continue
        lines += [f"# {field.description}"]
        if name == "accounts":
            lines += ["# [accounts.work]", '# connector = "local-mail"', ""]
        elif name == "remote":
            lines += ["# [remote]", *_remote_keys(), ""]
        elif name == "mcp":
            lines += ["# [mcp.tickets]", '# command = ["uvx", "tickets-mcp"]', ""]
        elif name == "engine":
            lines += ["# [engine]", *_engine_keys(), ""]
        else:
            lines += [f"# {name} = {_toml(field.default)}", ""]
    tables = (
        ("limits", LimitSettings),
        ("roles.NAME", RoleSettings),
        ("screen", ScreenSettings),
    )
    for table, model in tables:
        lines += [f"# [{table}]", *_keys(model), ""]
    return "\n".join(lines).rstrip()


def _keys(model: type[BaseModel]) -> Iterator[str]:
    for name, field in model.model_fields.items():
        default = field.get_default(call_default_factory=True, validated_data={})
        given = "…" if default is None else _toml(default)
        yield f"# {name} = {given}  # {field.description}"


def _remote_keys() -> Iterator[str]:
    """What hosted models understand; without a default it is as their provider has it."""
    from m2agent_models.remote.settings import RemoteSettings

    return _keys(RemoteSettings)


def _engine_keys() -> Iterator[str]:
    """What the local back end understands; without a default it is chosen for the machine."""
    from m2agent_models.engine.placement import Wishes

    about = msgspec.json.schema(Wishes)["$defs"]["Wishes"]["properties"]
    for name, key in about.items():
        default = key.get("default")
        given = "…" if default is None else _toml(default)
        yield f"# {name} = {given}  # {key['description']}"


def _toml(value: object) -> str:
    return msgspec.json.encode(value).decode()
