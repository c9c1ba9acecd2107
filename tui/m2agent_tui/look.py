"""Texts from outside in the shapes they are read in: a letter, a page, a table, a terminal.

Everything that comes in is made printable here, and stays text: nothing of it is ever markup.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from rich.cells import cell_len, set_cell_size
from textual.content import Content

from m2agent.printable import one_line, printable

MOST = 12_000
_LINES = 300
_ROWS = 60
_COLUMNS = 9
_CELL = 28


@dataclass(frozen=True)
class Block:
    """A stretch of text and how it is read; a page is Markdown."""

    text: Content
    how: Literal["plain", "page", "terminal"] = "plain"


def plain(text: str) -> Content:
    return Content(printable(text.strip("\n")))


def faint(text: str) -> Content:
    return Content.styled(text, "$foreground-muted")


def bounded(text: str, most: int = MOST) -> str:
    """At most so much as a person pages through; says how much is left out."""
    cut = min(most, len(text))
    if text.count("\n", 0, cut) > _LINES:
        cut = len("\n".join(text[:cut].split("\n", _LINES)[:_LINES]))
    if cut == len(text):
        return text
    return f"{text[:cut]}\n… {len(text) - cut:,} more characters: m2agent export shows them"


def page(text: str) -> Block:
    return Block(plain(bounded(text)), "page")


def fields(pairs: Sequence[tuple[str, str]]) -> Content:
    """Names and what they hold, one a line; those that hold nothing are left out."""
    rows = [
        Content.assemble((f"{one_line(name, 30)}: ", "$foreground-muted"), one_line(value, 400))
        for name, value in pairs
        if value
    ]
    return Content("\n").join(rows)


def table(names: Sequence[str], rows: Sequence[Sequence[str]]) -> Content:
    """Rows under their names, cells cut to what is read at a glance; wide letters count twice."""
    names = [one_line(name, _CELL) for name in names[:_COLUMNS]]
    cells = [[one_line(cell, _CELL) for cell in row[:_COLUMNS]] for row in rows[:_ROWS]]
    widths = [max(map(cell_len, column)) for column in zip(names, *cells, strict=True)]

    def drawn(row: Sequence[str]) -> str:
        fitted = (set_cell_size(cell, width) for cell, width in zip(row, widths, strict=True))
        return "  ".join(fitted).rstrip()

    lines = [
        Content.styled(drawn(names), "bold $foreground-muted"),
        *map(Content, map(drawn, cells)),
    ]
    if len(rows) > _ROWS:
        lines.append(faint(f"… {len(rows) - _ROWS:,} more rows"))
    return Content("\n").join(lines)


def terminal(command: str, output: str, end: str) -> Block:
    """A command with what it printed."""
    shown = Content.assemble(("$ ", "bold $success"), (printable(command), "bold"))
    parts = [shown, plain(bounded(output)), faint(one_line(end))]
    return Block(Content("\n").join(part for part in parts if part), "terminal")


def letter(text: str) -> Content:
    """A text with a head of names and values, as mails have it: all of it.

    What only mail programs read of its head comes last, and faint.
    """
    head, gap, body = printable(text).partition("\n\n")
    rows = [row.partition(": ") for row in head.split("\n")]
    if not gap or not all(colon for _, colon, _ in rows):
        return Content(printable(text))
    shown = [
        Content.assemble((f"{name}: ", "$foreground-muted"), value)
        for name, _, value in rows
        if name in _READ
    ]
    rest = [faint(f"{name}: {value}") for name, _, value in rows if name not in _READ]
    if not shown:
        shown, rest = rest, []
    ends = [faint("\nAlso in its head:"), *rest] if rest else []
    return Content("\n").join([*shown, Content(f"\n{body}"), *ends])


_READ = ("From", "To", "Cc", "Bcc", "Subject")


def difference(old: str, new: str, around: int | None = None) -> Content:
    """What is taken out and what is put in, line by line; lines that stay are faint.

    Of those, only so many are shown `around` each change, where a number is given.
    """
    from difflib import ndiff

    marks: dict[str, Callable[[str], Content]] = {
        "- ": lambda row: Content.styled(f"- {row}", "$text-error"),
        "+ ": lambda row: Content.styled(f"+ {row}", "$text-success"),
        "  ": lambda row: faint(f"  {row}"),
    }
    old, new = printable(bounded(old)), printable(bounded(new))
    rows = [row for row in ndiff(old.splitlines(), new.splitlines()) if row[:2] in marks]
    if around is not None:
        at = [place for place, row in enumerate(rows) if row[:2] != "  "]
        near = {place + by for place in at for by in range(-around, around + 1)}
        rows = [row for place, row in enumerate(rows) if place in near]
    return Content("\n").join(marks[row[:2]](row[2:]) for row in rows)
