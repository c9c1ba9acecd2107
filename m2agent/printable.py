"""Text from elsewhere, made safe to show: it can neither steer a terminal nor hide what it says."""

import unicodedata

_KEPT = "\n\t"
_JOINERS = "\u200c\u200d"  # needed inside words of several scripts, and inside emoji


def printable(text: str) -> str:
    """Replace control characters, and drop marks that reorder or hide text."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_shown(character) for character in text.replace("\r\n", "\n"))


def one_line(text: str, width: int = 100) -> str:
    """The text on one line, at most `width` characters of it."""
    line = " ".join(printable(text[: width * 4]).split())
    return line if len(line) <= width else line[: width - 1] + "…"


def _shown(character: str) -> str:
    if character in _KEPT or character in _JOINERS:
        return character
    match unicodedata.category(character):
        case "Cc" | "Cs" | "Co" | "Cn" | "Zl" | "Zp":
            return "\N{REPLACEMENT CHARACTER}"
        case "Cf":
            return ""
        case _:
            return character
