"""What became of each command, so that a crash leaves as little doubt as can be.

An empty record is on the disk before a command begins, and its result is in it before anybody
hears of it. So no record means that the command never began. They lie with the run's artifacts,
and beside them the folder that the run was in last.
"""

import contextlib
import os
from pathlib import Path

import msgspec

from m2agent.durable import sync
from m2agent.errors import ToolFailed, Unclear
from m2agent.tool import Operation, Result

_FOLDER = "shell.folder"


def begin(op: Operation) -> None:
    """Raises ToolFailed where nothing can be written, so that nothing is done either."""
    try:
        _write(_path(op), b"")
    except OSError as error:
        raise ToolFailed(f"Not run, since it cannot be written down: {error}.") from error


def finish(op: Operation, result: Result) -> None:
    """Where nothing can be written any more, the doubt after a crash is the lesser evil."""
    with contextlib.suppress(OSError):
        _write(_path(op), msgspec.json.encode(result))


def found(op: Operation) -> Result | None:
    """The result of an earlier process's command; None if it did not begin.

    Raises Unclear where it began, and nobody knows how far it came.
    """
    try:
        data = _path(op).read_bytes()
    except FileNotFoundError:
        return None
    if not data:
        raise Unclear(
            "The command may have run, in whole or in part: m2agent was stopped during it."
            " Look at the files it was to change."
        )
    return msgspec.json.decode(data, type=Result)


def keep_folder(op: Operation, cwd: Path) -> None:
    with contextlib.suppress(OSError):
        (op.artifacts / _FOLDER).write_bytes(os.fsencode(cwd))


def folder(op: Operation) -> Path | None:
    """Where the run's shell was last."""
    try:
        return Path(os.fsdecode((op.artifacts / _FOLDER).read_bytes()))
    except FileNotFoundError:
        return None


def _path(op: Operation) -> Path:
    return op.artifacts / f"{op.key}.exit"


def _write(path: Path, data: bytes) -> None:
    """Replace the file as a whole, and see it and its name on the disk."""
    new = path.with_name(path.name + ".new")
    with new.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
    sync(path.parent)
