"""When the context fills up: fold the older turns away, once and deep, and keep what they did.

At three quarters of the real context the run is folded down to about a quarter: the head stays as
it is, then comes what the journal knows of the folded turns (what was asked, planned, done with
which receipts, read where), then the last turns word for word with their thinking. No model is
asked, so folding can neither fail nor overflow; and since the fold is an event, a resumed prompt
is the same, and a fork before it has everything back.
"""

from collections.abc import Iterator, Sequence

import msgspec

from m2agent.events import (
    Asked,
    Began,
    Called,
    Compacted,
    Decided,
    Event,
    Noted,
    Part,
    Reported,
    Returned,
    Said,
    Thought,
    Turned,
)
from m2agent.loop.delegate import TOOL as DELEGATE
from m2agent.loop.plan import TOOL as PLAN
from m2agent.loop.plan import planned_now
from m2agent.printable import one_line
from m2agent.transcript import mark

_FULL = 0.75
_KEPT = 0.15
"""The share of the context that the last turns may take, word for word."""
_SUMMED = 0.10
_FEW = 150
_CHARACTERS = 3.0
"""Characters a token, at most: fewer than English has, so as to be careful."""


def fold(history: Sequence[Event], context: int | None) -> Compacted | None:
    """The fold that is due now, or None. `context` is the model's size in tokens, if known."""
    turned = next((e for e in reversed(history) if isinstance(e, Turned | Compacted)), None)
    if isinstance(turned, Compacted):
        return None  # it was folded since, before a crash
    size = (turned.context_size if turned else 0) or context
    if not turned or not size or not turned.context_used:
        return None
    since, limit = _since(history), _FULL * size
    if turned.context_used + since < limit:
        return None
    if turned.context_used + since / _a_token(history) < limit:
        return None
    return deep_fold(history, size)


def deep_fold(history: Sequence[Event], size: int, kept: float = _KEPT) -> Compacted | None:
    """Fold to what fits `size` tokens; None if there is nothing more to fold.

    At least the running turn, with its results, is kept; `kept` bounds the rest. Where only that
    is left, what stands for the others shrinks, down to a few lines.
    """
    starts = list(_turns(history))
    folded = max((e.through for e in history if isinstance(e, Compacted)), default=0)
    characters = size * _a_token(history)
    room = kept * characters
    through = 0
    for at in reversed(starts):
        if through and _length(history[at:]) > room:
            break
        through = at
    room = int(_SUMMED * characters)
    if isinstance(last := history[-1], Compacted) and through <= folded:
        through, room = folded, len(last.summary) // 2
        return Compacted(through, _stands_for(history[:through], room)) if room > _FEW else None
    if through <= folded or through not in starts[1:]:
        return None
    return Compacted(through, _stands_for(history[:through], room))


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


def _a_token(history: Sequence[Event]) -> float:
    """Characters a token, as the last prompt had them; Chinese has hardly one."""
    at = max((n for n, e in enumerate(history) if isinstance(e, Turned)), default=0)
    turned, began = history[at], history[0]
    if not isinstance(turned, Turned) or not turned.context_used or not isinstance(began, Began):
        return _CHARACTERS
    folds = [event for event in history[:at] if isinstance(event, Compacted)][-1:]
    through = folds[0].through if folds else 0
    head = len(began.system) + len(msgspec.json.encode(began.tools))
    asked = next((len(event.text) for event in history if isinstance(event, Asked)), 0)
    folded = sum(len(event.summary) + asked for event in folds)
    found = (head + folded + _length(history[through:at])) / turned.context_used
    return min(max(found, 0.3), _CHARACTERS)


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
    """What the journal knows of folded turns, in at most `room` characters.

    What was asked, planned and done comes first; whatever the blocks before leave is the next's.
    """
    turns = sum(isinstance(event, Turned) for event in folded)
    head = f"Turns 1 to {turns} are folded away to make room. What stands for them:"
    done, read = _did(folded)
    reports = [_report(event) for event in folded if isinstance(event, Reported)]
    thoughts = [one_line(event.text, 400) for event in folded if isinstance(event, Thought)][-3:]
    out, left = [head], room - len(head) - 1
    for title, lines, share in (
        ("Since the task, the person said:", _asked(folded), 0.4),
        ("Not to be forgotten:", _kept(folded), 0.6),
        ("The plan:", _plan(folded), 0.6),
        ("Done, and not to be done again:", done, 0.8),
        ("Reported by sub-agents:", reports, 0.6),
        ("What you thought last:", thoughts, 0.5),
        ("Looked at (look again where you need it):", read, 1.0),
    ):
        block = _fitting(title, lines, int(left * share))
        out += block
        left -= sum(len(line) + 1 for line in block)
    return "\n".join(out)


