"""What a person is asked before an effect, and what they can answer."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from m2agent.events import Called, Decided


@dataclass(frozen=True)
class Ask:
    """One call that waits for a yes. `decided` says why, and shows what would go out.

    `run` is whose call it is: the run's own, or a sub-agent's.
    """

    called: Called
    decided: Decided
    run: str = ""


@dataclass(frozen=True)
class Yes:
    """Do exactly this. `by` says who answered, and how."""

    by: str


@dataclass(frozen=True)
class No:
    """Do not; `reason` is told to the model."""

    by: str
    reason: str = ""


Answer = Yes | No | None
"""None: nobody is there to answer, so the run waits."""

Approve = Callable[[Sequence[Ask]], Awaitable[Sequence[Answer]]]
"""Asked with all open calls of a turn at once; answers in the same order."""


@dataclass(frozen=True)
class Absent:
    """Answers every question in one way, since nobody is there to be asked."""

    answer: Answer

    async def __call__(self, asks: Sequence[Ask]) -> Sequence[Answer]:
        return [self.answer for _ in asks]


park = Absent(None)
"""Answer nothing: the run stops and waits for `m2agent approve`."""
