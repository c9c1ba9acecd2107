"""Changes to the folder that happen wholly or not at all, and can be asked about afterwards.

Every change is one rename: of a finished file over its place, or of a note into the trash or out
of it. Before it, a line in a log says which rename this operation is. So after a crash at any
instruction, or a loss of power, the files themselves say whether it happened:

    no line in the log, or one that takes it back    it did not
    the file is in its new place                     it did
    a file is still in the old place                 it did not
    there is a file in neither                       nobody can know

The log is append-only. It is the connector's own and needs no upkeep: a line has some 300 bytes.
"""

import errno
import hashlib
import os
import stat
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from m2agent.durable import sync
from m2agent.errors import ToolFailed, Unclear
from m2agent.tool import Result


@dataclass(frozen=True)
class Operations:
    """The changes made in `root`; `log` lies wherever the connector keeps its state."""

    root: Path
    log: Path

    def write(
        self, key: str, path: Path, data: bytes, result: Result, *, was: bytes | None
    ) -> Result:
        """Put `data` in place of `was`, or into a file that must be new if that is None.

        Raises ToolFailed, and has changed nothing, if the file is no longer as it `was`.
        """
        staged = path.with_name(f".m2agent-{hashlib.sha256(key.encode()).hexdigest()[:16]}")
        try:
            _make_folder(path.parent)
            _write_through(staged, data, like=path)
        except OSError as error:
            with suppress(OSError):
                staged.unlink(missing_ok=True)
            raise self._failed(path, error) from error
        return self._rename(key, staged, path, result, was=was, staged=True)

    def move(self, key: str, path: Path, target: Path, result: Result) -> Result:
        """Move a file to where no file may be."""
        try:
            _make_folder(target.parent)
        except OSError as error:
            raise self._failed(path, error) from error
        return self._rename(key, path, target, result, was=None, staged=False)

    def remove(self, key: str, path: Path, result: Result) -> Result:
        """Delete a file for good."""
        try:
            gone = path.relative_to(self.root).as_posix()
            self._write_down({"key": key, "gone": gone, "result": result})
            path.unlink()
            sync(path.parent)
        except OSError as error:
            raise self._failed(path, error) from error
        return result

    def outcome(self, key: str) -> Result | None:
        """The result of the operation if it happened, None if it did not. Raises Unclear."""
        line = self._last(key)
        if line and "gone" in line:
            there = (self.root / line["gone"]).exists()
            return None if there else msgspec.convert(line["result"], Result)
        if line is None or "to" not in line:
            return None
        old, new = self.root / line["from"], self.root / line["to"]
        if _inode(new) == line["inode"]:
            return msgspec.convert(line["result"], Result)
        if _inode(old) is not None:
            self._take_back(line)
            return None
        if _inode(new) is not None:
            return msgspec.convert(line["result"], Result)
        raise Unclear(
            f"{line['to']} was about to be written and is not there. It was never written, or "
            "somebody moved or deleted it since."
        )

    def _rename(
        self, key: str, old: Path, new: Path, result: Result, *, was: bytes | None, staged: bool
    ) -> Result:
        line = {
            "key": key,
            "from": old.relative_to(self.root).as_posix(),
            "to": new.relative_to(self.root).as_posix(),
            "inode": _inode(old),
            "staged": staged,
            "new": was is None,
            "result": result,
        }
        try:
            self._write_down(line)
            self._claim(new, was)
            old.replace(new)
        except ToolFailed:
            self._take_back(line | {"new": False})
            raise
        except OSError as error:
            self._take_back(line)
            raise self._failed(new, error) from error
        try:
            for folder in dict.fromkeys((new.parent, old.parent)):
                sync(folder)
        except OSError as error:
            raise Unclear(f"The disk did not confirm {line['to']}: {error.strerror}.") from error
        return result

    def _claim(self, path: Path, was: bytes | None) -> None:
        """See that nobody was faster; an empty file marks a new place as taken."""
        try:
            if was is None:
                os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
            elif path.read_bytes() != was:
                raise FileExistsError
            elif not path.stat().st_mode & stat.S_IWUSR:
                raise PermissionError(errno.EACCES, "It is read-only")
        except FileExistsError as error:
            raise ToolFailed(
                f"{path.relative_to(self.root).as_posix()} was changed by somebody else at this "
                "very moment, so nothing was written. Read it, then try again."
            ) from error

    def _take_back(self, line: dict[str, Any]) -> None:
        """Say for good that this operation did not happen, and only then tidy up.

        Where the log takes no more, the staged file stays, and says the same.
        """
        with suppress(OSError):
            if "to" in (self._last(line["key"]) or {}):
                self._write_down({"key": line["key"]})
            new = self.root / line["to"]
            if line["new"] and new.exists() and new.stat().st_size == 0:
                new.unlink()
            if line["staged"]:
                (self.root / line["from"]).unlink(missing_ok=True)

    def _write_down(self, line: dict[str, Any]) -> None:
        _make_folder(self.log.parent)
        is_new = not self.log.exists()
        with self.log.open("ab") as log:
            log.write(b"\n" + msgspec.json.encode(line) + b"\n")
            log.flush()
            os.fsync(log.fileno())
        if is_new:
            sync(self.log.parent)

    def _last(self, key: str) -> dict[str, Any] | None:
        """The last whole line about the operation; a torn one was never acted upon."""
        found: dict[str, Any] | None = None
        about = b'{"key":' + msgspec.json.encode(key)
        with suppress(FileNotFoundError, NotADirectoryError), self.log.open("rb") as log:
            for raw in log:
                if raw.startswith(about):
                    with suppress(msgspec.DecodeError):
                        found = msgspec.json.decode(raw, type=dict[str, Any])
        return found

    def _failed(self, path: Path, error: OSError) -> ToolFailed:
        id = path.relative_to(self.root).as_posix()
        return ToolFailed(f"{id} cannot be written: {error.strerror}. Nothing was changed.")


def _inode(path: Path) -> int | None:
    try:
        return path.stat().st_ino
    except OSError:
        return None


def _write_through(path: Path, data: bytes, *, like: Path) -> None:
    """Write a file that is on the disk when this returns, with the permissions of another."""
    path.unlink(missing_ok=True)
    with path.open("xb") as file:
        if like.exists():
            os.fchmod(file.fileno(), stat.S_IMODE(like.stat().st_mode))
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    sync(path.parent)


def _make_folder(folder: Path) -> None:
    if not folder.is_dir():
        _make_folder(folder.parent)
        folder.mkdir(exist_ok=True)
        sync(folder.parent)
