"""Edits as old text to new text: they check themselves, for the old must be there exactly once."""

import difflib

import pydantic

from m2agent.errors import ToolFailed
from m2agent.printable import one_line

_NEAR_LINES = 5_000


class Edit(pydantic.BaseModel, frozen=True, extra="forbid"):
    old: str
    new: str


def edited(text: str, edits: list[Edit]) -> str:
    """The text with every edit made, one after the other.

    Raises ToolFailed, and so makes none, unless each `old` occurs exactly once.
    """
    for number, edit in enumerate(edits, start=1):
        start = _only(text, edit.old, f"Edit {number}" if len(edits) > 1 else "The edit")
        text = text[:start] + edit.new + text[start + len(edit.old) :]
    return text


def _only(text: str, old: str, which: str) -> int:
    if not old:
        raise ToolFailed(f"{which} has no old text. To add text at the end, use append.")
    start = text.find(old)
    if start < 0:
        raise ToolFailed(
            f"{which} was not made: its old text does not occur. {_nearest(text, old)}"
        )
    count = text.count(old)
    if count > 1 or text.find(old, start + 1) >= 0:
        rows = [n for n, row in enumerate(text.split("\n"), start=1) if old in row][:5]
        at = f", on lines {', '.join(map(str, rows))}" if rows else ""
        raise ToolFailed(
            f"{which} was not made: its old text occurs {max(count, 2)} times{at}. "
            "Give more of the text around the one you mean."
        )
    return start


def _nearest(text: str, old: str) -> str:
    """What the model may have meant: the line most like the first line of `old`."""
    wanted = next((row.strip() for row in old.splitlines() if row.strip()), "")
    rows = [row.strip() for row in text.splitlines()[:_NEAR_LINES] if row.strip()]
    near = difflib.get_close_matches(wanted[:200], [row[:200] for row in rows], n=1, cutoff=0.5)
    if near:
        return f"The nearest is: {one_line(near[0])}"
    holding = next((row for row in rows if wanted and wanted.lower() in row.lower()), None)
    if holding:
        return f"The nearest is: {one_line(holding)}"
    return "Nothing there is like it. Read the note again."
