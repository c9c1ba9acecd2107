"""File names for notes that every system, and every sync service between them, can hold."""

import re
import unicodedata

from m2agent.printable import printable

_FORBIDDEN = re.compile(r'[\\/:*?"<>|#^\[\]\N{REPLACEMENT CHARACTER}]')
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)

_LONGEST = 180
"""Bytes of UTF-8: file systems take 255, and an ending, a number and a sync mark must fit too."""


def file_name(title: str) -> str:
    """The name, without `.md`, of a note with this title.

    Left out is what Windows forbids in names and Obsidian in links.
    """
    name = unicodedata.normalize("NFC", _FORBIDDEN.sub(" ", printable(title)))
    name = re.sub(r"\s+", " ", name).strip(" .")
    name = name.encode()[:_LONGEST].decode(errors="ignore").rstrip(" .")
    if not name:
        return "Untitled"
    return f"{name} note" if _RESERVED.fullmatch(name) else name


def plain(name: str) -> bool:
    """Whether a file's name can stand in a line of text: it is UTF-8 and controls nothing."""
    return not _CONTROL.search(name)
