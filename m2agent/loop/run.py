"""Carry a run forward, and yield everything that happens.

    ask -> [ think -> decide -> act -> look ] * -> judge -> report

Where to go on is read from the journal, so a run that was killed, parked or stopped is simply
carried on. Each event is on the disk before it is yielded; nobody who watches is known here.
"""

import asyncio
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Any

import msgspec

from m2agent.errors import ContextFull, ModelError
from m2agent.events import (
    EXIT_CODES,
    Asked,
    Began,
    Broken,
    Called,
    Compacted,
    Ended,
    Event,
    Judged,
    Noted,
    Part,
    Record,
    Said,
    Status,
    Thought,
    ToolSpec,
    Turned,
)
from m2agent.journal import Run
from m2agent.loop import rehearsal
from m2agent.loop.act import Hands
from m2agent.loop.compact import deep_fold, fold
from m2agent.loop.crew import Crew
from m2agent.loop.doing import Doing
from m2agent.loop.judge import FAILED, judge, second_look, worth_asking
from m2agent.loop.judge.structured import answer_of
from m2agent.loop.limits import Spent
from m2agent.loop.steering import Steering
from m2agent.loop.steps import Turn, last_turn, open_steps
from m2agent.loop.stuck import nudged, stuck
from m2agent.loop.sub_agents import SubAgents
from m2agent.model import Piece, Progress, Token
from m2agent.policy import Provenance

_VERDICTS = 3
_IDLE_TURNS = 3


def begin(
    run: Run,
    task: str,
    *,
    model: str,
    system: str,
    tools: list[ToolSpec],
    work: Path,
    accounts: Mapping[str, dict[str, Any]],
    schema: Mapping[str, Any] | None = None,
    dry_run: bool = False,
) -> list[Record]:
    """Write down the head of a new run: what its prompts are made of, and what is asked."""
    began = Began(
        model,
        system + (rehearsal.WORDS if dry_run else ""),
        tools,
        dict(accounts),
        str(work),
        schema=dict(schema or {}),
        dry_run=dry_run,
    )
    return run.add(began, Asked(task))


async def carry_on(run: Run, crew: Crew) -> AsyncGenerator[Record | Token | Progress, None]:
    """Go on with a run until it ends, waits for a person, meets a limit or is stopped.

    Closing the generator cancels what is under way and leaves the run resumable. Raises RunBusy
    when another process took the run over; a failure of the model ends the run instead.
    """
    try:
        async with aclosing(_forward(run, crew)) as pieces:
            async for piece in pieces:
                yield piece
    except ModelError as error:
        if _is_sub_agent(run):
            raise  # its run ends with it, and both go on where they were
        yield run.add(_ended("failed", str(error)))[0]
    except (GeneratorExit, asyncio.CancelledError):
        if not isinstance(run.events[-1], Ended):
            run.add(_ended("interrupted", "It was stopped at once."))
        raise


async def _forward(run: Run, crew: Crew) -> AsyncGenerator[Record | Token | Progress, None]:
    last = run.events[-1]
    if isinstance(last, Ended) and last.status in ("done", "unverified"):
        return
    hands = _hands(run, crew)
    spent = Spent(crew.limits, run.events)
    number = sum(isinstance(event, Turned) for event in run.events)
    while True:
        await crew.steering.moving()
        turn = last_turn(run.events)
        if turn and turn.open:
            async with aclosing(hands.act(turn.open)) as records:
                async for record in records:
                    if record.run == run.id:
                        spent.count(record.event)
                    yield record
            if stopped := _open_end(run, crew):
                yield run.add(stopped)[0]
                return
            continue
        if turn and not turn.answered:
            if said := await _look(turn, run.events, crew):
                for record in run.add(*said):
                    spent.count(record.event)
                    yield record
            if isinstance(run.events[-1], Ended):
                return
        for event in _said(crew.steering):
            yield run.add(event)[0]
        if stopped := _stop(run, crew, spent):
            yield run.add(stopped)[0]
            return
        for event in _due(run, crew, spent):
            spent.count(event)
            yield run.add(event)[0]
        try:
            async with aclosing(_think(run, crew, number + 1)) as pieces:
                async for piece in pieces:
                    if isinstance(piece, Record):
                        spent.count(piece.event)
                        number += isinstance(piece.event, Turned)
                    yield piece
        except ContextFull as full:
            due = deep_fold(run.events, full.size, kept=0.0)
            if due is None:
                yield run.add(_ended("failed", f"{full} There is nothing left to fold away."))[0]
                return
            yield run.add(due)[0]


def _hands(run: Run, crew: Crew) -> Hands:
    def child(id: str) -> list[Event]:
        return [record.event for record in run.journal.read(id)]

    provenance = Provenance(child)
    provenance.take_over(crew.known)
    return Hands(run, crew, provenance, SubAgents(run, crew, carry_on), Doing(run, crew))


def _is_sub_agent(run: Run) -> bool:
    began = run.events[0]
    return isinstance(began, Began) and bool(began.parent)


