"""The folder of notes: which notes there are, and which one an id means.

An id is the path inside the folder without `.md`: `projects/hiring`. Hidden folders (.obsidian,
.trash, .git) hold no notes, and no id leads out of the folder, through a link or otherwise.
"""

import difflib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal

from m2agent.errors import ToolFailed
from m2agent_connectors.local_notes import table
from m2agent_connectors.local_notes.names import file_name, plain
from m2agent_connectors.local_notes.note import Note, parse
from m2agent_connectors.notes.schema import Schema, folded, shown

LARGEST = 16 * 1024 * 1024
"""Bytes; a larger file is not opened as a note."""

TRASH = ".trash"

_HEAD = 128 * 1024


@dataclass(frozen=True)
class Found:
    """A note or a table that a walk came by. `stamp` changes whenever its file does."""

    id: str
    kind: Literal["page", "table"]
    path: str
    stamp: tuple[int, int, int, int]
    edited: float


@dataclass(frozen=True)
class Folder:
    """`root` is the real path, without links."""

    root: Path

    def everything(self) -> Iterator[Found]:
        """Every note and table, in no certain order."""
        return self._found(self.root, deep=True)

    def notes(self, folder: Path, *, deep: bool = True) -> list[Found]:
        """The notes in a folder of the root's, by id; deep, those in its folders too."""
        found = (one for one in self._found(folder, deep=deep) if one.kind == "page")
        return sorted(found, key=lambda one: one.id)

    def tables(self) -> list[str]:
        """The ids of all tables."""
        return sorted(one.id for one in self.everything() if one.kind == "table")

    def id(self, path: Path) -> str:
        """The id of a note's file or of a folder; the root's own is "."."""
        return path.relative_to(self.root).as_posix().removesuffix(".md")

    def note(self, id: str) -> Path:
        """The file an id means; `[[Title]]` and a path with `.md` mean it too."""
        name = _name(id)
        path = self._file(name, self.root) or self._file(name.removesuffix(".md"), self.root)
        if path:
            return path
        ids = [found.id for found in self.notes(self.root)]
        meant = _meant(name.removesuffix(".md"), ids)
        if meant is None:
            how = "Use notes_search to find its id."
            if name.startswith(f"{TRASH}/"):
                how = "What is in the trash comes back by notes_trash with restore=true."
            raise _unknown("note", id, ids, how)
        return self.root / f"{meant}.md"

    def exactly(self, id: str) -> Path | None:
        """The file of precisely this id, in the trash or out of it."""
        if id.startswith(f"{TRASH}/"):
            return self._file(id.removeprefix(f"{TRASH}/"), self.root / TRASH)
        return self._file(id, self.root)

    def table(self, id: str) -> Path:
        """The folder of a table, by its id or its name alone."""
        name = _name(id)
        path = self._inside(name, self.root)
        if path and self._has_schema(path):
            return path
        tables = self.tables()
        meant = _meant(name, tables)
        if meant is None:
            raise _unknown("table", id, tables, "Use notes_search with kind=table to find it.")
        return self.root / meant

    def parent(self, id: str) -> Path:
        """The folder that new notes under `id` go into: a folder, a table, or a note's own."""
        name = _name(id).removesuffix(".md")
        path = self._inside(name, self.root)
        if path and path.is_dir():
            return path
        here = len(f"{self.root}{os.sep}")
        paths = {one.path.rpartition(os.sep)[0][here:] for one in self.everything()}
        folders = sorted(path.replace(os.sep, "/") for path in paths if path)
        meant = _meant(name, folders)
        if meant is not None:
            return self.root / meant
        try:
            return self.note(id).with_suffix("")
        except ToolFailed:
            how = "New notes go into a folder, a table, or under a note."
            raise _unknown("folder", id, folders, how) from None

    def trashed(self, id: str) -> Path:
        """The file in the trash that an id with or without `.trash/` means."""
        name = _name(id).removeprefix(f"{TRASH}/")
        bin = self.root / TRASH
        path = self._file(name, bin) or self._file(name.removesuffix(".md"), bin)
        if path:
            return path
        there = [found.id for found in self.notes(bin)]
        raise _unknown("note in the trash", id, there, "It may have been deleted for good.")

    def schema(self, folder: Path) -> Schema | None:
        """The schema if the folder is a table. Raises ToolFailed if its file is wrong."""
        return table.load(folder, self.id(folder)) if self._has_schema(folder) else None

    def bytes(self, path: Path) -> bytes:
        """The whole file. Raises ToolFailed where it is gone, unreadable, too large or no text."""
        try:
            size = path.stat().st_size
            data = path.read_bytes() if size <= LARGEST else b""
        except OSError as error:
            raise ToolFailed(f"{self.id(path)} cannot be read: {error.strerror}.") from error
        if size > LARGEST:
            raise ToolFailed(
                f"{self.id(path)} has {size:,} bytes; notes of more than {LARGEST:,} are not "
                "opened. Use the shell for it."
            )
        if b"\0" in data:
            raise ToolFailed(f"{self.id(path)} is no text, whatever its name says.")
        return data

    def edited(self, path: Path) -> float:
        """When the file was last changed, in seconds since 1970; 0 if it is gone since."""
        try:
            return path.stat().st_mtime
        except OSError:
            return 0.0

    def head(self, path: Path) -> Note:
        """The note's properties and the beginning of its body; empty if it cannot be read."""
        try:
            with path.open("rb") as file:
                return parse(file.read(_HEAD))
        except OSError:
            return Note("")

    def free(self, folder: Path, title: str) -> Path:
        """Where a new note of this title goes: no file there has its name, in whatever case."""
        try:
            names = {folded(path.name) for path in folder.iterdir()}
        except FileNotFoundError:
            names = set[str]()
        except OSError as error:
            raise ToolFailed(f"{self.id(folder)} cannot be read: {error.strerror}.") from error
        stem, number = file_name(title), 2
        name = stem
        while folded(f"{name}.md") in names:
            name, number = f"{stem} {number}", number + 1
        return folder / f"{name}.md"

    def _file(self, name: str, root: Path) -> Path | None:
        path = self._inside(f"{name}.md", root)
        return path if name and path and path.is_file() else None

    def _has_schema(self, folder: Path) -> bool:
        file = _real(folder / table.FILE)
        return file is not None and file.is_relative_to(self.root) and file.is_file()

    def _inside(self, relative: str, root: Path) -> Path | None:
        """The real path of a relative one; None if it is hidden or leads out of `root`."""
        parts = PurePosixPath(relative).parts
        if any(part.startswith((".", "/")) or "\0" in part for part in parts):
            return None
        path = _real(root.joinpath(*parts))
        return path if path and path.is_relative_to(root) else None

    def _found(self, folder: Path, *, deep: bool) -> Iterator[Found]:
        start = len(f"{self.root}{os.sep}")
        for entry in self._files(folder, deep=deep):
            is_table = entry.name == table.FILE
            if not is_table and not entry.name.endswith(".md"):
                continue
            try:
                stat = entry.stat()
            except OSError:  # gone since
                continue
            stamp = (stat.st_mtime_ns, stat.st_ctime_ns, stat.st_size, stat.st_ino)
            end = len(entry.path) - len(f"/{table.FILE}" if is_table else ".md")
            id = entry.path[start:end].replace(os.sep, "/") or "."
            yield Found(id, "table" if is_table else "page", entry.path, stamp, stat.st_mtime)

    def _files(self, folder: Path, *, deep: bool) -> Iterator["os.DirEntry[str]"]:
        """Files with names that can be shown; a linked folder is not gone into."""
        todo = [folder]
        while todo:
            try:
                entries = list(os.scandir(todo.pop()))
            except OSError:
                continue
            for entry in entries:
                if entry.name.startswith(".") or not plain(entry.name):
                    continue
                if deep and entry.is_dir(follow_symlinks=False):
                    todo.append(Path(entry.path))
                elif entry.is_symlink():
                    path = _real(Path(entry.path))
                    if path and path.is_relative_to(self.root) and path.is_file():
                        yield entry
                elif entry.is_file():
                    yield entry


