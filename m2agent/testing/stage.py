"""A run on real parts in a folder of its own: your connectors, the real journal, a scripted model.

stage = Stage(tmp_path, Script([{"calls": [{"tool": "wiki_search", "arguments": {}}]}]), wiki)
events = await stage.play("Find the page on hiring.")
"""

from collections.abc import Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from m2agent.connector import Connector
from m2agent.events import Ended, Event
from m2agent.journal import Journal, Run
from m2agent.loop import Limits, Steering, begin
from m2agent.loop.ask import Approve, park
from m2agent.loop.crew import Crew
from m2agent.loop.own_tools import own_tools
from m2agent.loop.run import carry_on
from m2agent.model import Model
from m2agent.policy import Always, Rules
from m2agent.toolbox import Toolbox


@dataclass
class Stage:
    """The scene of one run. `connectors` are by account name, as in the configuration."""

    folder: Path
    model: Model
    connectors: Mapping[str, Connector]
    approve: Approve = park
    rules: Rules = field(default_factory=Rules)
    limits: Limits = field(default_factory=Limits)
    steering: Steering = field(default_factory=Steering)
    always: Always = field(default_factory=Always)
    waits: Sequence[float] = (0.01, 0.01, 0.01)
    longest: float = 60.0

    def crew(self) -> Crew:
        """What a run of this scene works with."""
        work = self.folder / "work"
        work.mkdir(parents=True, exist_ok=True)
        return Crew(
            self.model,
            self._toolbox,
            work,
            self.approve,
            self.rules,
            self.limits,
            steering=self.steering,
            always=self.always,
            waits=self.waits,
            longest=self.longest,
        )

    @cached_property
    def _toolbox(self) -> Toolbox:
        return Toolbox({**self.connectors, **own_tools(self.model.context)})

    def journal(self) -> Journal:
        return Journal(self.folder / "journal.db")

    def begin(self, journal: Journal, task: str = "Do it.") -> Run:
        """Write down a new run, and own it."""
        crew = self.crew()
        run = journal.create()
        begin(
            run,
            task,
            model="script",
            system="You are being tested.",
            tools=crew.toolbox.specs,
            work=crew.work,
            accounts={},
        )
        return run

    async def play(self, task: str = "Do it.") -> list[Event]:
        """Begin a run, carry it as far as it goes, and return all its events."""
        journal = self.journal()
        try:
            return await _carry(self.begin(journal, task), self.crew())
        finally:
            journal.close()

    async def go_on(self, *first: Event, run: str = "last") -> list[Event]:
        """Write `first` into an earlier run, carry it on, and return all its events."""
        journal = self.journal()
        try:
            owned = journal.open(journal.find(run))
            if first:
                owned.add(*first)
            return await _carry(owned, self.crew())
        finally:
            journal.close()


async def _carry(run: Run, crew: Crew) -> list[Event]:
    async with aclosing(carry_on(run, crew)) as pieces:
        async for _ in pieces:
            pass
    return list(run.events)


def ended(events: list[Event]) -> Ended:
    """How a run ended; fails for one that did not."""
    last = events[-1]
    assert isinstance(last, Ended), f"the run stopped at {last}"
    return last
