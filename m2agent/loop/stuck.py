"""Is the run going in circles? Five patterns, looked for in the last turns alone.

The model is told first, once; if the pattern still stands some turns later, the run ends.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from m2agent.events import Asked, Called, Ended, Event, Noted, Returned, Turned

_WINDOW = 12
_PATIENCE = 3


@dataclass(frozen=True)
class _Did:
    """All calls of one turn, and what came back."""

    calls: tuple[tuple[str, str], ...]
    results: tuple[str, ...]
    failed: bool


def stuck(history: Sequence[Event]) -> str | None:
    """What the last turns have in common, in words for the model; None if they get on."""
    did = _recent(history)
    if len(did) >= 3 and did[-1] == did[-2] == did[-3]:
        if did[-1].failed:
            return "You made the same failing call three times."
        return "You made the same call three times and got the same result."
    if len(did) >= 4 and all(d.calls == did[-1].calls and d.failed for d in did[-4:]):
        return "You made the same failing call four times."
    if len(did) >= 6 and did[-1] != did[-2] and did[-6:-2] == did[-4:]:
        return "You go back and forth between the same two calls, and nothing changes."
    if len(did) >= 6 and all(d.failed for d in did[-6:]):
        return "Everything you tried in the last six turns failed."
    return None


def nudged(history: Sequence[Event]) -> bool | None:
    """Whether the model was told so and had its turns since; None if it was not told."""
    turns = 0
    for event in reversed(history):
        match event:
            case Turned():
                turns += 1
            case Noted(about="stuck"):
                return turns >= _PATIENCE
            case Asked() | Ended():
                return None
            case _:
                pass
        if turns > _WINDOW:
            return None
    return None


def _recent(history: Sequence[Event]) -> list[_Did]:
    """The last turns that called something, the oldest first, back to the person's last words."""
    turns: list[_Did] = []
    calls: list[tuple[str, str]] = []
    returned: dict[str, Returned] = {}
    within: dict[str, Returned] = {}
    for event in reversed(history):
        match event:
            case Returned(id=id):
                returned[id] = event
            case Called(id=id, tool=tool, arguments=arguments):
                calls.append((tool, repr(arguments)))
                if id in returned:
                    within[id] = returned[id]
            case Asked() | Ended():
                break
            case Turned():
                _keep(turns, calls, within)
                calls, within = [], {}
            case _:
                pass
        if len(turns) >= _WINDOW:
            break
    _keep(turns, calls, within)
    return turns[::-1]


def _keep(turns: list[_Did], calls: list[tuple[str, str]], within: dict[str, Returned]) -> None:
    if calls:
        texts = tuple(r.text for r in within.values())
        turns.append(_Did(tuple(calls), texts, all(not r.ok for r in within.values())))
