"""Is the run going in circles? Six patterns, looked for in the last turns alone.

The model is told first. If the circle still stands some turns later, the run ends, and so it does
at the fourth circle after three that the model was told of and left.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from m2agent.events import Asked, Called, Ended, Event, Noted, Returned, Turned

_WINDOW = 16
_PATIENCE = 3
_NUDGES = 3
_MADE = {"comment", "draft", "message", "page", "row"}
"""Kinds of receipts for what is there once more after each call."""


@dataclass(frozen=True)
class _Did:
    """All calls of one turn and what came back; whether they made something, and whether the model
    was then told of a circle."""

    calls: tuple[tuple[str, str], ...]
    results: tuple[str, ...]
    failed: bool
    made: bool
    told: bool

    def same(self, other: "_Did") -> bool:
        return (self.calls, self.results) == (other.calls, other.results)


def stuck(history: Sequence[Event]) -> str | None:
    """What the last turns have in common, in words for the model; None if they get on."""
    return _circle(_recent(history))


def nudged(history: Sequence[Event]) -> bool | None:
    """Whether the model was told of this circle and had its turns since; None if it was not."""
    did = _recent(history)
    since = next((n for n, one in enumerate(reversed(did)) if one.told), None)
    left = since is None or any(_circle(did[:-n]) is None for n in range(1, since))
    if left:
        return True if _times_told(history) >= _NUDGES else None
    return since is not None and since >= _PATIENCE


def _circle(did: Sequence[_Did]) -> str | None:
    if len(did) >= 3 and did[-1].same(did[-2]) and did[-2].same(did[-3]):
        if did[-1].failed:
            return "You made the same failing call three times."
        return "You made the same call three times and got the same result."
    if len(did) >= 3 and all(d.calls == did[-1].calls and d.made for d in did[-3:]):
        return "You made the same thing three times; it is there already."
    if len(did) >= 4 and all(d.calls == did[-1].calls and d.failed for d in did[-4:]):
        return "You made the same failing call four times."
    if len(did) >= 6 and not did[-1].same(did[-2]) and _is_twice(did[-6:]):
        return "You go back and forth between the same two calls, and nothing changes."
    if len(did) >= 6 and all(d.failed for d in did[-6:]):
        return "Everything you tried in the last six turns failed."
    return None


def _is_twice(did: Sequence[_Did]) -> bool:
    """Whether each turn is as the one two before it."""
    return all(one.same(other) for one, other in zip(did, did[2:], strict=False))


def _times_told(history: Sequence[Event]) -> int:
    """How often the model was told of a circle since the person's last words."""
    times = 0
    for event in reversed(history):
        match event:
            case Noted(about="stuck"):
                times += 1
            case Asked() | Ended():
                break
            case _:
                pass
    return times


def _recent(history: Sequence[Event]) -> list[_Did]:
    """The last turns that called something, the oldest first, back to the person's last words."""
    turns: list[_Did] = []
    calls: list[tuple[str, str]] = []
    returned: dict[str, Returned] = {}
    within: dict[str, Returned] = {}
    told = after = False  # of a circle: after the turn that is being read, after the one before it
    for event in reversed(history):
        match event:
            case Returned(id=id):
                returned[id] = event
            case Noted(about="stuck"):
                after = True
            case Called(id=id, tool=tool, arguments=arguments):
                calls.append((tool, repr(arguments)))
                if id in returned:
                    within[id] = returned[id]
            case Asked() | Ended():
                break
            case Turned():
                if calls:
                    turns.append(_did(calls, within, told))
                    calls, within, told = [], {}, False
                told, after = told or after, False
            case _:
                pass
        if len(turns) >= _WINDOW:
            return turns[::-1]
    if calls:
        turns.append(_did(calls, within, told))
    return turns[::-1]


def _did(calls: Sequence[tuple[str, str]], within: Mapping[str, Returned], told: bool) -> _Did:
    texts = tuple(returned.text for returned in within.values())
    failed = all(not returned.ok for returned in within.values())
    made = any(receipt.kind in _MADE for r in within.values() for receipt in r.receipts)
    return _Did(tuple(calls), texts, failed, made, told)
