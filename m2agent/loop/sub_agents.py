"""Sub-agents at work: each is a run of its own, begun once and carried on until it reports.

Its prompt begins as its run's does, with the system's words and all tools, so that none of that
is evaluated again; what follows is its own. It is held to the same rules by the same person, knows
what its run has read, and so may never do more than its run could.
"""

import asyncio
import difflib
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec

from m2agent.errors import ToolFailed
from m2agent.events import (
    Asked,
    Began,
    Called,
    Ended,
    Event,
    Judged,
    Origin,
    Record,
    Reported,
    Returned,
    Said,
    Spawned,
    Turned,
)
from m2agent.journal import Run
from m2agent.loop import delegate
from m2agent.loop.ask import Absent, Answer, Ask
from m2agent.loop.crew import Crew
from m2agent.loop.judge import FAILED
from m2agent.loop.limits import Spent
from m2agent.loop.own_tools import OWN
from m2agent.loop.roles import Role
from m2agent.loop.steering import Steering
from m2agent.model import Progress, Token
from m2agent.policy import Provenance

CarryOn = Callable[[Run, Crew], AsyncGenerator[Record | Token | Progress, None]]


@dataclass(frozen=True)
class SubAgents:
    """Those of one run."""

    run: Run
    crew: Crew
    carry_on: CarryOn
    asking: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def work(
        self, called: Called, arguments: dict[str, Any], tell: Callable[[Record], None]
    ) -> list[Reported | Returned]:
        """Begin or carry on the sub-agent of a call; `tell` gets what happens.

        Returns its report, or nothing while it waits for a person or was stopped. Raises
        ToolFailed for a call that names no such role or tool.
        """
        role = self._role(arguments["role"])
        tools = self._tools(arguments["tools"], role)
        child = self.run.journal.child(self.run.id, called.id)
        try:
            for record in self._begun(child, called, arguments, role, tools):
                tell(record)
            if not _is_over(child.events):
                async with aclosing(self.carry_on(child, self._crew(role, tools))) as pieces:
                    async for piece in pieces:
                        if isinstance(piece, Record):
                            tell(piece)
            return self._report(called, child) if _is_over(child.events) else []
        finally:
            child.close()

    def _begun(
        self, child: Run, called: Called, arguments: dict[str, Any], role: Role, tools: list[str]
    ) -> list[Record]:
        """What is not written down yet of its beginning."""
        task, records = arguments["task"], list[Record]()
        known = (e for e in reversed(self.run.events) if isinstance(e, Spawned))
        if called.id not in {spawned.id for spawned in known}:
            spawned = Spawned(called.id, child.id, task, arguments["role"], tools)
            records += self.run.add(spawned)
        if not child.events:
            began = self.run.events[0]
            assert isinstance(began, Began)
            asked = "\n\n".join(e.text for e in self.run.events if isinstance(e, Asked))
            records += child.add(
                msgspec.structs.replace(began, parent=self.run.id, schema={}),
                Asked(delegate.brief(task, role, tools, asked), by=self.run.id),
            )
        return records

    def _crew(self, role: Role, tools: list[str]) -> Crew:
        """What it works with: its run's means, narrowed."""
        crew = self.crew
        return replace(
            crew,
            toolbox=crew.toolbox.only([*tools, *OWN], role.effects),
            approve=crew.approve if isinstance(crew.approve, Absent) else self._approve,
            limits=role.within(Spent(crew.limits, self.run.events).left()),
            sampling=replace(crew.sampling, beside=True),
            steering=Steering(above=crew.steering),
            known=[*crew.known, *self.run.events],
        )

    async def _approve(self, asks: Sequence[Ask]) -> Sequence[Answer]:
        """The person is asked by one sub-agent at a time."""
        async with self.asking:
            return await self.crew.approve(asks)

    def _role(self, name: str) -> Role:
        if name in self.crew.roles:
            return self.crew.roles[name]
        known = ", ".join(role for role in self.crew.roles if role)
        raise ToolFailed(f"There is no role {name!r}. The roles are: {known}.")

    def _tools(self, named: Sequence[str], role: Role) -> list[str]:
        """The tools it gets. A kind's name, such as "mail", stands for all tools of that kind."""
        ours = [name for name in self.crew.toolbox.names if name not in (*OWN, delegate.TOOL)]
        wanted = [name for name in ours if not named or _is_named(name, named)]
        for word in named:
            if word not in OWN and not any(_is_named(name, [word]) for name in ours):
                near = difflib.get_close_matches(word, ours, n=1)
                hint = f" Did you mean {near[0]}?" if near else ""
                raise ToolFailed(f"There is no tool {word!r}.{hint} You have: {', '.join(ours)}.")
        allowed = self.crew.toolbox.only(wanted, role.effects).names
        return [name for name in allowed if role.has(name)]

    def _report(self, called: Called, child: Run) -> list[Reported | Returned]:
        """What goes back to the run, for its model and for whoever watches."""
        ended = child.events[-1]
        assert isinstance(ended, Ended)
        returned = [e for e in child.events if isinstance(e, Returned) and e.ok]
        receipts = list({(r.kind, r.id): r for e in returned for r in e.receipts}.values())
        text = _words(ended, child.events)
        turns = [event for event in child.events if isinstance(event, Turned)]
        provenance = Provenance(lambda run: [r.event for r in child.journal.read(run)])
        provenance.take_over([*self.crew.known, *self.run.events, *child.events])
        whose = "outside" if provenance.outside else "own"
        reported = Reported(
            called.id,
            child.id,
            text,
            receipts,
            ended.status,
            len(turns),
            sum(turn.evaluated for turn in turns),
            sum(turn.reused for turn in turns),
            sum(turn.generated for turn in turns),
            round(sum(turn.prefill_seconds + turn.decode_seconds for turn in turns), 3),
            round(sum(turn.cost for turn in turns), 6),
        )
        data = {"run": child.id, "status": ended.status, "report": text}
        origin = [Origin(whose, f"the report of sub-agent {child.id}")]
        ok = ended.status == "done" or bool(receipts)
        return [reported, Returned(called.id, ok, text, data, receipts, origin)]


def _is_over(history: Sequence[Event]) -> bool:
    """Whether there is a report to be had; a sub-agent that waits or was cut off has none yet."""
    last = history[-1]
    return isinstance(last, Ended) and last.status not in ("waiting", "interrupted")


def _is_named(tool: str, words: Sequence[str]) -> bool:
    return any(tool == word or tool.startswith(f"{word}_") for word in words)


def _words(ended: Ended, history: Sequence[Event]) -> str:
    said = next((e.text for e in reversed(history) if isinstance(e, Said)), "").strip()
    match ended.status:
        case "done":
            return ended.answer
        case "unverified":
            verdict = next((e for e in reversed(history) if isinstance(e, Judged)), Judged(False))
            wrong = [f"- {i.text}: {i.proof}" for i in verdict.items if i.state in FAILED]
            return "\n".join([ended.answer, "", "Checked, and not proven of this:", *wrong])
        case _:
            words = f"The sub-agent stopped before it was done. {ended.reason}"
            return f"{words}\n\nWhat it said last:\n{said}" if said else words
