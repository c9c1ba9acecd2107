"""Take back what a run did, newest first, as a run of its own with the same journal rules.

Each step that changed something is put back by its tool's own inverse, which looks first whether
the world is still as the run left it. What has no inverse is said, with the reason.
"""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from pathlib import Path

from m2agent.canonical import hash_of
from m2agent.errors import ToolFailed, UsageError
from m2agent.events import (
    EXIT_CODES,
    Asked,
    Began,
    Called,
    Decided,
    Ended,
    Event,
    Item,
    Judged,
    Record,
    Returned,
    Said,
    Started,
    Turned,
)
from m2agent.journal import Run
from m2agent.loop.steps import Step
from m2agent.tool import Operation
from m2agent.toolbox import Toolbox

TOOL = "undo"
"""The name under which a run that undoes records its steps."""


@dataclass(frozen=True)
class Way:
    """One step of a run and the way back from it; `obstacle` says why there is none."""

    called: Called
    started: Started
    returned: Returned
    obstacle: str = ""


def ways_back(history: Sequence[Event], toolbox: Toolbox, only: str | None = None) -> list[Way]:
    """What a run changed, newest first, or the one step that was named.

    Raises UsageError if nothing was changed, or the step changed nothing.
    """
    steps: dict[str, Step] = {}
    for event in history:
        if isinstance(event, Called):
            steps[event.id] = Step(event)
        elif step := steps.get(getattr(event, "id", "")):
            step.take(event)
    ways = [
        Way(step.called, step.started, step.returned, _obstacle(step, toolbox))
        for step in reversed(steps.values())
        if step.started and step.returned and step.returned.ok and _changed(step)
        if only in (None, step.called.id)
    ]
    if not ways:
        what = f"Step {only} of this run" if only else "This run"
        raise UsageError(f"{what} changed nothing that could be taken back.")
    return ways


async def undo(
    run: Run, ways: Sequence[Way], undone: str, toolbox: Toolbox, work: Path
) -> AsyncGenerator[Record, None]:
    """Walk back, writing down each step before and after; `undone` is the other run's id."""
    calls = [
        Called(f"1.{n}", TOOL, {"run": undone, "step": way.called.id})
        for n, way in enumerate(ways, start=1)
    ]
    for record in run.add(
        Began("undo", "", [], {}, str(work)), Asked(f"Undo run {undone}."), *calls, Turned("calls")
    ):
        yield record
    items: list[Item] = []
    for called, way in zip(calls, ways, strict=True):
        name = f"{way.called.tool} ({way.called.id})"
        if way.obstacle:
            returned = Returned(called.id, False, way.obstacle)
            for record in run.add(returned):
                yield record
        else:
            op = Operation(f"{run.id}.{called.id}", work, run.artifacts)
            bound = hash_of(called.tool, called.arguments)
            decided = Decided(called.id, "allow", "undo", "You asked for it.", "write", bound)
            for record in run.add(decided, Started(called.id, op.key, bound)):
                yield record
            returned = await _walk(called, way, op, toolbox)
            for record in run.add(returned):
                yield record
        items.append(Item(name, "undone" if returned.ok else "not undone", returned.text))
    whole = all(item.state == "undone" for item in items)
    status = "done" if whole else "unverified"
    lines = "\n".join(f"- {item.text}: {item.state}. {item.proof}" for item in items)
    reason = "All was taken back." if whole else "Not all of it could be taken back."
    for record in run.add(
        Said(lines),
        Turned(),
        Judged(whole, items),
        Ended(status, reason, EXIT_CODES[status], lines),
    ):
        yield record


async def _walk(called: Called, way: Way, op: Operation, toolbox: Toolbox) -> Returned:
    try:
        result = await toolbox.check(way.called).undo(op, way.started.before, way.returned)
    except ToolFailed as failure:
        return Returned(called.id, False, str(failure))
    return Returned(
        called.id, True, result.text, result.data, result.receipts, result.origin, result.artifacts
    )


def _changed(step: Step) -> bool:
    return step.decided is not None and step.decided.effect not in ("", "read")


def _obstacle(step: Step, toolbox: Toolbox) -> str:
    if step.called.tool == TOOL:
        return "It took something back; do that again by hand."
    try:
        call = toolbox.check(step.called)
    except ToolFailed as failure:
        return str(failure)
    if call.tool.undo_hook is None:
        return call.tool.no_undo or "This tool has no way back."
    return ""