def _fitting(title: str, lines: Sequence[str | tuple[str, str]], room: int) -> list[str]:
    """A block of at most so many characters: the last lines whole, older ones in few words.

    A line may come with its short form, to which it shrinks before it is left out.
    """
    whole = [line if isinstance(line, str) else line[0] for line in lines]
    room -= len(title) + 1
    if not lines or room < len("- (9999 earlier ones left out)"):
        return []
    shown = _last(whole, room)
    if len(shown) == len(lines):
        return [title, *shown]
    shown = _last(whole, room // 2)
    older = lines[: len(lines) - len(shown)]
    room -= sum(len(line) + 1 for line in shown) + len("- (9999 earlier ones left out)\n- \n")
    short = _last([line[1] for line in older if not isinstance(line, str)], room)
    out = [title]
    if len(short) < len(older):
        out.append(f"- ({len(older) - len(short)} earlier ones left out)")
    return [*out, *([f"- {'; '.join(short)}"] if short else []), *shown]


def _asked(folded: Sequence[Event]) -> list[str]:
    asked = [event.text for event in folded if isinstance(event, Asked)]
    return [f"- {one_line(text, 1_000)}" for text in asked[1:]]


def _kept(folded: Sequence[Event]) -> list[str]:
    return [f"- {one_line(note, 300)}" for note in planned_now(folded).notes]


def _plan(folded: Sequence[Event]) -> list[str | tuple[str, str]]:
    """The plan in its order; what is done shrinks first."""
    items = [
        (item.state in ("done", "dropped"), f"- [{item.state}] {item.text} {item.proof}".rstrip())
        for item in planned_now(folded).items
    ]
    lines = [(one_line(text, 200), one_line(text[2:], 40)) for _, text in items]
    first = [line for line, (over, _) in zip(lines, items, strict=True) if over]
    return [*first, *(line for line, (over, _) in zip(lines, items, strict=True) if not over)]


def _report(reported: Reported) -> tuple[str, str]:
    marks = " ".join(map(mark, reported.receipts))
    return f"- {reported.id}: {one_line(reported.text, 400)} {marks}".rstrip(), reported.id


def _did(folded: Sequence[Event]) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """A line for each effect, and one for each read, with a short form of each."""
    calls = {event.id: event for event in folded if isinstance(event, Called)}
    reads = {e.id for e in folded if isinstance(e, Decided) and e.effect == "read"}
    done: list[tuple[str, str]] = []
    read: list[tuple[str, str]] = []
    for event in folded:
        if not isinstance(event, Returned) or event.id not in calls:
            continue
        call = calls[event.id]
        if call.tool in (PLAN, DELEGATE):
            continue
        given = ", ".join(f"{k}={v}" for k, v in call.arguments.items())
        marks = " ".join([*map(mark, event.receipts), *event.artifacts])
        state = "" if event.ok else "failed: "
        line = f"- {call.tool}({one_line(given, 100)}): {state}{one_line(event.text, 160)} {marks}"
        first = one_line(str(next(iter(call.arguments.values()), "")), 24)
        short = f"{call.tool} {first} {marks}".rstrip()
        (read if event.id in reads else done).append((line.rstrip(), short))
    return done, read


def _last(lines: Sequence[str], room: int) -> list[str]:
    """As many of the last lines as fit."""
    kept: list[str] = []
    for line in reversed(lines):
        room -= len(line) + 1
        if room < 0:
            break
        kept.append(line)
    return kept[::-1]
