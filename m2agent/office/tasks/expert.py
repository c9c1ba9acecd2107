"""The expert as a model: it plays a task's own solution, turn by turn, against the real tools.

What training text is made of, and the measure of how many turns a task takes. Where a tool fails
and says that it may work later, the expert tries once more, as a model should.
"""

from collections.abc import AsyncGenerator, Sequence
from contextlib import suppress

from m2agent.events import Called, Event, Returned, Said, Thought, ToolSpec, Turned
from m2agent.model import ModelSettings, Piece
from m2agent.office.tasks.scaffold import Scaffold
from m2agent.office.tasks.task import Step, Task


class Solver:
    """A back end for one run of one task."""

    name = "expert"
    context: int | None = None
    judges = False

    def __init__(self, task: Task, scaffold: Scaffold | None = None) -> None:
        self._scaffold = scaffold or Scaffold("")
        self._expert = task.solve()
        self._last: Step | None = None

    async def reply(
        self, history: Sequence[Event], tools: Sequence[ToolSpec], settings: ModelSettings
    ) -> AsyncGenerator[Piece, None]:
        step = self._next(history)
        yield Thought(step.thought)
        if step.tool:
            yield Called("1.1", *self._scaffold.called(step.tool, step.arguments))
            yield Turned("calls")
        else:
            yield Said(step.says)
            yield Turned("stop")

    def describe(self) -> str:
        return "the task's own solution"

    async def close(self) -> None:
        self._expert.close()

    def _next(self, history: Sequence[Event]) -> Step:
        if self._last is None:
            self._last = next(self._expert)
            return self._last
        returned = next(event for event in reversed(history) if isinstance(event, Returned))
        if not returned.ok and passing(returned.text):
            again = f"It failed for the moment, so I try again. {self._last.thought}"
            return Step(again, self._last.tool, self._last.arguments)
        # Where its report was not enough it has nothing else to say, and says it again.
        with suppress(StopIteration):
            self._last = self._expert.send(returned)
        return self._last


def passing(problem: str) -> bool:
    """Whether a failure says of itself that another try may do."""
    return "try again" in problem.casefold()
