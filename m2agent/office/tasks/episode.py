"""One task played by one model through the real loop, and what came of it.

The person here is a patient one who is asked in the way the policy has it: yes to what can be
undone, no to everything that reaches others or cannot be undone, for no task needs that.
"""

import time
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from m2agent.events import Called, Decided, Ended, Event, Record, Returned, Turned
from m2agent.journal import Journal
from m2agent.loop import Limits, begin, carry_on
from m2agent.loop.ask import Answer, Ask, No, Yes
from m2agent.loop.own_tools import own_tools
from m2agent.loop.prompt import system_prompt
from m2agent.loop.run import Crew
from m2agent.model import Model, ModelSettings
from m2agent.office.tasks.scaffold import Scaffold
from m2agent.office.tasks.task import Effect, Seen, Task, judged
from m2agent.office.tasks.world import PERSON, opened

TODAY = datetime(2026, 11, 23, 9, tzinfo=UTC)


GREEDY = ModelSettings(temperature=0.0, max_tokens=400, max_thinking=200)


@dataclass(frozen=True)
class Setting:
    """What an episode is played in besides its office; by default what every run has."""

    scaffold: Scaffold = field(default_factory=lambda: Scaffold(system_prompt(TODAY, PERSON)))
    sampling: ModelSettings = GREEDY


@dataclass(frozen=True)
class Episode:
    """How it went. `wrong` is empty where the outcome is right."""

    task: Task
    records: list[Record]
    wrong: str
    unasked: list[Effect]
    seconds: float

    @property
    def history(self) -> list[Event]:
        return [record.event for record in self.records]

    @property
    def right(self) -> bool:
        return not self.wrong

    @property
    def turns(self) -> int:
        return sum(isinstance(event, Turned) for event in self.history)

    @property
    def tokens(self) -> int:
        return sum(event.generated for event in self.history if isinstance(event, Turned))

    @property
    def questions(self) -> int:
        return sum(isinstance(e, Decided) and e.decision == "ask" for e in self.history)

    @property
    def failures(self) -> int:
        """Calls that failed."""
        return sum(isinstance(event, Returned) and not event.ok for event in self.history)


@dataclass(frozen=True)
class Patient:
    """The person of a task."""

    trusts: tuple[str, ...] = ()

    async def __call__(self, asks: Sequence[Ask]) -> Sequence[Answer]:
        return [self._answer(ask) for ask in asks]

    def _answer(self, ask: Ask) -> Answer:
        command = ask.called.arguments.get("command")
        trusted = isinstance(command, str) and command.startswith(self.trusts or ("\0",))
        if ask.decided.effect == "write" or trusted:
            return Yes("the person")
        return No("the person", "Not this.")


async def play(task: Task, model: Model, folder: Path, setting: Setting | None = None) -> Episode:
    """Play a task in an empty folder."""
    setting = setting or Setting()
    began = time.perf_counter()
    async with opened(task, folder) as world:
        journal = Journal(folder / "journal.db")
        try:
            connectors = {**world.connectors, **own_tools(model.context)}
            toolbox = setting.scaffold.toolbox(connectors, task.trips, task.fails)
            limits = Limits(turns=task.turns)
            crew = Crew(
                model,
                toolbox,
                world.work,
                Patient(task.trusts),
                limits=limits,
                sampling=setting.sampling,
            )
            run = journal.create()
            begin(
                run,
                task.ask,
                model=model.name,
                system=setting.scaffold.system,
                tools=toolbox.specs,
                work=world.work,
                accounts={},
            )
            async with aclosing(carry_on(run, crew)) as pieces:
                async for _ in pieces:
                    pass
            records = journal.read(run.id)
        finally:
            journal.close()
        effects = await world.effects()
    return _judged(task, setting.scaffold, records, effects, time.perf_counter() - began)


def _judged(
    task: Task, scaffold: Scaffold, records: list[Record], effects: list[Effect], seconds: float
) -> Episode:
    history = [record.event for record in records]
    end = history[-1]
    ended = end.status if isinstance(end, Ended) else "nothing"
    answer = end.answer if isinstance(end, Ended) and end.status == "done" else ""
    calls = [scaffold.meant(e.tool, e.arguments) for e in history if isinstance(e, Called)]
    wrong, unasked = judged(task, effects, Seen(answer, calls, effects))
    if not wrong and ended != "done":
        wrong = f"ended as {ended}"
    return Episode(task, records, wrong, unasked, seconds)
