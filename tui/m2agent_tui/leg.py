"""One leg of a run: from where it stands until it ends, or waits for a person who is not there."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import TYPE_CHECKING

from m2agent.events import Ended, Record, Settled, Unsettled
from m2agent.model import Progress, Token
from m2agent_tui.desks import Desks

if TYPE_CHECKING:
    from m2agent.desk import Desk
    from m2agent.journal import Run
    from m2agent.loop import Steering
    from m2agent.loop.ask import Approve

Settle = Callable[[Unsettled], Awaitable[bool | None]]
"""Asks the person whether a step happened; None: they do not say."""


async def leg(
    desks: Desks,
    run_id: str,
    ask: str,
    *,
    steering: "Steering",
    approve: "Approve",
    settle: Settle,
    opened: "Callable[[Desk], None]",
    by: str,
) -> AsyncGenerator[Record | Token | Progress, None]:
    """Go on with a run, or begin one with `ask` if `run_id` is empty; yields what happens.

    `opened` is told of the desk. What the person says too late for the last turn begins another
    one. Raises M2Error where the desk cannot be opened or the run belongs to another process.
    """
    from m2agent.desk import setup_of

    start, journal = await desks.start(), await desks.journal()
    setup = setup_of(journal.read(run_id), start.setup) if run_id else start.setup
    async with desks.at(setup) as desk:
        opened(desk)
        run = desk.open_run(run_id) if run_id else desk.begin(ask)
        try:
            if not run_id:
                ask = ""
                for record in journal.read(run.id):
                    yield record
            while True:
                pieces = desk.carry_on(run, approve=approve, steering=steering, ask=ask)
                async with aclosing(pieces):
                    async for piece in pieces:
                        yield piece
                ask = ""
                if doubt := _doubt(run):
                    happened = await settle(doubt)
                    if happened is None:
                        return
                    yield run.add(Settled(doubt.id, doubt.key, happened, by))[0]
                elif not _is_finished(run) or not (ask := "\n\n".join(steering.heard())):
                    return
        finally:
            run.close()


def _doubt(run: "Run") -> Unsettled | None:
    """The step a run waits for because nobody knows whether it happened."""
    from m2agent.loop.steps import last_turn

    turn, last = last_turn(run.events), run.events[-1]
    if turn and isinstance(last, Ended) and last.status == "waiting":
        for step in turn.open:
            if step.unsettled and not step.settled:
                return step.unsettled
    return None


def _is_finished(run: "Run") -> bool:
    last = run.events[-1]
    return isinstance(last, Ended) and last.status in ("done", "unverified")
