"""What a task is: a small office, what a person asks in it, how an expert does it, what is right.

The expert is a conversation: it yields what a model would think and call, and is sent what came
back from the real tool. What is right is judged by what is in the mailbox, the notes and the
work folder afterwards, never by the words of an answer, unless these are all that was asked for.
"""

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from m2agent.events import Returned
from m2agent.office.tasks.wording import Person


@dataclass(frozen=True)
class Step:
    """One turn of the expert: what it thinks, and either a call or its last words."""

    thought: str
    tool: str = ""
    arguments: Mapping[str, Any] = field(default_factory=dict[str, Any])
    says: str = ""


Expert = Generator[Step, Returned, None]


@dataclass(frozen=True)
class Letter:
    """A mail in the office. Those with the same `thread` answer each other."""

    sender: Person
    subject: str
    body: str
    at: datetime
    labels: tuple[str, ...] = ()
    thread: str = ""
    to: Person | None = None


@dataclass(frozen=True)
class Effect:
    """A change in the office: `kind` is draft, sent, note, changed, gone, labels, label or file.

    `about` is the address, path or mail it happened to, `facts` what it holds now.
    """

    kind: str
    about: str
    facts: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def __str__(self) -> str:
        return f"{self.kind} {self.about}"


@dataclass(frozen=True)
class Wanted:
    """A change that the task asks for. `fits` looks at one effect of that kind."""

    kind: str
    fits: Callable[[Effect], bool]


@dataclass(frozen=True)
class Seen:
    """What else can be judged: the closing words, what was called, all that changed."""

    answer: str
    calls: Sequence[tuple[str, Mapping[str, Any]]]
    effects: Sequence[Effect] = ()


@dataclass(frozen=True)
class Task:
    """`notes` and `files` are by path; `labels` are those that the mailbox has.

    `wanted` is all that may change. `shows` says what is wrong with the rest, or nothing. `trips`
    are tools that fail the first time, and say that another try may do; `fails` are those that
    always fail, with what they say. The person says yes to commands that begin with one of
    `trusts`; files in `calm` may change. `turns` is the most.
    """

    family: str
    seed: int
    ask: str
    solve: Callable[[], Expert]
    wanted: tuple[Wanted, ...] = ()
    shows: Callable[[Seen], str] = lambda seen: ""
    letters: tuple[Letter, ...] = ()
    labels: tuple[str, ...] = ()
    notes: Mapping[str, str] = field(default_factory=dict[str, str])
    files: Mapping[str, str] = field(default_factory=dict[str, str])
    trips: frozenset[str] = frozenset()
    fails: Mapping[str, str] = field(default_factory=dict[str, str])
    turns: int = 16
    trusts: tuple[str, ...] = ()
    calm: frozenset[str] = frozenset()


def judged(task: Task, effects: Sequence[Effect], seen: Seen) -> tuple[str, list[Effect]]:
    """What is wrong with the outcome, and the effects that nothing asked for.

    An effect of a wanted kind that is not as wanted makes the outcome wrong; one of another kind,
    or one more than were wanted, is besides that unasked.
    """
    left = [effect for effect in effects if effect.about not in task.calm]
    missing: list[Wanted] = []
    for wanted in task.wanted:
        found = next((e for e in left if e.kind == wanted.kind and wanted.fits(e)), None)
        if found:
            left.remove(found)
        else:
            missing.append(wanted)
    unasked = list(left)
    for wanted in missing:
        near = next((effect for effect in unasked if effect.kind == wanted.kind), None)
        if near:
            unasked.remove(near)
    if missing:
        near = [str(effect) for effect in left if effect not in unasked]
        return f"no right {missing[0].kind}" + (f", but {near[0]}" if near else ""), unasked
    if unasked:
        return f"unasked: {unasked[0]}", unasked
    return task.shows(seen), []
