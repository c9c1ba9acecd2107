"""Act on the calls of one turn: decide, ask, write down, do, write down.

`Started` is on the disk before an effect and `Returned` after it, so after a crash an effect that
was started is never simply done again: its tool is asked whether it happened. Yes and no are
settled and the run goes on; anything else is `Unsettled`, and a person's to say.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime

from m2agent import policy
from m2agent.canonical import content_hash, hash_of
from m2agent.errors import ToolFailed, Unclear, UsageError
from m2agent.events import (
    Approved,
    Decided,
    Edited,
    Event,
    Planned,
    Record,
    Reported,
    Returned,
    Settled,
    Started,
    Unsettled,
)
from m2agent.journal import Run, root
from m2agent.loop.ask import Absent, Answer, Ask, Did, Edit, No, Yes, instead
from m2agent.loop.crew import Crew
from m2agent.loop.delegate import TOOL as DELEGATE
from m2agent.loop.doing import Doing
from m2agent.loop.edit import change, changeable
from m2agent.loop.plan import TOOL as PLAN
from m2agent.loop.plan import planned
from m2agent.loop.steps import Step, waits_for_yes
from m2agent.loop.sub_agents import SubAgents
from m2agent.policy import Provenance, Rules, decide
from m2agent.tool import Content, Operation
from m2agent.toolbox import Call


@dataclass(frozen=True)
class Hands:
    """What a run acts with. `provenance` is what it knows of where its words come from."""

    run: Run
    crew: Crew
    provenance: Provenance
    sub_agents: SubAgents
    doing: Doing

    async def act(self, steps: Sequence[Step]) -> AsyncGenerator[Record, None]:
        """Carry open steps forward in their order, reads that stand together at once.

        Stops early, leaving steps open, where a person must answer first or asked to stop.
        """
        for step in steps:
            if step.decided is None:
                for record in await self._decide(step):
                    yield record
        todo: list[Step] = [step for step in steps if step.returned is None]
        while todo:
            await self.crew.steering.moving()
            if self.crew.steering.stopping:
                return
            reads = 0
            while reads < len(todo) and _is_read(todo[reads].decided):
                reads += 1
            if reads:
                async with aclosing(self._read(todo[:reads])) as records:
                    async for record in records:
                        yield record
                if any(step.returned is None for step in todo[:reads]):
                    return  # a sub-agent waits, or was stopped
                todo = todo[reads:]
                continue
            async for record in self._effect(todo[0], todo):
                yield record
            if todo[0].returned is None:
                return
            todo = [step for step in todo if step.returned is None]

    def _add(self, step: Step, *events: Event) -> list[Record]:
        returned = any(isinstance(event, Returned) for event in events)
        told = [self.doing.changed(step)] if step.edited and returned else []
        records = self.run.add(*events, *told)
        for event in events:
            step.take(event)
        return records

    async def _decide(self, step: Step) -> list[Record]:
        called = step.called
        try:
            bound = hash_of(called.tool, called.arguments)
            call = self.crew.toolbox.check(called)
            content = await call.content(self.doing.operation(step))
        except ToolFailed as failure:
            return self._add(step, self.doing.failed(step, failure))
        self.provenance.follow(self.run.events)
        judged = self._judged(step, call, content)
        rules = Rules([*self.crew.rules.rule, *self.crew.always.rules])
        verdict = decide(self.provenance.grant, self.provenance, judged, rules)
        asked = verdict.decision == "ask"
        shown = self.doing.secrets.mask(content.preview) if content and asked else ""
        decided = Decided(
            called.id,
            verdict.decision,
            verdict.rule,
            verdict.reason,
            judged.effect,
            bound,
            _hash(content),
            shown,
        )
        if verdict.decision == "deny":
            words = f"This is not allowed: {verdict.reason} Find another way, or say what is open."
            return self._add(step, decided, Returned(called.id, False, words))
        if _is_read(decided):
            return self._add(
                step, decided, Started(called.id, self.doing.operation(step).key, bound)
            )
        return self._add(step, decided)

    def _judged(self, step: Step, call: Call, content: Content | None) -> policy.Call:
        """The call as the policy sees it."""
        return policy.Call(
            call.called.tool,
            call.effect,
            call.called.arguments,
            call.account,
            content.preview if content else "",
            root(self.run.id),
            isinstance(self.crew.approve, Absent),
            datetime.now(),
        )

    async def _read(self, steps: Sequence[Step]) -> AsyncGenerator[Record, None]:
        """Run reads and sub-agents side by side; their results are written in the calls' order.

        A read that a crash cut off is simply done again, a sub-agent is carried on.
        """
        happened: asyncio.Queue[Record | None] = asyncio.Queue()
        tasks = [asyncio.create_task(self._look(step, happened.put_nowait)) for step in steps]
        for task in tasks:
            task.add_done_callback(lambda _: happened.put_nowait(None))
        try:
            for _ in tasks:
                while record := await happened.get():
                    yield record
            for step, task in zip(steps, tasks, strict=True):
                if events := task.result():
                    for record in self._add(step, *events):
                        yield record
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _look(
        self, step: Step, tell: Callable[[Record], None]
    ) -> Sequence[Returned | Planned | Reported]:
        """What a read gives, or a sub-agent; nothing while that one waits."""
        call = self.crew.toolbox.check(step.called)
        if step.called.tool == DELEGATE:
            try:
                return await self.sub_agents.work(step.called, call.arguments, tell)
            except ToolFailed as failure:
                return [self.doing.failed(step, failure)]
        returned = await self.doing.do(step, call)
        if returned.ok and step.called.tool == PLAN:
            return [returned, planned(returned)]
        return [returned]

    async def _effect(self, step: Step, todo: Sequence[Step]) -> AsyncGenerator[Record, None]:
        """One effect: ask where that is needed, then do it once. Leaves it open if it must wait."""
        op = self.doing.operation(step)
        call = self.crew.toolbox.check(step.called)
        if step.started and not (step.settled and not step.settled.happened):
            async for record in self._settle(step, call, op):
                yield record
            if step.returned or step.settled is None:
                return
        while step.returned is None:
            async with self.crew.acting, aclosing(self._if_clear(step, op)) as records:
                async for record in records:  # what is looked at in here is what is done
                    yield record
            if step.returned or step.decided is None or (step.unsettled and not step.settled):
                return
            if step.decided.effect == "read" and _is_clear(step):
                async with aclosing(self._read([step])) as records:
                    async for record in records:
                        yield record
                return
            async for record in self._ask([s for s in todo if waits_for_yes(s)]):
                yield record
            if step.returned or not _is_clear(step):
                return

    async def _if_clear(self, step: Step, op: Operation) -> AsyncGenerator[Record, None]:
        """Decide anew if the content is not what was decided on; act if nobody need be asked."""
        try:
            call = self.crew.toolbox.check(step.called)
            content = await call.content(op)
        except ToolFailed as failure:
            for record in self._add(step, self.doing.failed(step, failure)):
                yield record
            return
        if step.decided is None or _hash(content) != step.decided.content:
            for record in await self._decide(step):
                yield record
        if step.decided and step.decided.effect != "read" and _is_clear(step):
            async for record in self._once(step, call, op, content):
                yield record

    async def _ask(self, steps: Sequence[Step]) -> AsyncGenerator[Record, None]:
        """Ask for all of these at once, and what was changed again, until each has an answer."""
        problems: dict[str, str] = {}
        while steps:
            asks = [self._question(step, problems) for step in steps]
            again: list[Step] = []
            for step, answer in zip(steps, await self.crew.approve(asks), strict=True):
                try:
                    for record in await self._answer(step, answer):
                        yield record
                except (ToolFailed, UsageError) as failure:
                    problems[step.called.id] = str(failure)
                if answer is not None and waits_for_yes(step):
                    again.append(step)
            steps = again

    def _question(self, step: Step, problems: Mapping[str, str]) -> Ask:
        assert step.decided
        text = changeable(self.crew.toolbox.check(step.called), step.called, step.decided)
        return Ask(step.called, step.decided, self.run.id, text, problems.get(step.called.id, ""))

    async def _answer(self, step: Step, answer: Answer) -> list[Record]:
        """Write an answer down. Raises ToolFailed for a change that cannot be made."""
        assert step.decided
        id, bound, content = step.called.id, step.decided.hash, step.decided.content
        match answer:
            case Yes(by, always):
                if always:
                    call = self.crew.toolbox.check(step.called)
                    op = self.doing.operation(step)
                    self.crew.always.add(self._judged(step, call, await call.content(op)), always)
                return self._add(step, Approved(id, bound, by, content, always or ""))
            case No() | Did():
                return self._add(step, *instead(step.called, step.decided, answer))
            case Edit(by, text):
                op = self.doing.operation(step)
                arguments = await change(self.crew.toolbox, step.called, text, step.decided, op)
                return [*self._add(step, Edited(id, by, arguments)), *await self._decide(step)]
            case None:
                return []

    async def _once(
        self, step: Step, call: Call, op: Operation, content: Content | None
    ) -> AsyncGenerator[Record, None]:
        """Write down that it starts, do it, write down what came back."""
        try:
            before = await call.before(op)
        except ToolFailed as failure:
            for record in self._add(step, self.doing.failed(step, failure)):
                yield record
            return
        called = step.called
        bound = hash_of(called.tool, called.arguments)
        started = Started(called.id, op.key, bound, _hash(content), before)
        for record in self._add(step, started):
            yield record
        try:
            returned = await self.doing.do(step, call)
        except Unclear:
            async for record in self._settle(step, call, op):
                yield record
            return
        for record in self._add(step, returned):
            yield record

    async def _settle(self, step: Step, call: Call, op: Operation) -> AsyncGenerator[Record, None]:
        """Find out whether a started effect happened; a person's word on it is never doubted."""
        if step.settled and step.settled.happened:
            words = f"This step happened, as far as {step.settled.how} says."
            for record in self._add(step, Returned(step.called.id, True, words)):
                yield record
            return
        try:
            result = await call.reconcile(op, step.started.before if step.started else {})
        except ToolFailed as doubt:
            if step.unsettled is None:
                unsettled = Unsettled(step.called.id, op.key, self.doing.secrets.mask(str(doubt)))
                for record in self.run.add(unsettled):
                    yield record
                step.take(unsettled)
            return
        if result is None:
            settled = Settled(step.called.id, op.key, False, "It was looked up: it did not happen.")
            for record in self._add(step, settled):
                yield record
            return
        settled = Settled(step.called.id, op.key, True, "It was looked up: it happened.")
        for record in self._add(step, settled, self.doing.returned(step, result, 0.0)):
            yield record


def _is_read(decided: Decided | None) -> bool:
    return decided is not None and decided.effect == "read" and decided.decision == "allow"


def _is_clear(step: Step) -> bool:
    """Nothing needs asking, or the person said yes to exactly what was decided last."""
    decided, answer = step.decided, step.answer
    if decided is None or decided.decision == "allow":
        return decided is not None
    return (
        isinstance(answer, Approved)
        and answer.hash == decided.hash
        and answer.content == decided.content
    )


def _hash(content: Content | None) -> str:
    return content_hash(content.body) if content else ""
