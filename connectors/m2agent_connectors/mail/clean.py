"""Text from mails, made safe to show: nothing invisible, nothing that steers a terminal."""

import re
from pathlib import PurePosixPath

_ESCAPES = re.compile(
    "(?:\x1b\\[|\x9b)[0-9;:<=>?]*[ -/]*[@-~]|\x1b\\][^\x07\x1b]*(?:\x07|\x1b\\\\)?"
)
_BREAKS = re.compile("\r\n|[\r\x0b\x0c\x85\u2028\u2029]")
_INVISIBLE = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f-\x9f"  # control characters but tab and newline
    "\u00ad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\U000e0000-\U000e0fff]"  # tags and selectors, by which whole sentences can be smuggled
)
_SURROGATE = re.compile("[\ud800-\udfff]")
_PADDING = re.compile("(?: ?[\u034f\u200c\u200d\u00a0\u2007]){4,} ?")
_FORBIDDEN_IN_NAMES = re.compile(r'[\\/:*?"<>|\x00-\x1f]')


def shown(text: str) -> str:
    """The text with newlines as `\\n`, without control, bidi and invisible characters."""
    text = _BREAKS.sub("\n", _ESCAPES.sub("", text))
    text = _SURROGATE.sub("\ufffd", _INVISIBLE.sub("", text))
    return _PADDING.sub(" ", text)


def one_line(text: str, limit: int | None = None) -> str:
    """The same on one line, cut to `limit` characters."""
    line = " ".join(shown(text).split())
    return line if limit is None or len(line) <= limit else line[: limit - 1].rstrip() + "…"


def file_name(name: str, instead: str) -> str:
    """A name that is safe to give a new file in any folder; `instead` if nothing is left of it."""
    base = PurePosixPath(one_line(name).replace("\\", "/")).name
    base = _FORBIDDEN_IN_NAMES.sub("_", base).strip(". ")
    stem, dot, suffix = base.rpartition(".")
    if len(base) > 100:
        base = f"{stem[:90]}{dot}{suffix[:9]}" if stem else base[:100]
    return base or instead
