"""What a program printed, as a person would have seen it, of which any amount may come.

The beginning and the end stay in memory; as soon as that is not all, everything goes to a file,
up to a size, and is only counted from there on.
"""

import codecs
import re
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

_SHOWN = 3_600  # characters of the beginning, and of the end; together under a result's limit
_LONGEST_LINE = 65_536
_FILE_BYTES = 64 * 1024 * 1024

_ESCAPES = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]"  # colours, cursor
    r"|\x1b\][^\x07\x1b\n]*(?:\x07|\x1b\\)"  # titles, links
    r"|\x1b[PX^_][^\x1b\n]*\x1b\\"
    r"|\x1b[ -/]*[0-~]"
)
_OVERWRITTEN = re.compile(r"^[^\n]*\r+(?=[^\r\n])", re.MULTILINE)
_ERASED = re.compile(r"[^\b\n]\x08")
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")


def visible(text: str) -> str:
    """The text without colours, overwritten progress bars and control characters."""
    if "\x1b" in text:
        text = _ESCAPES.sub("", text)
    if "\r" in text:
        text = _OVERWRITTEN.sub("", text.replace("\r\n", "\n"))
    if "\b" in text:
        text = _ERASED.sub("", text)
    return _CONTROLS.sub("", text)


@dataclass(frozen=True)
class Shown:
    """The part of an output that is shown, and how many lines there were in all.

    Where that is not everything, `file` holds it, up to 64 MB.
    """

    text: str
    lines: int
    file: Path | None = None


class Output:
    """Takes what a program prints, in bytes, and gives what is shown of it."""

    def __init__(self, file: Path | None = None) -> None:
        """`file` is made when it is needed; without one, only beginning and end are kept."""
        self.file = file
        self._decode = codecs.getincrementaldecoder("utf-8")("replace").decode
        self._line = ""
        self._head = ""
        self._tail = ""
        self._lines = 0
        self._opened: BinaryIO | None = None
        self._written = 0
        self._uncleaned = b""

    @property
    def _cut(self) -> bool:
        return self._written > 0

    def feed(self, data: bytes) -> None:
        if self._written >= _FILE_BYTES:
            self._lines += data.count(b"\n")
            self._uncleaned = (self._uncleaned + data)[-_LONGEST_LINE:]
            return
        whole, newline, self._line = (self._line + self._decode(data)).rpartition("\n")
        if newline:
            self._add(visible(whole + newline))
        if len(self._line) > _LONGEST_LINE:
            drawn_over, _, self._line = self._line.rpartition("\r")  # a bar that never ends
            if not drawn_over:
                self._add(visible(self._line))
                self._line = ""

    def close(self) -> Shown:
        """What is shown of all that came. Nothing can be fed afterwards."""
        if self._uncleaned:
            self._tail = visible(self._line + self._decode(self._uncleaned, True))[-_SHOWN:]
        else:
            self._add(visible(self._line + self._decode(b"", True)))
        if self._opened:
            self._opened.close()
        shown = self._head + self._tail
        lines = self._lines + (not shown.endswith("\n") and shown != "")
        if not self._cut:
            return Shown(shown, lines)
        head = self._head[: self._head.rfind("\n") + 1] or self._head + "\n"
        tail = self._tail[self._tail.find("\n") + 1 :] or self._tail
        left_out = max(0, lines - head.count("\n") - len(tail.splitlines()))
        return Shown(f"{head}[... {left_out:,} lines left out ...]\n{tail}", lines, self.file)

    def _add(self, text: str) -> None:
        self._lines += text.count("\n")
        if self._cut:
            self._write(text)
        elif len(self._head) + len(self._tail) + len(text) > 2 * _SHOWN:
            self._write(self._head + self._tail + text)
        room = _SHOWN - len(self._head)
        self._head += text[:room]
        self._tail = (self._tail + text[room:])[-_SHOWN:]

    def _write(self, text: str) -> None:
        """Append to the file; where that fails, for want of space, the rest is only counted."""
        data = text.encode()
        self._written += len(data)
        if self.file is None:
            return
        try:
            self._opened = self._opened or self.file.open("wb")
            self._opened.write(data)
        except OSError:
            self.file, self._written = None, _FILE_BYTES
