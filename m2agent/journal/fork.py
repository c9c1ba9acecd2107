"""A new history that begins like an old one and takes another way from a turn on.

What was done after that turn stays done, so the model is told of it.
"""

from collections.abc import Sequence

from m2agent.errors import UsageError
from m2agent.events import Called, Event, Noted, Part, Returned, Started, Turned
from m2agent.transcript import mark


def forked(history: Sequence[Event], turn: int | None) -> list[Event]:
    """The events through the results of `turn` (all of them for None), and a note on the rest.

    Raises UsageError for a turn that the run does not have, or whose steps are still open.
    """
    turns = [at for at, event in enumerate(history) if isinstance(event, Turned)]
    if turn is not None and not 0 <= turn <= len(turns):
        raise UsageError(f"The run has turns 1 to {len(turns)}; there is no turn {turn}.")
    end = len(history)
    if turn == 0:
        end = next(at for at, e in enumerate(history) if isinstance(e, Part | Turned))
    elif turn is not None and turn < len(turns):
        end = turns[turn]
        while isinstance(history[end - 1], Part | Turned):
            end -= 1
    kept, dropped = list(history[:end]), history[end:]
    returned = {event.id for event in kept if isinstance(event, Returned)}
    if any(isinstance(event, Called) and event.id not in returned for event in kept):
        raise UsageError("A step of that turn is still open. Take an earlier turn.")
    done = _effects(dropped)
    if done:
        kept.append(Noted("Taken back to here. Done in the meantime, and still so:\n" + done))
    return kept


def _effects(events: Sequence[Event]) -> str:
    """The effects among events, a line each."""
    tools = {event.id: event.tool for event in events if isinstance(event, Called)}
    started = {event.id for event in events if isinstance(event, Started)}
    lines = [
        f"- {tools.get(event.id, event.id)}: {' '.join(map(mark, event.receipts))}"
        for event in events
        if isinstance(event, Returned) and event.ok and event.id in started and event.receipts
    ]
    return "\n".join(lines)
