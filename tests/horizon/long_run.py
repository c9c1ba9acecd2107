"""Plays a long run with two kills, and says what came of it; `make soak` plays 500 turns.

Each process is killed with `kill -9` in the middle of a step, the second with two sub-agents under
way. The engine stands by itself and outlives them, as the real one does.
"""

import json
import logging
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from engine import Account, Engine
from leg import GOAL, STEERED

from m2agent import office
from m2agent.events import Compacted, Ended, Event, Planned, Spawned, Turned
from m2agent.journal import Journal

_LEG = Path(__file__).with_name("leg.py")


@dataclass
class Told:
    """What came of it."""

    RATIO: ClassVar[float] = 1.01

    turns: int
    kills: int = 0
    account: Account = field(default_factory=Account)
    events: list[Event] = field(default_factory=list[Event])
    children: int = 0
    subjects: list[str] = field(default_factory=list[str])
    held: list[int] = field(default_factory=list[int])
    prompt: str = ""

    @property
    def folds(self) -> int:
        return sum(isinstance(event, Compacted) for event in self.events)

    @property
    def ratio(self) -> float:
        return self.account.evaluated / self.account.new

    @property
    def growth(self) -> float:
        """Of the memory of the last process, from its first look to its last."""
        return self.held[-1] / self.held[0] - 1 if self.held else 0.0

    def problems(self) -> list[str]:
        """Everything that is not as it should be."""
        last = self.events[-1]
        plan = [event for event in self.events if isinstance(event, Planned)][-1]
        twice = [subject for subject, n in Counter(self.subjects).items() if n > 1]
        wanted = {f"No. {n}" for n in range(10, self.turns, 10)} - {
            f"No. {n}" for n in (self.turns // 4, self.turns // 2, self.turns - 2)
        }
        missing = sorted(w for w in wanted - set(self.subjects) if not _is_plan(w))
        turns = sum(isinstance(event, Turned) for event in self.events)
        spawned = sum(isinstance(event, Spawned) for event in self.events)
        return [
            *(f"not in the prompt: {text}" for text in self.account.missing),
            *(f"drafted twice: {subject}" for subject in twice),
            *(f"never drafted: {subject}" for subject in missing),
            *([] if "Facts" in self.subjects else ["the facts were never used"]),
            *([] if isinstance(last, Ended) and last.exit_code == 0 else [f"ended as {last}"]),
            *([] if turns == self.turns + 1 else [f"{turns} turns"]),
            *([] if spawned == self.children == 4 else [f"{spawned} began, {self.children} are"]),
            *(f"lost: {item.text}" for item in plan.items if item.text not in self.prompt),
            *(f"lost: {text}" for text in (GOAL, *STEERED) if text not in self.prompt),
        ]


def _is_plan(subject: str) -> bool:
    """Whether the turn of that number wrote its plan, or looked for a fact, instead."""
    return int(subject.removeprefix("No. ")) % 25 in (3, 4)


def long_run(folder: Path, turns: int, context: int) -> Told:
    """Play it; `context` is in tokens."""
    office.write(folder / "office")
    engine = Engine(folder / "engine")
    told = Told(turns, account=engine.account)
    for kill in (turns * 2 // 5, turns // 2, 0):
        argv = [sys.executable, str(_LEG), str(folder), str(turns), str(context), str(kill)]
        done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=1_800)
        told.kills += done.returncode == -signal.SIGKILL
        if done.returncode not in (0, -signal.SIGKILL):
            raise AssertionError(done.stderr[-3_000:])
        if done.returncode == 0:
            told.held = json.loads(done.stdout)["held"]
    engine.close()
    told.prompt = engine.prompts["run"]
    with closing(Journal(folder / "journal.db")) as journal:
        run = journal.find("last")
        told.events = [record.event for record in journal.read(run)]
        told.children = sum(
            isinstance(record.event, Ended) and record.event.status == "done"
            for event in told.events
            if isinstance(event, Spawned)
            for record in journal.read(event.child)[-1:]
        )
    with closing(sqlite3.connect(folder / "office" / "mail" / "mailbox.db")) as db:
        rows = db.execute(
            "SELECT words.subject FROM words JOIN labelled ON labelled.message = words.rowid"
            " JOIN label ON label.id = labelled.label WHERE label.key = 'draft'"
        )
        told.subjects = [subject for (subject,) in rows]
    return told


def main() -> None:
    """Print the figures; the exit code says whether they hold."""
    logging.getLogger("m2agent_models").setLevel(logging.ERROR)  # a fold is no surprise here
    with tempfile.TemporaryDirectory(prefix="m2agent-long-") as folder:
        os.environ["M2AGENT_HOME"] = f"{folder}/home"
        told = long_run(Path(folder), turns=500, context=40_000)
    problems = told.problems()
    for problem in problems:
        print(problem, file=sys.stderr)
    print(f"500 turns, {told.folds} folds, {told.kills} kills, 4 sub-agents, 2 words of the person")
    print(f"    longest prompt: {told.account.longest:,} characters")
    print(f"    evaluated / new: {told.ratio:.4f} (at most {Told.RATIO})")
    share = told.account.folded / told.account.evaluated
    print(f"    of what was evaluated, it was read anew after a fold: {share:.0%}")
    print(f"    memory of the last process over its turns: {told.growth:+.1%} (at most +5%)")
    sys.exit(bool(problems) or told.ratio > Told.RATIO or told.growth > 0.05 or told.folds < 3)


if __name__ == "__main__":
    main()
