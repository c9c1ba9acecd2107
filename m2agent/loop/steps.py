"""Where a run stands, read from its history alone, so that resuming needs nothing else."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import msgspec

from m2agent.events import (
    Approved,
    Asked,
    Broken,
    Called,
    Decided,
    Declined,
    Edited,
    Event,
    Judged,
    Noted,
    Planned,
    Returned,
    Said,
    Settled,
    Spawned,
    Started,
    Thought,
    Turned,
    Unsettled,
)
from m2agent.journal import path


@dataclass
class Step:
    """One call of the last turn, and how far it has come; `called` is as a person has changed it.

    `run` is set where it is a sub-agent's.
    """

    called: Called
    edited: bool = False
    decided: Decided | None = None
    answer: Approved | Declined | None = None
    started: Started | None = None
    unsettled: Unsettled | None = None
    settled: Settled | None = None
    spawned: Spawned | None = None
    returned: Returned | None = None
    run: str = ""

    @property
    def name(self) -> str:
        """How a person names it: "2.1", or "3.1/2.1" for a sub-agent's."""
        return f"{path(self.run)}{self.called.id}"

    def take(self, event: Event) -> None:
        match event:
            case Decided():
                self.decided, self.answer = event, None
            case Approved() | Declined():
                self.answer = event
            case Edited(arguments=arguments):
                self.called = msgspec.structs.replace(self.called, arguments=arguments)
                self.edited, self.decided, self.answer = True, None, None
            case Started():
                self.started, self.unsettled, self.settled = event, None, None
            case Unsettled():
                self.unsettled = event
            case Settled():
                self.settled = event
            case Spawned():
                self.spawned = event
            case Returned():
                self.returned = event
            case _:
                pass


def waits_for_yes(step: Step) -> bool:
    """Whether a person must answer, and has not."""
    return step.decided is not None and step.decided.decision == "ask" and step.answer is None


@dataclass
class Turn:
    """The last turn of a run: its parts, its steps, and whether anything was said to it since."""

    parts: list[Thought | Said | Called | Broken]
    reason: str
    steps: list[Step]
    answered: bool

    @property
    def said(self) -> str:
        return "\n\n".join(part.text.strip() for part in self.parts if isinstance(part, Said))

    @property
    def open(self) -> list[Step]:
        return [step for step in self.steps if step.returned is None]


def last_turn(history: Sequence[Event]) -> Turn | None:
    """The last complete turn; it costs the length of that turn, not of the run."""
    end = len(history) - 1
    while end >= 0 and not isinstance(history[end], Turned):
        end -= 1
    if end < 0:
        return None
    first = end
    while first > 0 and isinstance(history[first - 1], Thought | Said | Called | Broken):
        first -= 1
    turned = history[end]
    assert isinstance(turned, Turned)
    parts = [e for e in history[first:end] if isinstance(e, Thought | Said | Called | Broken)]
    steps = {part.id: Step(part) for part in parts if isinstance(part, Called)}
    answered = False
    for event in history[end + 1 :]:
        match event:
            case Asked() | Noted() | Judged(met=False) | Returned():
                answered = True
            case Planned(by=by) if by:
                answered = True
            case _:
                pass
        step = steps.get(getattr(event, "id", ""))
        if step:
            step.take(event)
    return Turn(parts, turned.reason, list(steps.values()), answered)


def open_steps(
    history: Sequence[Event], child: Callable[[str], Sequence[Event]], run: str = ""
) -> Iterator[Step]:
    """What is open in a run; where a sub-agent is under way, what is open in that one's.

    `child` reads the history of a sub-agent's run.
    """
    turn = last_turn(history)
    for step in turn.open if turn else []:
        if step.spawned:
            yield from open_steps(child(step.spawned.child), child, step.spawned.child)
        else:
            step.run = run
            yield step
