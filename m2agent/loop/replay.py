"""A run played again on what it recorded, with another model, prompt or policy: nothing happens.

No account is opened. A call that the recording has gets the recorded result; any other is told so,
in words the model can use. So what differs in the end comes from what was changed, and from
nothing else.
"""

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from m2agent.canonical import hash_of
from m2agent.connector import Connector
from m2agent.errors import ToolFailed
from m2agent.events import (
    Approved,
    Began,
    Called,
    Decided,
    Declined,
    Event,
    Part,
    Said,
    ToolSpec,
    Turned,
)
from m2agent.loop.ask import Answer, Ask, No, Yes
from m2agent.loop.delegate import TOOL as DELEGATE
from m2agent.loop.plan import TOOL as PLAN
from m2agent.loop.plan import Plan
from m2agent.loop.steps import Step
from m2agent.model import ModelSettings, Piece
from m2agent.tool import Content, Effect, Operation, Result, Tool
from m2agent.toolbox import Call, Toolbox


class Recording(Toolbox):
    """The tools of a recorded run, which give what they gave then; only the plan is kept anew."""

    def __init__(self, history: Sequence[Event]) -> None:
        super().__init__({"plan": Plan()})
        began = history[0]
        assert isinstance(began, Began)
        self.specs = list(began.tools)
        self._steps = steps(history)
        self._by_call: dict[str, list[Step]] = {}
        for step in self._steps.values():
            self._by_call.setdefault(_key(step.called), []).append(step)
        self._effects_of: dict[str, Effect] = {
            step.called.tool: cast(Effect, step.decided.effect)
            for step in self._steps.values()
            if step.decided and step.decided.effect
        }

    def recorded(self, called: Called) -> Step | None:
        """The recorded step that is this call: of several alike, the one in the same place."""
        alike = self._by_call.get(_key(called), [])
        same = next((step for step in alike if step.called.id == called.id), None)
        return same or (alike[-1] if alike else None)

    def check(self, called: Called) -> Call:
        """Raises ToolFailed for a tool that the run did not have."""
        if called.tool == PLAN:
            return super().check(called)
        if called.tool not in {spec.name for spec in self.specs}:
            raise ToolFailed(f"There is no tool {called.tool!r}.")
        step = self.recorded(called)
        if called.tool == DELEGATE:
            said = step.returned.text if step and step.returned else "It is not in the recording."
            raise ToolFailed(f"Sub-agents are not played again. {said}")
        effect: Effect = self._effects_of.get(called.tool, "send")
        if step and step.decided and step.decided.effect:
            effect = cast(Effect, step.decided.effect)
        tool = Tool(_nothing, effect, None)
        nobody = cast(Connector, None)
        return _Recorded(called, tool, "", nobody, called.arguments, step)

    async def answer(self, asks: Sequence[Ask]) -> Sequence[Answer]:
        """What the person said then; yes to what they were not asked, since nothing happens."""
        return [self._answer(ask) for ask in asks]

    def _answer(self, ask: Ask) -> Answer:
        step = self.recorded(ask.called)
        match step.answer if step else None:
            case Declined(by=by, reason=reason):
                return No(by, reason)
            case Approved(by=by):
                return Yes(by)
            case None:
                return Yes("replay")


@dataclass(frozen=True)
class _Recorded(Call):
    """A call whose result is the recorded one, if there is one."""

    step: Step | None

    async def run(self, op: Operation) -> Result:
        returned = self.step.returned if self.step else None
        if returned is None:
            raise ToolFailed("The recording has no result for this call. Go on without it.")
        if not returned.ok:
            raise ToolFailed(returned.text)
        return Result(
            returned.text, returned.data, returned.receipts, returned.origin, returned.artifacts
        )

    async def content(self, op: Operation) -> Content | None:
        decided = self.step.decided if self.step else None
        if decided is None or not decided.content:
            return None
        return Content(decided.content.encode(), decided.preview)

    async def before(self, op: Operation) -> dict[str, Any]:
        return {}

    async def reconcile(
        self, op: Operation, before: Mapping[str, Any] | None = None
    ) -> Result | None:
        return None


class Recorded:
    """The model of a recorded run: its turns, as they were."""

    name = "recorded"
    context: int | None = None
    judges = False

    def __init__(self, history: Sequence[Event]) -> None:
        self._turns: list[list[Part | Turned]] = [[]]
        for event in history:
            if isinstance(event, Part | Turned):
                self._turns[-1].append(event)
                if isinstance(event, Turned):
                    self._turns.append([])

    async def reply(
        self, history: Sequence[Event], tools: Sequence[ToolSpec], settings: ModelSettings
    ) -> AsyncGenerator[Piece, None]:
        number = sum(isinstance(event, Turned) for event in history)
        if number >= len(self._turns) - 1:
            yield Said("The recording ends here.")
            yield Turned()
            return
        for piece in self._turns[number]:
            yield piece

    def describe(self) -> str:
        return f"{len(self._turns) - 1} recorded turns"

    async def close(self) -> None: ...


@dataclass(frozen=True)
class Difference:
    """A step that is not as it was recorded: `was` is empty where it was not recorded at all."""

    called: Called
    was: str
    now: str


def differences(recorded: Sequence[Event], replayed: Sequence[Event]) -> list[Difference]:
    """What another model did otherwise, and another policy decided otherwise."""
    recording = Recording(recorded)
    found: list[Difference] = []
    for step in steps(replayed).values():
        old = recording.recorded(step.called)
        if old is None and step.called.tool != PLAN:
            found.append(Difference(step.called, "", _decision(step.decided)))
        elif old and step.decided and _decision(old.decided) != _decision(step.decided):
            found.append(Difference(step.called, _decision(old.decided), _decision(step.decided)))
    return found


def steps(history: Sequence[Event]) -> dict[str, Step]:
    """Every call of a run with what became of it, in their order."""
    found: dict[str, Step] = {}
    for event in history:
        if isinstance(event, Called):
            found[event.id] = Step(event)
        elif step := found.get(getattr(event, "id", "")):
            step.take(event)
    return found


def _decision(decided: Decided | None) -> str:
    return f"{decided.decision} ({decided.rule})" if decided else "refused"


def _key(called: Called) -> str:
    try:
        return hash_of(called.tool, called.arguments)
    except ToolFailed:
        return repr((called.tool, called.arguments))


async def _nothing() -> Result:
    raise AssertionError("A recorded call runs nothing.")
