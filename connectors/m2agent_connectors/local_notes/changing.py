"""What the four changing tools do, and how each is undone.

A result's data hold the note's `id` and its `version`, the SHA-256 of the file as it was left: an
undo does nothing to a file that somebody has changed since.
"""

import base64
import hashlib
import zlib
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, cast

from m2agent.errors import ToolFailed
from m2agent.events import Origin, Receipt
from m2agent.tool import Result
from m2agent_connectors.local_notes import note as notes
from m2agent_connectors.local_notes import table
from m2agent_connectors.local_notes.folder import LARGEST, TRASH, Folder
from m2agent_connectors.local_notes.note import Note, parse
from m2agent_connectors.local_notes.operations import Operations
from m2agent_connectors.notes.edits import Edit
from m2agent_connectors.notes.schema import check_freely


@dataclass(frozen=True)
class Change:
    """One operation, known by its key. Each method blocks, and changes at most one file."""

    folder: Folder
    operations: Operations
    key: str

    def create(self, parent: str, title: str, props: dict[str, Any], body: str) -> Result:
        title = " ".join(title.split())
        if not title:
            raise ToolFailed("The title is empty. Give the note a title.")
        into = self.folder.parent(parent)
        schema = self.folder.schema(into)
        values = schema.check(props) if schema else check_freely(props)
        path = self.folder.free(into, title)
        if schema:
            name = schema.title.name
            if values.setdefault(name, title) != title:
                raise ToolFailed(f"{name} is the title of a row here. Give it once, as title.")
            values = {name: title, **values}
        elif path.stem != title:  # the file's name cannot hold it
            values = {table.TITLE: title, **values}
        data = _text(notes.new(values, body))
        return self.operations.write(
            self.key, path, data, self._result(path, data, "Created"), was=None
        )

    def update(self, id: str, props: dict[str, Any], edits: list[Edit], append: str) -> Result:
        if not (props or edits or append):
            raise ToolFailed("Nothing to change was given. Give props, edits or append.")
        path = self.folder.note(id)
        was = self.folder.bytes(path)
        before = parse(was)
        note = notes.with_edits(before, edits)
        if props:
            schema = self.folder.schema(path.parent)
            values = schema.check(props) if schema else check_freely(props)
            note = notes.with_props(note, values)
        if append:
            note = notes.with_end(note, append)
        if (before.trust, note.trust) == ("outside", "own") and not before.problem:
            raise ToolFailed(
                f"The source of {self.folder.id(path)} says that others wrote it. Only the person "
                "can take that out."
            )
        return self._replace(path, was, note, "Updated")

    def comment(self, id: str, text: str) -> Result:
        """Comments are callouts, which Obsidian draws as boxes and other readers as quotes."""
        if not text.strip():
            raise ToolFailed("The comment is empty.")
        path = self.folder.note(id)
        was = self.folder.bytes(path)
        now = datetime.now().astimezone().strftime("%Y-%m-%d %H:%M")
        rows = [f"[!comment] m2agent, {now}", *text.strip().splitlines()]
        block = "\n".join(f"> {row}".rstrip() for row in rows)
        return self._replace(
            path, was, notes.with_end(parse(was), block, apart=True), "Commented on"
        )

    def trash(self, id: str) -> Result:
        path = self.folder.note(id)
        bin = self.folder.root / TRASH / path.parent.relative_to(self.folder.root)
        target = self.folder.free(bin, path.stem)
        back = f'notes_trash with id="{self.folder.id(target)}" and restore=true brings it back'
        return self._move(path, target, f"Moved to the trash; {back}. Now at")

    def restore(self, id: str) -> Result:
        path = self.folder.trashed(id)
        target = self.folder.root / path.relative_to(self.folder.root / TRASH)
        return self._move(path, target, "Brought back")

    def remove(self, data: Any) -> Result:
        """Undo a creation."""
        path = self._left(data)
        done = Result(f"Removed {data['id']} again.", {"id": data["id"]})
        return self.operations.remove(self.key, path, done)

    def put_back(self, before: dict[str, Any], data: Any) -> Result:
        """Undo an update or a comment."""
        old = zlib.decompress(base64.b85decode(before["bytes"]))
        path = self._left(data)
        if _version(old) != data["replaced"]:
            raise ToolFailed(f"{data['id']} was changed by somebody just before this run did.")
        return self._replace(path, self.folder.bytes(path), parse(old), "Put back")

    def move_back(self, data: Any) -> Result:
        """Undo a move into the trash or out of it."""
        path = self._left(data)
        return self._move(path, self.folder.root / f"{data['was']}.md", "Moved back")

    def _left(self, data: Any) -> Path:
        """The file that an operation returned `data` about, if it is still as it was left."""
        if not isinstance(data, dict):
            raise ToolFailed("It is not known which note this changed. Look for it by hand.")
        left = cast(dict[str, str], data)
        path = self.folder.exactly(left["id"])
        if path is None:
            raise ToolFailed(f"{left['id']} is gone: it was moved, deleted, or undone already.")
        if _version(self.folder.bytes(path)) != left["version"]:
            raise ToolFailed(f"{left['id']} was changed since, so this is not undone.")
        return path

    def _replace(self, path: Path, was: bytes, note: Note, done: str) -> Result:
        data = _text(note)
        if data == was:
            return self._result(path, data, "Nothing to change in", replaced=_version(was))
        result = self._result(path, data, done, replaced=_version(was))
        return self.operations.write(self.key, path, data, result, was=was)

    def _move(self, path: Path, target: Path, done: str) -> Result:
        if target.exists():
            raise ToolFailed(
                f"There is another note {self.folder.id(target)} now. Move that one away first."
            )
        was = self.folder.id(path)
        result = self._result(target, self.folder.bytes(path), done, was=was)
        return self.operations.move(self.key, path, target, result)

    def _result(self, path: Path, data: bytes, done: str, **more: str) -> Result:
        """The result of a change that leaves `data` at `path`."""
        id = self.folder.id(path)
        place = self.folder.root / id.removeprefix(f"{TRASH}/")
        kind = "row" if (place.parent / table.FILE).is_file() else "page"
        return Result(
            f"{done} {id}",
            {"id": id, "kind": kind, "version": _version(data), **more},
            [Receipt(kind, id)],
            [Origin("own", f"note {id}")],
        )


def as_it_was(folder: Folder, id: str) -> dict[str, Any]:
    """The note's bytes, small enough for the journal."""
    data = folder.bytes(folder.note(id))
    return {"bytes": base64.b85encode(zlib.compress(data)).decode()}


def _text(note: Note) -> bytes:
    """The note's bytes, which must be such that it can be opened again."""
    data = note.bytes()
    if b"\0" in data:
        raise ToolFailed("The text holds a NUL character. Give it without. Nothing was changed.")
    if len(data) > LARGEST:
        raise ToolFailed(f"A note cannot have more than {LARGEST:,} bytes. Nothing was changed.")
    return data


def _version(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
