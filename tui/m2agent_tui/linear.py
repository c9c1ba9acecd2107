"""The program as plain lines, for screen readers and terminals that can do no more.

Nothing moves and nothing is drawn over: what happens is a line, a question waits for a line, and
whatever else is typed meanwhile reaches the model before its next turn.
"""

import asyncio
import sys
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from functools import cache, partial
from typing import TYPE_CHECKING

from m2agent.errors import M2Error
from m2agent.events import Ended, Record, Unsettled
from m2agent.loop import Answer, Ask, No, Steering, Yes
from m2agent.printable import one_line, printable
from m2agent_tui.describe import title
from m2agent_tui.desks import Desks
from m2agent_tui.leg import leg
from m2agent_tui.person import person
from m2agent_tui.problem import keep_bug, sentence
from m2agent_tui.proposal import proposal
from m2agent_tui.runs import age, state
from m2agent_tui.spoken import spoken
from m2agent_tui.story import Story

if TYPE_CHECKING:
    from m2agent_tui.means import Means

_HELP = """\
Say what should be done, in your own words. While it is being done:
  what you type reaches the model before its next turn; stop ends after this step.
When nothing is being done:
  runs lists all runs; open and a run's id goes on with it; new begins something new; quit leaves.
"""
_LISTED = 20
_FINISHED = ("done", "unverified")
_ANSWERS = "Type yes, no, no and a reason, or later."


async def open_linear(means: "Callable[[], Means]") -> int:
    """Talk with the person until they leave. Returns the exit code."""
    kept = cache(means)
    desks = Desks(lambda: kept().start())
    talk = Talk(desks, partial(print, flush=True))  # a pipe gets each line, too
    try:
        await talk.greet()
        async with aclosing(_typed()) as lines:
            async for line in lines:
                if not await talk.take(line):
                    break
        await talk.leave()
    finally:
        await desks.close()
    return 0


async def _typed() -> AsyncGenerator[str]:
    while line := await asyncio.to_thread(sys.stdin.readline):
        yield printable(line).strip()