def _real(path: Path) -> Path | None:
    """The path without links; None for a loop of links, or a name too long for the system."""
    try:
        real = path.resolve()
        real.exists()
    except (OSError, RuntimeError):
        return None
    return real


def _name(id: str) -> str:
    """The path or title inside what was given: `[[Title|alias]]`, `[[Title#heading]]`."""
    link = re.fullmatch(r"\[\[([^\]|#]*)[^\]]*\]\]", id.strip())
    return (link[1] if link else id).strip().strip("/")


def _meant(name: str, ids: list[str]) -> str | None:
    """The one id that is the name, or else whose last part it is, in whatever case."""
    for key in (str, _last):
        same = [id for id in ids if folded(key(id)) == folded(name)]
        if len(same) == 1:
            return same[0]
        if same:
            raise ToolFailed(f"{shown(name)} can mean {', '.join(same)}. Give one of these ids.")
    return None


def _last(id: str) -> str:
    return id.rpartition("/")[2]


def _unknown(kind: str, id: str, known: list[str], how: str) -> ToolFailed:
    name = _last(_name(id)).casefold()
    by_name = {_last(one).casefold(): one for one in known}
    near = [by_name[one] for one in difflib.get_close_matches(name, by_name, n=3)]
    hint = f" Near are: {', '.join(near)}." if near else ""
    return ToolFailed(f"There is no {kind} {shown(id)}.{hint} {how}")