async def _think(
    run: Run, crew: Crew, number: int
) -> AsyncGenerator[Record | Token | Progress, None]:
    """One turn of the model, written down as a whole when it is complete.

    A stop ends it at once as long as the model still reads: nothing that was written is lost.
    """
    began = run.events[0]
    assert isinstance(began, Began)
    parts: list[Part] = []
    reply = crew.model.reply(run.events, began.tools, crew.sampling)
    async with aclosing(_unless_stopped(reply, crew.steering)) as pieces:
        async for piece in pieces:
            match piece:
                case Token() | Progress():
                    yield piece
                case Called():
                    calls = sum(isinstance(part, Called) for part in parts)
                    parts.append(msgspec.structs.replace(piece, id=f"{number}.{calls + 1}"))
                case Thought() | Said() | Broken():
                    parts.append(piece)
                case Turned():
                    for record in run.add(*parts, piece):
                        yield record


async def _unless_stopped(
    reply: AsyncGenerator[Piece, None], steering: Steering
) -> AsyncGenerator[Piece, None]:
    """The reply; nothing more of it once a stop came before its first word."""
    stop = asyncio.ensure_future(steering.stopped())
    try:
        async with aclosing(reply):
            while True:
                coming = asyncio.ensure_future(anext(reply, None))
                try:
                    await asyncio.wait({coming, stop}, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    if not coming.done():
                        coming.cancel()
                        await asyncio.wait({coming})
                if coming.cancelled() or (piece := coming.result()) is None:
                    return
                yield piece
                if not isinstance(piece, Progress):
                    break
            stop.cancel()
            async for piece in reply:
                yield piece
    finally:
        stop.cancel()


async def _look(turn: Turn, history: Sequence[Event], crew: Crew) -> list[Event]:
    """What follows a turn that called nothing: the run's end, or what the model must hear."""
    if any(isinstance(part, Broken) for part in turn.parts):
        return []
    if turn.reason == "length":
        return [Noted("Your turn was cut off because it was too long. Go on, in smaller steps.")]
    if not turn.said:
        if _since_asked(history, Noted) >= _IDLE_TURNS:
            return [_ended("failed", "The model thinks and does not act.")]
        words = "You called no tool and said nothing. Call a tool to go on, or give your report."
        return [Noted(words, about="idle")]
    verdict = judge(turn.said, history)
    if verdict.met and crew.model.judges and worth_asking(history):
        verdict = await second_look(history, verdict, crew)
    answer = (answer_of(turn.said) if _schema(history) else None) or turn.said
    if verdict.met:
        return [verdict, _ended("done", "Done, and checked.", answer)]
    if _since_asked(history, Judged) + 1 >= _VERDICTS:
        unproven = "; ".join(i.text + ": " + i.proof for i in verdict.items if i.state in FAILED)
        reason = f"The report does not hold: {unproven}."
        return [verdict, _ended("unverified", reason, answer)]
    return [verdict]


def _schema(history: Sequence[Event]) -> dict[str, Any]:
    """What the report must fit; empty for one in words."""
    began = history[0]
    return began.schema if isinstance(began, Began) else {}


def _open_end(run: Run, crew: Crew) -> Ended | None:
    """Why acting stopped with steps left open, if it did."""
    turn = last_turn(run.events)
    if not (turn and turn.open):
        return None
    if crew.steering.stopping:
        return _ended("interrupted", "It was stopped after a finished step.")
    left = list(open_steps(run.events, lambda id: [r.event for r in run.journal.read(id)]))
    doubtful = [step for step in left if step.unsettled and not step.settled]
    if doubtful:
        step = doubtful[0]
        return _ended("waiting", f"Whether {step.called.tool} ({step.name}) happened is not known.")
    waiting = [step for step in left if step.decided and step.decided.decision == "ask"]
    names = ", ".join(f"{step.called.tool} ({step.name})" for step in waiting)
    return _ended("waiting", f"A yes is needed for {names}.")


def _said(steering: Steering) -> list[Event]:
    """What the person put in since the last turn."""
    plan = steering.replanned()
    return [*map(Asked, steering.heard()), *([plan] if plan else [])]


def _stop(run: Run, crew: Crew, spent: Spent) -> Ended | None:
    """Why there is no next turn."""
    if crew.steering.stopping:
        return _ended("interrupted", "It was stopped after a finished step.")
    if met := spent.reached():
        return _ended("limit", met)
    if (circle := stuck(run.events)) and nudged(run.events):
        return _ended("failed", f"The model is stuck. {circle}")
    return None


def _due(run: Run, crew: Crew, spent: Spent) -> Iterator[Noted | Compacted]:
    """What comes before the next turn: what the model must be told, and room for what it says."""
    if (circle := stuck(run.events)) and nudged(run.events) is None:
        words = f"{circle} Try another way, or report what is done and what is open."
        yield Noted(words, about="stuck")
    if warning := spent.warning():
        yield warning
    if folded := fold(run.events, crew.model.context):
        yield folded


def _since_asked(history: Sequence[Event], kind: type[Noted] | type[Judged]) -> int:
    count = 0
    for event in reversed(history):
        if isinstance(event, Asked):
            break
        count += isinstance(event, kind)
    return count


def _ended(status: Status, reason: str, answer: str = "") -> Ended:
    return Ended(status, reason, EXIT_CODES[status], answer)
