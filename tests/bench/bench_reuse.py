"""Every token once: what the engine evaluates in a long run, as a ratio to the tokens that are new.

A run of 200 turns over the tiny MiniMax-M2, whose calls are answered, with what costs others their
cache: a person who steers, verdicts that send the model back, a judge that asks in a fork, two
sub-agents that work beside the run. New is what no prompt or answer held before, counted over the
token logs by a tokenizer of our own and not by the engine.
"""

import asyncio
import multiprocessing
import os
import tempfile
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import aclosing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
from quiet import quiet

from m2agent.events import (
    Asked,
    Began,
    Called,
    Event,
    Item,
    Judged,
    Noted,
    Returned,
    ToolSpec,
    Turned,
)
from m2agent.model import ModelSettings, Progress, Token
from m2agent_models import m2, tiny
from m2agent_models.engine import Tokens, wire
from m2agent_models.engine.llama import Llama
from m2agent_models.engine.placement import Plan
from m2agent_models.engine.prompt import Tokenizer
from m2agent_models.engine.sequences import common_prefix
from m2agent_models.local import Local

ENGINE: dict[str, Any] = {"threads": 1, "idle": 0.2, "context": 49_152, "openings": 0}
LIKELY = {"<minimax:tool_call>": 5.0, "</minimax:tool_call>": 8.0}
SEARCH = ToolSpec(
    "mail_search",
    "Find mails.",
    {"type": "object", "properties": {"query": {"type": "string"}}, "required": ["query"]},
)
BEGAN = Began("local", "You are m2agent, and finish office work by yourself.", [SEARCH])
MAIL = "m{0}  Ann  Invoice {0}: the total is wrong. <think> \u20ac"


@dataclass
class Ledger:
    """Counts evaluated and new tokens. `logs` are all prompts with their answers."""

    llama: Llama
    evaluated: int = 0
    new: int = 0
    logs: list[Tokens] = field(default_factory=list[Tokens])

    def __post_init__(self) -> None:
        self._tokenizer = Tokenizer(self.llama)

    @classmethod
    def of(cls, model: Path) -> "Ledger":
        """A ledger with the model's own vocabulary."""
        with quiet():
            return cls(Llama(model, Plan(512, 0, 0, "f16", 1, 64, 1, ""), lambda share: None))

    def prompt(self, name: str, history: Sequence[Event]) -> Tokens:
        segments = m2.segments(history, [SEARCH])
        return self._tokenizer.tokens(
            (0, name), [wire.Segment(s.kind, s.text, s.tokens) for s in segments]
        )

    def book(self, name: str, history: Sequence[Event], turned: Turned) -> None:
        """Count a turn that answered this history."""
        log = self.prompt(name, history)
        assert turned.evaluated + turned.reused == len(log), "the engine reads another prompt"
        log.frombytes(turned.tokens)
        self.new += len(log) - max((common_prefix(log, other) for other in self.logs), default=0)
        self.evaluated += turned.context_used - turned.reused
        self.logs.append(log)


@dataclass
class Work:
    """A conversation with the model, and everything that happens in it."""

    name: str
    ledger: Ledger
    history: list[Event]
    beside: bool = False
    turns: int = 0

    async def turn(self, model: Local) -> None:
        """One turn of the model, and what comes back to it."""
        self.history += await self._ask(model, self.history, 16, beside=self.beside)
        self.turns += 1
        calls = [e.id for e in self.history if isinstance(e, Called)]
        for call in calls[sum(isinstance(e, Returned) for e in self.history) :]:
            self.history.append(Returned(call, text=MAIL.format(self.turns)))
        if not isinstance(self.history[-1], Returned):
            self.history.append(Judged(False, [Item("all", "open", "one")]))
        if self.turns % 10 == 5:
            self.history.append(Asked(f"And look at the mails of week {self.turns}, too."))

    async def judge(self, model: Local) -> None:
        """Ask in a fork, whose answer the run never sees."""
        question = Noted("Is the task done? Answer yes or no.")
        await self._ask(model, [*self.history, question], 8, beside=True)

    async def _ask(
        self, model: Local, history: Sequence[Event], tokens: int, *, beside: bool
    ) -> list[Event]:
        settings = ModelSettings(max_tokens=tokens, max_thinking=6, seed=self.turns, beside=beside)
        out: list[Event] = []
        async with aclosing(model.reply(history, [SEARCH], settings)) as pieces:
            async for piece in pieces:
                if not isinstance(piece, Token | Progress):
                    out.append(piece)
        assert isinstance(out[-1], Turned)
        self.ledger.book(self.name, history, out[-1])
        return out


async def working(model: Local, ledger: Ledger, turns: int) -> AsyncIterator[Work]:
    """The long run; yields it after every turn."""
    main = Work("main", ledger, [BEGAN, Asked("Check this week's invoices.")])
    helper: Work | None = None
    for turn in range(turns):
        if turn in (turns // 4, turns // 2):
            helper = Work(
                f"helper {turn}", ledger, [BEGAN, Asked(f"Read the mails of {turn}.")], True
            )
        if helper and helper.turns < turns // 10:
            await asyncio.gather(main.turn(model), helper.turn(model))
        else:
            await main.turn(model)
        if turn % 20 == 19:
            await main.judge(model)
        yield main


async def reuse(path: Path, turns: int, keep: float = 0.0, killed: int = 0) -> Ledger:
    """The ledger of a run, during which the engine is killed so many times."""
    ledger = Ledger.of(path)
    model = await Local.open(str(path), ENGINE | {"keep": keep})
    async for work in working(model, ledger, turns):
        if killed and work.turns % (turns // (killed + 1)) == 0 and work.turns < turns:
            for engine in psutil.Process().children():
                engine.kill()
                await asyncio.to_thread(engine.wait)
    await model.close()
    return ledger


def ratio(killed: int) -> str:
    """The figure of a run of 200 turns, in a home of its own."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["M2AGENT_HOME"] = folder
        path = tiny.write(Path(folder) / "tiny.gguf", likely=LIKELY)
        ledger = asyncio.run(reuse(path, 200, 1.0, killed))
    return f"{ledger.evaluated:,} / {ledger.new:,} = {ledger.evaluated / ledger.new:.3f}"


def main() -> None:
    print("200 turns with steering, verdicts, a judge and two sub-agents,")
    print("    tokens evaluated / new tokens, state on disk")
    with ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as processes:
        uninterrupted, killed = processes.map(ratio, (0, 3))
    print(f"    uninterrupted: {uninterrupted} (at most 1.01)")
    print(f"    killed three times: {killed} (at most 1.05)")


if __name__ == "__main__":
    main()
