"""Results as lines a model can scan, each stretch with whose words it is."""

import json
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, cast

from m2agent.errors import ToolFailed
from m2agent.events import Origin, Trust
from m2agent.printable import one_line, printable

PAGE_CHARACTERS = 7_500
"""About 2,000 tokens: what one result may take of the prompt."""

_CELL = 200


class Piece(NamedTuple):
    """A stretch of a result's text: a line of a list, a note's body."""

    text: str
    trust: Trust
    source: str


def joined(pieces: Iterable[Piece]) -> tuple[str, list[Origin]]:
    """The text of all pieces, safe to show; neighbours with one source are one stretch."""
    text = ""
    origins: list[Origin] = []
    for piece in pieces:
        start, text = len(text), text + printable(piece.text)
        if origins and (origins[-1].trust, origins[-1].source) == (piece.trust, piece.source):
            start = origins.pop().start
        origins.append(Origin(piece.trust, piece.source, start, len(text)))
    return text, origins


def cell(value: Any, limit: int = _CELL) -> str:
    """A property's value on one line, without tabs, cut to `limit` characters."""
    if value is None:
        return ""
    if isinstance(value, str):
        return one_line(value, limit)
    if isinstance(value, list):
        return one_line(", ".join(cell(one) for one in cast(list[Any], value)), limit)
    return one_line(json.dumps(value, ensure_ascii=False), limit)


def tsv(id: str, values: Sequence[Any]) -> str:
    """A line of a table; the id is never cut."""
    return "\t".join([id, *(cell(one) for one in values)]) + "\n"


def fitting(lines: Sequence[str], room: int = PAGE_CHARACTERS) -> int:
    """How many of the lines fit into `room` characters; at least one, if there is one."""
    used = 0
    for count, one in enumerate(lines):
        used += len(one)
        if used > room and count:
            return count
    return len(lines)


def heading(what: str, first: int, count: int, total: int) -> tuple[str, str | None]:
    """The line above a list, such as "1-25 of 140 rows  next=25", and the next page's token."""
    end = first + count
    following = str(end) if count and end < total else None
    place = f"{first + 1}-{end} of {total}" if count else f"0 of {total}"
    return f"{place} {what}" + (f"  next={following}" if following else ""), following


def cut(text: str, offset: int, size: int, how: str) -> tuple[str, int | None]:
    """`size` characters from `offset` with a marker at the end, and the next offset if any.

    `how` is the call that reads on, without its offset.
    """
    page = text[offset : offset + size]
    end = min(offset + size, len(text))
    if end >= len(text):
        return page, None
    return f"{page}\n[... {len(text) - end:,} more characters: {how} offset={end}]", end


def first_of(page: str) -> int:
    """The number of the first item of a page whose token is that number."""
    if not page:
        return 0
    if not (page.isascii() and page.isdigit() and len(page) < 10):
        raise ToolFailed(f"page={page[:40]!r} is none. Give the next=... of the answer before.")
    return int(page)
