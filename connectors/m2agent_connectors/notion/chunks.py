"""Markdown in parts that one request may carry."""

import re

BLOCKS = 900
"""Notion takes 1,000 blocks in one request; a line is at most one."""

CHARACTERS = 150_000
"""It takes 500 KB, and a character of the basic plane is up to three bytes."""

_FENCE = re.compile(r"\s*(```+|~~~+)")


def chunks(text: str, blocks: int = BLOCKS, characters: int = CHARACTERS) -> list[str]:
    """The text in parts that each stand for themselves, cut at blank lines outside of code.

    A stretch without such a place stays whole: Notion then says itself that it is too long.
    """
    parts: list[str] = []
    for piece in _pieces(text):
        joined = parts[-1] + piece if parts else ""
        if parts and joined.count("\n") <= blocks and len(joined) <= characters:
            parts[-1] = joined
        else:
            parts.append(piece)
    return parts


def _pieces(text: str) -> list[str]:
    """The text cut after each blank line outside of code."""
    pieces = [""]
    fence = ""
    for line in text.splitlines(keepends=True):
        pieces[-1] += line
        mark = _FENCE.match(line)
        if mark and not fence:
            fence = mark[1]
        elif mark and line.strip().startswith(fence):
            fence = ""
        if not line.strip() and not fence:
            pieces.append("")
    return [piece for piece in pieces if piece]
