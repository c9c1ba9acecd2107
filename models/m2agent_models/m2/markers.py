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

MARKERS = (THINK, END_THINK, CALLS, END_CALLS, START, ROLE, END, UNKNOWN)
"""The tokens with a meaning of their own in M2's vocabulary, as text."""

MARKER = re.compile("|".join(map(re.escape, MARKERS)))

ZERO_WIDTH = "\u200b"

# Each pattern matches the first character of a marker and looks ahead at the rest, so that
# overlapping ones are all found. A "[" at the end may also come from the frame that follows.
_CONTROL = r"\](?=~b\]|(?:~!b|!d~)(?:\[|\Z))|\[(?=e~(?:\[|\Z))"
_TAGS = r"<(?=/?(?:think>|minimax:tool_call>|response>|tools?>|(?:invoke|parameter)\b))"
_FORGED_CONTROL = re.compile(_CONTROL)
_FORGED = re.compile(f"{_CONTROL}|{_TAGS}", re.IGNORECASE)


def defuse(text: str) -> str:
    """Text that looks the same and holds no marker or tag of the format."""
    return _FORGED.sub(rf"\g<0>{ZERO_WIDTH}", text)


def defuse_control(text: str) -> str:
    """The model's own text, which may think and call but never end its turn or open another."""
    return _FORGED_CONTROL.sub(rf"\g<0>{ZERO_WIDTH}", text)


def unfinished(data: str, at: int, needles: Sequence[str]) -> int:
    """Where in `data`, from `at` on, a needle begins that only what follows can complete."""
    longest = max(map(len, needles)) - 1
    for start in range(max(at, len(data) - longest), len(data)):
        tail = data[start:]
        if any(needle.startswith(tail) for needle in needles):
            return start
    return len(data)
