"""Ids as the model sees them: 32 hexadecimal digits, as at the end of a page's address."""

import re

_ID = re.compile(r"[0-9a-f]{32}")
_PEEK = re.compile(r"[?&]p=([0-9a-f-]+)")


def short(id: str) -> str:
    return id.replace("-", "")


def id_in(given: str) -> str | None:
    """The id that a text is, or that the address of a page or a table holds."""
    text = given.strip().lower()
    if "://" in text:
        # After ? stands a view of the table, or the page peeked at; after # a block.
        peek = _PEEK.search(text)
        path = re.split(r"[?#]", text)[0].rstrip("/")
        text = peek[1] if peek else short(path.rpartition("/")[2])[-32:]
    text = short(text)
    return text if _ID.fullmatch(text) else None
