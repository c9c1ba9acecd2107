"""kill -9 at every boundary of a run, and inside every effect: nothing twice, nothing lost.

The boundaries are the run's own: one after each record that it yields, and one before and one after
each entry in the ledger. Each is tried in a forked process that kills itself there.
"""

import asyncio
import os
import signal
from collections.abc import Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest
from ledger import Ledger

from m2agent.events import Event, Record, Settled, Started
from m2agent.loop import Answer, Ask, Yes, carry_on
from m2agent.testing.stage import Stage, ended
from m2agent.tool import Operation, Result
from m2agent.transcript import messages
from m2agent_models.script import Script


def call(tool: str, **arguments: Any) -> dict[str, Any]:
    return {"tool": f"ledger_{tool}", "arguments": arguments}


_TURNS: list[dict[str, Any]] = [
    {"thinking": "Look.", "calls": [call("look"), call("look", word="a")]},
    {"thinking": "Write.", "calls": [call("put", text="a"), call("look"), call("put", text="b")]},
    {"thinking": "Post both.", "calls": [call("post", text="c"), call("post", text="d")]},
    {"thinking": "A lie.", "text": "I sent it. [message nothing]"},
    {"thinking": "Better.", "text": "I sent it."},
]


async def _yes(asks: Sequence[Ask]) -> Sequence[Answer]:
    return [Yes("Ann") for _ in asks]


class Mortal(Ledger):
    """A ledger whose process dies before or after it writes a certain entry."""

    def __init__(self, file: Path, when: str, text: str) -> None:
        super().__init__(file)
        self._when, self._text = when, text

    def _write(self, op: Operation, text: str) -> Result:
        if (self._when, self._text) == ("before", text):
            _die()
        result = super()._write(op, text)
        if (self._when, self._text) == ("after", text):
            _die()
        return result


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _stage(folder: Path, ledger: Ledger) -> Stage:
    return Stage(folder, Script(list(_TURNS)), {"ledger": ledger}, _yes)


async def _carry(folder: Path, ledger: Ledger, die_after: int) -> None:
    """Begin the run, and die after so many records."""
    scene = _stage(folder, ledger)
    run = scene.begin(scene.journal())
    seen = 0
    async with aclosing(carry_on(run, scene.crew())) as pieces:
        async for piece in pieces:
            seen += isinstance(piece, Record)
            if seen == die_after:
                _die()


def _in_a_fork(folder: Path, ledger: Ledger, die_after: int) -> int:
    """Returns the signal that ended the forked process, 0 if it came to its end."""
    child = os.fork()
    if child == 0:
        asyncio.run(_carry(folder, ledger, die_after))
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _told(events: Sequence[Event]) -> str:
    """Everything that a model was told, without the run's own id."""
    run = next(event.key for event in events if isinstance(event, Started)).split(".")[0]
    return repr(messages(events)).replace(run, "RUN")


@pytest.fixture(scope="module")
def quiet(tmp_path_factory: pytest.TempPathFactory) -> list[Event]:
    """The run as it is when nobody kills it."""
    folder = tmp_path_factory.mktemp("quiet")
    ledger = Ledger(folder / "ledger.jsonl")
    assert _in_a_fork(folder, ledger, 10_000) == 0
    events = asyncio.run(_stage(folder, ledger).go_on())
    assert ledger.texts() == ["a", "b", "c", "d"]
    assert ended(events).exit_code == 0
    return events


def _check(folder: Path, quiet: list[Event]) -> list[Event]:
    ledger = Ledger(folder / "ledger.jsonl")
    events = asyncio.run(_stage(folder, ledger).go_on())
    assert ended(events).exit_code == 0
    assert ledger.texts() == ["a", "b", "c", "d"]
    assert _told(events) == _told(quiet)
    return events


def test_killed_after_any_record_the_run_ends_as_if_it_had_not_been(
    tmp_path: Path, quiet: list[Event]
) -> None:
    kills = 0
    while _in_a_fork(folder := tmp_path / str(kills), Ledger(folder / "ledger.jsonl"), kills + 1):
        _check(folder, quiet)
        kills += 1

    assert kills == len(quiet) - 2  # each record but the two that the run begins with


@pytest.mark.parametrize("text", ["a", "b", "c", "d"])
@pytest.mark.parametrize("when", ["before", "after"])
def test_killed_inside_an_effect_it_happens_exactly_once(
    tmp_path: Path, quiet: list[Event], when: str, text: str
) -> None:
    mortal = Mortal(tmp_path / "ledger.jsonl", when, text)
    assert _in_a_fork(tmp_path, mortal, 10_000) == -signal.SIGKILL
    assert (text in mortal.texts()) == (when == "after")

    events = _check(tmp_path, quiet)

    (settled,) = [event for event in events if isinstance(event, Settled)]
    assert settled.happened == (when == "after")
