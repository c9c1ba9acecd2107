"""A run as training text: what was read, what the model wrote, and what came of it."""

from collections.abc import Iterator, Sequence
from typing import Any

from m2agent.events import Asked, Began, Declined, Edited, Ended, Event, Judged


def example(
    history: Sequence[Event], *, reward: float | None = None, task: str = ""
) -> dict[str, Any]:
    """One example: `text` in stretches, of which only those with `train` are the model's own.

    `reward` is 1 for the right outcome and 0 for another; without a judge of the outcome it is
    what the run's own check said. `corrections` are what the person said, changed or declined on
    the way.
    """
    from m2agent_models import m2

    began = next(event for event in history if isinstance(event, Began))
    segments = m2.segments(history, began.tools)
    last = max((n for n, s in enumerate(segments) if s.kind == "model"), default=-1)
    text = [{"text": s.text, "train": s.kind == "model"} for s in segments[: last + 1]]
    return {
        "task": task,
        "model": began.model,
        "text": text,
        "reward": _outcome(history) if reward is None else reward,
        "corrections": list(_corrections(history)),
    }


def _outcome(history: Sequence[Event]) -> float | None:
    for event in reversed(history):
        match event:
            case Judged(met=met):
                return float(met)
            case Ended(status="failed" | "unverified" | "limit"):
                return 0.0
            case _:
                pass
    return None


def _corrections(history: Sequence[Event]) -> Iterator[str]:
    asked = [event for event in history if isinstance(event, Asked)]
    for event in history:
        match event:
            case Asked(text) if event is not asked[0]:
                yield text
            case Declined(id=id, reason=reason):
                yield f"declined {id}: {reason}".rstrip(": ")
            case Edited(id=id):
                yield f"changed {id}"
            case _:
                pass
