"""What a person is asked before an effect, and what they can answer.

All open calls of a turn are asked at once, so that many like effects are one card: each with
everything that would go out, each with its own yes, no or change. A yes is bound to the hash of
exactly what is shown. A change is no yes: the call is decided anew, and asked with its new bytes.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from m2agent.events import Called, Decided, Declined, Origin, Receipt, Returned
from m2agent.policy.always import Scope

_PERSON = Origin("person", "what you said of this step")


@dataclass(frozen=True)
class Ask:
    """One call that waits for a yes. `decided` says why, and shows what would go out.

    `run` is whose call it is: the run's own, or a sub-agent's. `text` is what `Edit` may change:
    the content, where the arguments only point at it, else the arguments as JSON. `problem` is why
    the last answer was not taken, in words for the person.
    """

    called: Called
    decided: Decided
    run: str = ""
    text: str = ""
    problem: str = ""


@dataclass(frozen=True)
class Yes:
    """Do exactly this. `by` says who answered, and how.

    With `always`, calls like this one are not asked again: in this `run`, on this `account`, to
    these recipients (`recipient`), or with exactly these arguments (`command`). It is kept with
    the person's rules, listed and taken back by `m2agent rules`.
    """

    by: str
    always: Scope | None = None


@dataclass(frozen=True)
class No:
    """Do not; `reason` is told to the model."""

    by: str
    reason: str = ""


@dataclass(frozen=True)
class Did:
    """Do not, for the person did it themselves; `words` say how, and the model takes it as done."""

    by: str
    words: str = ""


@dataclass(frozen=True)
class Edit:
    """Change it first: `text` is `Ask.text` as the person left it. It is asked again after that."""

    by: str
    text: str


Answer = Yes | No | Did | Edit | None
"""None: nobody is there to answer, so the run waits."""


def instead(step: Called, decided: Decided, answer: No | Did) -> list[Declined | Returned]:
    """What is written down of a step that a person keeps the run from."""
    done = isinstance(answer, Did)
    said = answer.words if isinstance(answer, Did) else answer.reason
    declined = Declined(step.id, decided.hash, answer.by, said, decided.content, done)
    words = "did this step themselves, so it is done." if done else "declined this step."
    receipts = [Receipt("person", step.id, answer.by)] if done else []
    text = f"The person {words} {said}".strip()
    return [declined, Returned(step.id, done, text, receipts=receipts, origin=[_PERSON])]


Approve = Callable[[Sequence[Ask]], Awaitable[Sequence[Answer]]]
"""Asked with all open calls of a turn at once; answers in the same order."""


@dataclass(frozen=True)
class Absent:
    """Answers every question in one way, since nobody is there to be asked."""

    answer: Answer = None

    async def __call__(self, asks: Sequence[Ask]) -> Sequence[Answer]:
        return [self.answer for _ in asks]


park = Absent()
"""Answer nothing: the run stops and waits for `m2agent approve`."""
