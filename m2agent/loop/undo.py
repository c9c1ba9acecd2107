"""Take back what a run did, newest first, as a run of its own with the same journal rules.

Each step that changed something is put back by its tool's own inverse, which looks first whether
the world is still as the run left it. What has no inverse is said, with the reason. A step that
took something back is itself taken back by doing the first one again.
"""

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from m2agent.canonical import hash_of
from m2agent.errors import ToolFailed, Unclear, UsageError
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
    Spawned,
    Started,
    Turned,
)
from m2agent.journal import Run, path
from m2agent.loop.steps import Step
from m2agent.tool import Operation, Result
from m2agent.toolbox import Call, Toolbox

ASKED = "Undo run"
"""How the task of such a run begins, which is the program's and not the person's."""

TOOL = "undo"
"""The name under which a run that undoes records its steps."""

Read = Callable[[str], Sequence[Event]]
"""Gives the history of a run by its id."""


@dataclass(frozen=True)
class Way:
    """One step of a run and the way back from it; `obstacle` says why there is none.

    `act` is the call that changed something in the first place. Where the step took it back,
    the way back is to do it `again`. `name` is the step's: "3.1", or "3.1/2.1" for one that a
    sub-agent did.
    """

    called: Called
    started: Started
    returned: Returned
    act: Called
    obstacle: str = ""
    again: bool = False
    name: str = ""


def ways_back(
    history: Sequence[Event],
    toolbox: Toolbox,
    only: str | None = None,
    read: Read | None = None,
) -> list[Way]:
    """What a run and its sub-agents changed, newest first, or the one step that was named.

    `read` is needed for what sub-agents did, and for a run that itself took something back.
    Raises UsageError if nothing was changed, or the step changed nothing.
    """
    ways = [
        _way(step, toolbox, read)
        for step in reversed(_steps(history, read).values())
        if step.started and step.returned and step.returned.ok and _changed(step)
        if only in (None, step.name)
    ]
    if isinstance(history[0], Began) and history[0].dry_run:
        raise UsageError("A dry run changed nothing.")
    if not ways:
        what = f"Step {only} of this run" if only else "This run"
        raise UsageError(f"{what} changed nothing that could be taken back.")
    return ways


def is_undoing(history: Sequence[Event]) -> bool:
    """Whether this run was begun by `undo`."""
    return bool(history) and isinstance(history[0], Began) and history[0].model == TOOL


async def undo(
    run: Run,
    ways: Sequence[Way],
    undone: str,
    toolbox: Toolbox,
    work: Path,
    accounts: Mapping[str, Mapping[str, Any]] | None = None,
    titles: Mapping[str, str] | None = None,
) -> AsyncGenerator[Record, None]:
    """Walk back, writing down each step before and after; `undone` is the other run's id.

    `titles` says of steps, by their names, what they did in the person's words.
    """
    known = titles or {}
    calls = [
        Called(f"1.{n}", TOOL, {"run": undone, "step": way.name, "what": _what(way, known)})
        for n, way in enumerate(ways, start=1)
    ]
    tables = {name: dict(table) for name, table in (accounts or {}).items()}
    began = Began(TOOL, "", [], tables, str(work))
    for record in run.add(began, Asked(f"{ASKED} {undone}."), *calls, Turned("calls")):
        yield record
    async for record in _walk(run, ways, toolbox, work):
        yield record


async def go_on_undoing(
    run: Run, toolbox: Toolbox, work: Path, read: Read
) -> AsyncGenerator[Record, None]:
    """Carry on a run that was cut off while it took something back."""
    if isinstance(run.events[-1], Ended):
        return
    ways: list[Way] = []
    for called in (event for event in run.events if isinstance(event, Called)):
        step = _steps(read(called.arguments["run"]), read)[called.arguments["step"]]
        ways.append(_way(step, toolbox, read))
    async for record in _walk(run, ways, toolbox, work):
        yield record


def _what(way: Way, titles: Mapping[str, str]) -> str:
    return titles.get(way.name) or f"{way.called.tool} ({way.name})"


async def _walk(
    run: Run, ways: Sequence[Way], toolbox: Toolbox, work: Path
) -> AsyncGenerator[Record, None]:
    items: list[Item] = []
    for step, way in zip(list(_steps(run.events).values()), ways, strict=True):
        op = Operation(f"{run.id}.{step.called.id}", work, run.artifacts)
        if step.returned is None:
            async for record in _back(run, step, way, op, toolbox):
                yield record
        assert step.returned
        done = "done again" if way.again else "undone"
        state = done if step.returned.ok else f"not {done}"
        what = str(step.called.arguments.get("what") or _what(way, {}))
        items.append(Item(what, state, step.returned.text))
    whole = not any(item.state.startswith("not ") for item in items)
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


async def _back(
    run: Run, step: Step, way: Way, op: Operation, toolbox: Toolbox
) -> AsyncGenerator[Record, None]:
    """One step back, or what is left of it after a crash."""
    id = step.called.id
    try:
        if way.obstacle:
            raise ToolFailed(way.obstacle)
        call = toolbox.check(way.act)
        if step.started is None:
            bound = hash_of(step.called.tool, step.called.arguments)
            before = await call.before(op) if way.again else {}
            decided = Decided(id, "allow", TOOL, "You asked for it.", "write", bound)
            started = Started(id, op.key, bound, before=before)
            for record in run.add(decided, started):
                yield record
            result = await _act(call, way, op, {}, first=True)
        else:
            result = await _act(call, way, op, step.started.before, first=False)
    except ToolFailed as failure:
        returned = Returned(id, False, str(failure))
    else:
        returned = Returned(
            id, True, result.text, result.data, result.receipts, result.origin, result.artifacts
        )
    step.returned = returned
    for record in run.add(returned):
        yield record


async def _act(
    call: Call, way: Way, op: Operation, before: Mapping[str, Any], *, first: bool
) -> Result:
    """Raises ToolFailed if the world moved on, or nobody knows whether it was done."""
    if not way.again:
        return await call.undo(op, way.started.before, way.returned)
    try:
        done = None if first else await call.reconcile(op, before)
        return done or await call.run(op)
    except Unclear as doubt:
        raise ToolFailed(f"It may have been done. {doubt} Look for yourself.") from doubt


def _steps(history: Sequence[Event], read: Read | None = None, run: str = "") -> dict[str, Step]:
    """Every step by its name; those of a sub-agent stand where it began."""
    steps: dict[str, Step] = {}
    for event in history:
        if isinstance(event, Called):
            step = Step(event, run=run)
            steps[step.name] = step
        elif step := steps.get(f"{path(run)}{getattr(event, 'id', '')}"):
            step.take(event)
            if isinstance(event, Spawned) and read:
                steps |= _steps(read(event.child), read, event.child)
    return steps


def _changed(step: Step) -> bool:
    return step.decided is not None and step.decided.effect not in ("", "read")


def _way(step: Step, toolbox: Toolbox, read: Read | None) -> Way:
    assert step.started and step.returned
    act, again = step.called, False
    while act.tool == TOOL:
        if read is None:
            obstacle = "It took something back; do that again by hand."
            return Way(step.called, step.started, step.returned, act, obstacle, name=step.name)
        act = _steps(read(act.arguments["run"]), read)[act.arguments["step"]].called
        again = not again
    try:
        call = toolbox.check(act)
    except ToolFailed as failure:
        return Way(step.called, step.started, step.returned, act, str(failure), again, step.name)
    none = "" if call.tool.undo_hook else call.tool.no_undo or "This tool has no way back."
    return Way(step.called, step.started, step.returned, act, none, again, step.name)