class Talk:
    """One run after the other, told and answered in lines."""

    def __init__(self, desks: Desks, tell: Callable[[str], None]) -> None:
        self._desks = desks
        self._tell = tell
        self._begin_anew("")
        self._steering: Steering | None = None
        self._working: asyncio.Task[None] | None = None
        self._answers: asyncio.Queue[str] | None = None

    def _begin_anew(self, run: str) -> None:
        self._run = run
        self._story = Story()
        self._seen: dict[str, int] = {}
        self._ended: Ended | None = None

    async def greet(self) -> None:
        self._tell(f"m2agent. {_HELP}")
        try:
            start = await self._desks.start()
        except M2Error as error:
            self._tell(sentence(error))
        else:
            self._tell(start.notice or "Ready.")

    async def take(self, line: str) -> bool:
        """A line that was typed; False for the last one."""
        if self._answers:
            self._answers.put_nowait(line)
        elif self._steering:
            self._steer(line, self._steering)
        else:
            return await self._rest(line)
        return True

    async def leave(self) -> None:
        """Stop what is being done, so that it can go on."""
        if self._working:
            self._working.cancel()
            await asyncio.wait([self._working])

    def _steer(self, line: str, steering: Steering) -> None:
        match line:
            case "":
                pass
            case "stop" if steering.stopping and self._working:
                self._working.cancel()
            case "stop":
                steering.stop()
                self._tell("Stopping after this step. Stop again stops at once.")
            case _:
                steering.say(line)
                self._tell("The model hears this before its next turn.")

    async def _rest(self, line: str) -> bool:
        """What is typed while nothing is being done."""
        match line.split(maxsplit=1):
            case ["quit" | "exit"]:
                return False
            case ["help" | "?"]:
                self._tell(_HELP)
            case ["new"]:
                self._begin_anew("")
                self._tell("What should be done?")
            case ["runs"]:
                await self._list()
            case ["open", name] if " " not in name:
                await self._open(name)
            case [] if not self._run or (self._ended and self._ended.status in _FINISHED):
                self._tell("Say what should be done, or help.")
            case _:
                self._steering = Steering()
                self._working = asyncio.create_task(self._work(line, self._steering))
        return True

    async def _list(self) -> None:
        try:
            runs = (await self._desks.journal()).runs()
        except M2Error as error:
            self._tell(sentence(error))
            return
        for run in runs[:_LISTED]:
            self._tell(f"{run.id}: {state(run)}, {age(run.updated)}. {one_line(run.task, 200)}")
        if not runs:
            self._tell("There are no runs yet.")

    async def _open(self, name: str) -> None:
        try:
            journal = await self._desks.journal()
            self._begin_anew(journal.find(name))
            for record in journal.read(self._run):
                self._happened(record)
        except M2Error as error:
            self._tell(sentence(error))
        else:
            self._invite()

    async def _work(self, ask: str, steering: Steering) -> None:
        """Carry the run on until it ends or waits."""
        pieces = leg(
            self._desks,
            self._run,
            ask,
            steering=steering,
            approve=self._approve,
            settle=self._settle,
            opened=lambda desk: None,
            by=person(),
        )
        try:
            async with aclosing(pieces):
                async for piece in pieces:
                    if isinstance(piece, Record):
                        self._happened(piece)
        except M2Error as error:
            self._tell(sentence(error))
        except Exception as error:
            self._tell(keep_bug(error))
        finally:
            await self._tell_the_end()
            self._steering = self._working = self._answers = None
            self._invite()

    def _invite(self) -> None:
        over = not self._run or (self._ended and self._ended.status in _FINISHED)
        self._tell("What else should be done?" if over else "An empty line goes on with it.")

    async def _tell_the_end(self) -> None:
        """What was written down last, when the run was stopped at once."""
        if self._run:
            for record in (await self._desks.journal()).read(self._run):
                self._happened(record)

    def _happened(self, record: Record) -> None:
        """Tell it, where it is something to tell; every record counts once."""
        if record.seq <= self._seen.get(record.run, 0):
            return
        self._seen[record.run] = record.seq
        self._run = self._run or record.run
        if record.run != self._run:
            self._story.take_of_helper(record.run, record.event)
            return
        self._ended = record.event if isinstance(record.event, Ended) else None
        entry = self._story.take(record.event)
        if words := spoken(record.event, entry):
            self._tell(words)

    async def _answer(self, words: str) -> str:
        if self._answers is None:
            self._answers = asyncio.Queue()
        self._tell(words)
        return await self._answers.get()

    async def _approve(self, asks: Sequence[Ask]) -> Sequence[Answer]:
        try:
            return await self._ask(asks)
        finally:
            self._answers = None

    async def _ask(self, asks: Sequence[Ask]) -> Sequence[Answer]:
        """Each step with everything it would do, then once more all of them before it is done."""
        answers: list[Answer] = []
        for number, ask in enumerate(asks, start=1):
            answer = await self._yes_or_no(f"Question {number} of {len(asks)}. {self._told(ask)}")
            if answer is None:
                return [None] * len(asks)
            answers.append(answer)
        yes = sum(isinstance(answer, Yes) for answer in answers)
        words = f"Do {yes}, decline {len(answers) - yes}? Type yes to carry that out, or later."
        return answers if await self._answer(words) == "yes" else [None] * len(asks)

    def _told(self, ask: Ask) -> str:
        called, decided = ask.called, ask.decided
        blocks = [block.text.plain for block in proposal(called.tool, called.arguments)]
        shown = [printable(decided.preview)] if decided.preview else blocks
        what = title(called.tool, called.arguments, self._story.names)
        why = f"Why it is asked: {printable(decided.reason)}"
        if ask.problem:
            why = f"{printable(ask.problem)}\n{why}"
        return "\n".join([what, why, *shown, f"End of it. {_ANSWERS}"])

    async def _yes_or_no(self, words: str) -> Answer:
        while True:
            match (await self._answer(words)).split(maxsplit=1):
                case ["yes"]:
                    return Yes(person())
                case ["no", *reason]:
                    return No(person(), " ".join(reason))
                case ["later"]:
                    return None
                case _:
                    words = _ANSWERS

    async def _settle(self, doubt: Unsettled) -> bool | None:
        step = self._story.steps.get(doubt.id)
        what = step.title if step else doubt.id
        words = f"Did this happen? {what}\n{printable(doubt.how)}\n"
        said = {"yes": True, "no": False, "later": None}
        try:
            while (answer := await self._answer(f"{words}Type yes, no or later.")) not in said:
                words = ""
            return said[answer]
        finally:
            self._answers = None
