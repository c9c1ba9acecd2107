"""When the context fills up: fold the older turns away, once and deep, and keep what they did.

At three quarters of the real context the run is folded down to about a quarter: the head stays as
it is, then comes what the journal knows of the folded turns (what was asked, planned, done with
which receipts, read where), then the last turns word for word with their thinking. No model is
asked, so folding can neither fail nor overflow; and since the fold is an event, a resumed prompt
is the same, and a fork before it has everything back.
"""

from collections.abc import Iterator, Sequence

from m2agent.events import (
    Asked,
    Called,
    Compacted,
    Decided,
    Event,
    Noted,
    Part,
    Planned,
    Returned,
    Said,
    Thought,
    Turned,
)
from m2agent.printable import one_line
from m2agent.transcript import mark

_FULL = 0.75
_KEPT = 0.15
"""The share of the context that the last turns may take, word for word."""
_SUMMED = 0.10
_CHARACTERS = 3.0
"""Characters a token, where nothing better is known; fewer than usual, so as to be careful."""


def fold(history: Sequence[Event], context: int | None) -> Compacted | None:
    """The fold that is due now, or None. `context` is the model's size in tokens, if known."""
    turned = next((e for e in reversed(history) if isinstance(e, Turned)), None)
    size = (turned.context_size if turned else 0) or context
    if not turned or not size or not turned.context_used:
        return None
    if turned.context_used + _since(history) / _CHARACTERS < _FULL * size:
        return None
    return deep_fold(history, size)


def deep_fold(history: Sequence[Event], size: int, kept: float = _KEPT) -> Compacted | None:
    """Fold to what fits `size` tokens; None if there is nothing more to fold.

    At least the running turn, with its results, is kept; `kept` bounds the rest.
    """
    starts = list(_turns(history))
    folded = max((e.through for e in history if isinstance(e, Compacted)), default=0)
    room = kept * size * _CHARACTERS
    through = 0
    for at in reversed(starts):
        if through and _length(history[at:]) > room:
            break
        through = at
    if through <= folded or through not in starts[1:]:
        return None
    return Compacted(through, _stands_for(history[:through], int(_SUMMED * size * _CHARACTERS)))


def _turns(history: Sequence[Event]) -> Iterator[int]:
    """Where each complete turn of the model begins."""
    begin = None
    for at, event in enumerate(history):
        if isinstance(event, Part | Turned):
            begin = at if begin is None else begin
            if isinstance(event, Turned):
                yield begin
                begin = None


def _since(history: Sequence[Event]) -> int:
    """Characters that came back since the last turn."""
    total = 0
    for event in reversed(history):
        if isinstance(event, Turned):
            break
        if isinstance(event, Returned):
            total += len(event.text)
    return total


def _length(events: Sequence[Event]) -> int:
    """Characters that events take in a prompt, near enough."""
    total = 0
    for event in events:
        match event:
            case Thought(text) | Said(text) | Asked(text) | Noted(text) | Returned(text=text):
                total += len(text) + 20
            case Called(tool=tool, arguments=arguments):
                total += len(tool) + len(repr(arguments)) + 40
            case _:
                pass
    return total


def _stands_for(folded: Sequence[Event], room: int) -> str:
    """What the journal knows of folded turns, in at most `room` characters, or little more."""
    turns = sum(isinstance(event, Turned) for event in folded)
    head = [f"Turns 1 to {turns} are folded away to make room. What stands for them:"]
    asked = [event.text for event in folded if isinstance(event, Asked)][1:]
    if asked:
        head += ["Since the task, the person said:", *(f"- {text}" for text in asked)]
    plan = next((event for event in reversed(folded) if isinstance(event, Planned)), None)
    if plan:
        head += ["The plan:", *(f"- [{i.state}] {i.text} {i.proof}".rstrip() for i in plan.items)]
    done, read = _did(folded)
    thoughts = [one_line(event.text, 400) for event in folded if isinstance(event, Thought)][-3:]
    blocks = [
        ("Done, and not to be done again:", done, True),
        ("What you thought last:", thoughts, True),
        ("Looked at (look again where you need it):", read, False),
    ]
    left = room - sum(map(len, head))
    for title, lines, vital in blocks:
        shown = list(_last(lines, left if not vital else max(left, room // 2)))
        if shown:
            more = len(lines) - len(shown)
            head += [title, *([f"- ({more} earlier ones left out)"] if more else []), *shown]
            left -= sum(map(len, shown))
    return "\n".join(head)


def _did(folded: Sequence[Event]) -> tuple[list[str], list[str]]:
    """A line for each effect, and one for each read."""
    calls = {event.id: event for event in folded if isinstance(event, Called)}
    reads = {e.id for e in folded if isinstance(e, Decided) and e.effect == "read"}
    done: list[str] = []
    read: list[str] = []
    for event in folded:
        if not isinstance(event, Returned) or event.id not in calls:
            continue
        call = calls[event.id]
        given = one_line(", ".join(f"{k}={v}" for k, v in call.arguments.items()), 100)
        marks = " ".join(map(mark, event.receipts))
        state = "" if event.ok else "failed: "
        line = f"- {call.tool}({given}): {state}{one_line(event.text, 160)} {marks}".rstrip()
        (read if event.id in reads else done).append(line)
    return done, read


def _last(lines: Sequence[str], room: int) -> list[str]:
    """As many of the last lines as fit."""
    kept: list[str] = []
    for line in reversed(lines):
        room -= len(line)
        if room < 0:
            break
        kept.append(line)
    return kept[::-1]
