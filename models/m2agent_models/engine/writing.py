"""Follows what a turn writes: whole characters out of bytes, and whether it thinks or calls.

The rules are those of `m2.Parser`, so that the engine and whoever reads the turn never disagree
on where a call begins.
"""

import re
from encodings.utf_8 import IncrementalDecoder
from typing import Literal, NamedTuple

from m2agent_models.m2.markers import CALLS, END_CALLS, END_THINK, THINK

MARKERS = re.compile("|".join(map(re.escape, (THINK, END_THINK, CALLS, END_CALLS))))
_LONGEST = len(END_CALLS)

State = Literal["thought", "said", "call"]


class Written(NamedTuple):
    """What one token added: whole characters, and the marker of calls that it completed.

    `beyond` is the part of `text` behind the marker that opened a call.
    """

    text: str
    opens: bool = False
    closes: bool = False
    beyond: str = ""


class Writing:
    """One turn, from its first byte on. A call, once open, lasts to the end of the turn."""

    def __init__(self, *, thinking: bool) -> None:
        self.state: State = "thought" if thinking else "said"
        self._decoder = IncrementalDecoder("replace")
        self._tail = ""

    def feed(self, piece: bytes) -> Written:
        """Take the bytes of the next token."""
        whole = piece.isascii() and not self._decoder.buffer
        text = piece.decode("ascii") if whole else self._decoder.decode(piece)
        seen = self._tail + text
        self._tail = seen[1 - _LONGEST :]
        if ">" not in text:
            return Written(text)
        for match in MARKERS.finditer(seen):
            if match.end() <= len(seen) - len(text):
                continue
            marker = match[0]
            if self.state == "call":
                if marker == END_CALLS:
                    return Written(text, closes=True)
            elif marker == CALLS and self.state == "said":
                self.state = "call"
                return Written(text, opens=True, beyond=seen[match.end() :])
            elif marker in (THINK, END_THINK):
                self.state = "thought" if marker == THINK else "said"
        return Written(text)

    def close(self) -> str:
        """What is left of a character that never became whole."""
        return self._decoder.decode(b"", final=True)
