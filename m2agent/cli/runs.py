"""`m2agent runs`: all runs, the newest first."""

from datetime import UTC, datetime

import click
import msgspec

from m2agent.home import journal_file
from m2agent.journal import Journal, RunInfo
from m2agent.printable import one_line


@click.command
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per run.")
def runs(as_json: bool) -> None:
    """List all runs, the newest first."""
    found = Journal(journal_file()).runs()
    for info in found:
        click.echo(_json(info) if as_json else _line(info))
    if not found:
        click.echo("There are no runs yet. Begin one with: m2agent run TASK", err=True)


def _line(info: RunInfo) -> str:
    when = datetime.fromtimestamp(info.created).strftime("%Y-%m-%d %H:%M")
    return f"{info.id}  {when}  {state(info):<11}  {one_line(info.task, 60)}"


def _json(info: RunInfo) -> str:
    row = {
        "run": info.id,
        "created": datetime.fromtimestamp(info.created, UTC).isoformat(timespec="seconds"),
        "updated": datetime.fromtimestamp(info.updated, UTC).isoformat(timespec="seconds"),
        "status": state(info),
        "task": info.task,
    }
    return msgspec.json.encode(row).decode()


def state(info: RunInfo) -> str:
    """A run's state in one word; one that nobody works on and nothing ended was cut off."""
    if info.running:
        return "running"
    return info.status or "cut off"
