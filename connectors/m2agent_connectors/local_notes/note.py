"""A note's file as text: its head, its body, and both with changes made.

Whatever bytes a file holds, they survive: what is not UTF-8 is carried along, line breaks and a
byte order mark stay as they are.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from m2agent.errors import ToolFailed
from m2agent.events import Trust
from m2agent_connectors.local_notes import front_matter, yaml_head
from m2agent_connectors.notes.edits import Edit, edited
from m2agent_connectors.notes.schema import Simple, folded

_OPENING = re.compile(r"\ufeff?---[ \t]*\r?\n")
_CLOSING = re.compile(r"^---[ \t]*\r?$\n?", re.MULTILINE)
_SAME_BLOCK = re.compile(r"[-*|>]|\d+[.)]")


@dataclass(frozen=True)
class Note:
    """A note. `head` is where its YAML stands, `start` where its body begins.

    With a `problem` the head cannot be read, and all of the file is body, so that it can be put
    right by edits.
    """

    text: str
    head: tuple[int, int] | None = None
    start: int = 0
    props: dict[str, Any] = field(default_factory=dict[str, Any])
    problem: str = ""

    @property
    def body(self) -> str:
        return self.text[self.start :]

    @property
    def newline(self) -> str:
        return "\r\n" if self.text.count("\r\n") * 2 > self.text.count("\n") else "\n"

    @property
    def trust(self) -> Trust:
        """Web clippers write where a page came from into `source`; such words are an outsider's.

        So may be those below a head that cannot be read.
        """
        if self.problem:
            return "outside"
        for name, value in self.props.items():
            if folded(name) == "source" and "://" in str(value):
                return "outside"
        return "own"

    def prop(self, name: str) -> Any:
        """The value under that name, whatever its case, as Obsidian does it."""
        if name in self.props:
            return self.props[name]
        return next((v for k, v in self.props.items() if folded(k) == folded(name)), None)

    def bytes(self) -> bytes:
        return self.text.encode("utf-8", "surrogateescape")


def parse(data: bytes) -> Note:
    text = data.decode("utf-8", "surrogateescape")
    head, start = split(text)
    if head is None:
        return Note(text)
    try:
        props = yaml_head.read(text[slice(*head)])
    except yaml_head.BadYAML as error:
        return Note(text, problem=str(error))
    return Note(text) if props is None else Note(text, head, start, props)


def split(text: str) -> tuple[tuple[int, int] | None, int]:
    """Where the YAML between the fences stands, if there are any, and where the body begins."""
    opening = _OPENING.match(text)
    closing = opening and _CLOSING.search(text, opening.end())
    if not opening or not closing:
        return None, 0
    return (opening.end(), closing.start()), closing.end()


def new(props: Mapping[str, Simple], body: str) -> Note:
    """A note with this head and exactly this body, though the body may look like a head."""
    yaml = front_matter.written(props)
    fenced = f"---\n{yaml}---\n" if yaml or _OPENING.match(body) else ""
    return parse((fenced + ended(body, "\n")).encode())


def with_props(note: Note, props: Mapping[str, Simple]) -> Note:
    if note.problem:
        raise ToolFailed(
            f"Its properties cannot be read: {note.problem}. Put them right with edits first."
        )
    start, end = note.head or (0, 0)
    try:
        yaml = front_matter.changed(note.text[start:end], props, note.newline)
    except yaml_head.BadYAML as error:
        raise ToolFailed(f"Its properties cannot be changed: {error}. Use edits.") from error
    if note.head is None:
        if not yaml:
            return note
        mark = "\ufeff" if note.text.startswith("\ufeff") else ""
        fence = f"---{note.newline}"
        return parse(_encoded(mark + fence + yaml + fence + note.text.removeprefix("\ufeff")))
    return parse(_encoded(note.text[:start] + yaml + note.text[end:]))


def with_edits(note: Note, edits: list[Edit]) -> Note:
    """The note with its body edited; a line break in an edit is whatever the note has there."""
    if not edits:
        return note
    fitted = [
        edit
        if edit.old in note.body
        else Edit(old=_fitted(edit.old, note), new=_fitted(edit.new, note))
        for edit in edits
    ]
    return parse(_encoded(note.text[: note.start] + edited(note.body, fitted)))


def with_end(note: Note, text: str, *, apart: bool = False) -> Note:
    """The note with text added at its end, as a block of its own.

    A list item goes on with the list above it unless it is to stand `apart`.
    """
    added = _fitted(text, note)
    before = ended(note.text, note.newline)
    last = note.body.rstrip("\r\n").rpartition("\n")[2]
    first_mark, last_mark = _SAME_BLOCK.match(added), _SAME_BLOCK.match(last.lstrip())
    goes_on = not apart and first_mark and last_mark and first_mark[0][0] == last_mark[0][0]
    apart_already = not note.body or before.endswith(note.newline * 2)
    blank = "" if goes_on or apart_already else note.newline
    return parse(_encoded(before + blank + ended(added, note.newline)))


def ended(text: str, newline: str) -> str:
    """Text that ends with a line break, unless there is none."""
    return text if not text or text.endswith("\n") else text + newline


def _fitted(text: str, note: Note) -> str:
    return re.sub(r"\r?\n", note.newline, text)


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
