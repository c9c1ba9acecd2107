"""M2's markers: what frames a conversation, and how other people's text is kept from forging it."""

import re
from collections.abc import Sequence

THINK = "<think>"
END_THINK = "</think>"
CALLS = "<minimax:tool_call>"
END_CALLS = "</minimax:tool_call>"

START = "]~!b["
ROLE = "]~b]"
END = "[e~["
UNKNOWN = "]!d~["
PADDING = "]!p~["

MARKERS = (THINK, END_THINK, CALLS, END_CALLS, START, ROLE, END, UNKNOWN, PADDING)
"""The tokens with a meaning of their own in M2's vocabulary, as text."""

MARKER = re.compile("|".join(map(re.escape, MARKERS)))

ZERO_WIDTH = "\u200b"

# Each pattern matches the first character of a marker and looks ahead at the rest, so that
# overlapping ones are all found. A "[" at the end may also come from the frame that follows.
_CONTROL = r"\](?=~b\]|(?:~!b|!d~|!p~)(?:\[|\Z))|\[(?=e~(?:\[|\Z))"
_THINK_AND_CALL = r"<(?=/?(?:think|minimax:tool_call)>)"
_TAGS = r"<(?=/?(?:(?:response|tools?)>|(?:invoke|parameter)\b))"

_FORGED_CONTROL = re.compile(_CONTROL)
_FORGED_MARKER = re.compile(f"{_CONTROL}|{_THINK_AND_CALL}")
_FORGED = re.compile(f"{_CONTROL}|{_THINK_AND_CALL}|{_TAGS}", re.IGNORECASE)
_BROKEN = rf"\g<0>{ZERO_WIDTH}"


def defuse(text: str) -> str:
    """Anybody's text, looking the same, without a marker or a tag of the format."""
    return _FORGED.sub(_BROKEN, text)


def defuse_markers(text: str) -> str:
    """A part of a turn without markers; tags are only characters there."""
    return _FORGED_MARKER.sub(_BROKEN, text)


def defuse_control(text: str) -> str:
    """A turn as M2 wrote it, which thinks and calls, but cannot end itself or open another."""
    return _FORGED_CONTROL.sub(_BROKEN, text)


def unfinished(data: str, at: int, needles: Sequence[str]) -> int:
    """Where in `data`, from `at` on, a needle begins that only what follows can complete."""
    longest = max(map(len, needles)) - 1
    for start in range(max(at, len(data) - longest), len(data)):
        tail = data[start:]
        if any(needle.startswith(tail) for needle in needles):
            return start
    return len(data)
