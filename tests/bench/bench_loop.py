"""What the harness itself costs: `make bench` prints ratios, measured in this very run.

Each figure stands beside its bar from the design. CPU seconds are this process's own, so that a
busy machine does not spoil them.
"""

import asyncio
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from itertools import pairwise
from pathlib import Path
from typing import ClassVar

from m2agent.events import Called, Event, Record, Said, Thought, ToolSpec, Turned
from m2agent.loop import Limits, carry_on
from m2agent.model import ModelSettings, Piece
from m2agent.testing.stage import Stage
from m2agent.tool import Result, tool


class Echo:
    """A connector whose one tool costs nothing."""

    name: ClassVar[str] = "echo"
    kind: ClassVar[str] = "echo"

    @classmethod
    async def open(cls, account: object) -> "Echo":
        return cls()

    def describe(self) -> str:
        return "for measuring"

    async def close(self) -> None: ...

    @tool(effect="read")
    async def turn(self, n: int) -> Result:
        """Say the number of the turn."""
        return Result(f"turn-{n}\n" + "x" * 400)


class Endless:
    """A model that thinks 400 bytes and calls a tool, so many times."""

    name: str = "endless"
    context: int | None = None
    judges: bool = False

    def __init__(self, turns: int) -> None:
        self._turns = turns
        self._done = 0

    async def reply(
        self, history: Sequence[Event], tools: Sequence[ToolSpec], settings: ModelSettings
    ) -> AsyncGenerator[Piece, None]:
        self._done += 1
        yield Thought(f"RSN-{self._done} " + "t" * 400)
        if self._done > self._turns:
            yield Said("That was all.")
        else:
            yield Called("", "echo_turn", {"n": self._done})
        yield Turned()

    def describe(self) -> str:
        return "for measuring"

    async def close(self) -> None: ...


async def cpu_of_turns(turns: int) -> list[float]:
    """CPU seconds of each turn of a run that is played in a fresh folder."""
    with tempfile.TemporaryDirectory() as folder:
        limits = Limits(turns=turns + 10)
        stage = Stage(Path(folder), Endless(turns), {"echo": Echo()}, limits=limits)
        journal = stage.journal()
        run = stage.begin(journal)
        marks = [time.process_time()]
        async with aclosing(carry_on(run, stage.crew())) as pieces:
            async for piece in pieces:
                if isinstance(piece, Record) and isinstance(piece.event, Turned):
                    marks.append(time.process_time())
        journal.close()
    return [after - before for before, after in pairwise(marks)]


def recorded_step() -> float:
    """Wall time of a step of the run over that of two bare commits on the same disk."""
    with tempfile.TemporaryDirectory() as folder:
        db = sqlite3.connect(Path(folder) / "bare.db", isolation_level=None)
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=FULL")
        db.execute("CREATE TABLE t (x TEXT)")
        began = time.perf_counter()
        for _ in range(200):
            for _ in range(2):
                db.execute("BEGIN IMMEDIATE")
                db.execute("INSERT INTO t VALUES (?)", ("x" * 500,))
                db.execute("COMMIT")
        bare = (time.perf_counter() - began) / 200
        db.close()
    began = time.perf_counter()
    asyncio.run(cpu_of_turns(200))
    return (time.perf_counter() - began) / 200 / bare


def help_ratio() -> float:
    """CPU of `m2agent --help` over that of an empty program that imports click."""
    program = "import resource, subprocess, sys; subprocess.run(sys.argv[1:], stdout=-3); " + (
        "u = resource.getrusage(resource.RUSAGE_CHILDREN); print(u.ru_utime + u.ru_stime)"
    )

    def cpu(*command: str) -> float:
        return min(
            float(
                subprocess.run(
                    [sys.executable, "-c", program, sys.executable, *command],
                    capture_output=True,
                    text=True,
                    check=True,
                ).stdout
            )
            for _ in range(7)
        )

    return cpu("-m", "m2agent", "--help") / cpu("-c", "import click")


def mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def main() -> None:
    hundred = asyncio.run(cpu_of_turns(100))
    thousand = asyncio.run(cpu_of_turns(1_000))
    rows = [
        ("harness CPU of a turn, 100 turns, ms", mean(hundred) * 1_000, "<= 15"),
        ("... last 20 turns / turns 5 to 24", mean(hundred[-20:]) / mean(hundred[5:25]), "<= 1.1"),
        (
            "1,000 turns: last 100 / turns 100 to 200",
            mean(thousand[-100:]) / mean(thousand[100:200]),
            "<= 1.1",
        ),
        ("recorded step / two bare commits", recorded_step(), "<= 3"),
        ("m2agent --help / import click", help_ratio(), "<= 3"),
    ]
    for what, figure, bar in rows:
        print(f"{what:<45} {figure:8.2f}   {bar}")


if __name__ == "__main__":
    main()
