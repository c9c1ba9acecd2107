"""One process of a long run in the sample office: begins it or carries it on, until it is killed.

python leg.py FOLDER TURNS KILL, where KILL is the turn of the run after which the process dies in
the middle of a step, with sub-agents under way where there are some; 0 lets it come to its end.
"""

import asyncio
import gc
import json
import os
import signal
import sys
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from multiprocessing.connection import Client, Connection
from pathlib import Path
from typing import Any

import msgspec
import psutil
from engine import PER_TOKEN, Question

from m2agent import office
from m2agent.desk import open_account
from m2agent.events import Asked, Called, Event, Record, Said, Started, Thought, ToolSpec, Turned
from m2agent.loop import Answer, Ask, Limits, Yes
from m2agent.loop.run import carry_on
from m2agent.model import ModelSettings, Piece
from m2agent.testing.stage import Stage
from m2agent_models.m2 import render
from m2agent_models.script import Script

GOAL = "Go through all mails of the joinery, draft an answer to each tenth, and keep the list true."
STEERED = ("Leave out the newsletters, please.", "And be short in what you draft.")
_FACTS = 6


class Measured(Script):
    """The script, on an engine that counts what it evaluates; `context` is in tokens."""

    def __init__(self, turns: Sequence[dict[str, Any]], context: int, engine: Any) -> None:
        super().__init__(turns)
        self.context: int | None = context
        self._engine: Connection[Any, Any] = engine

    async def reply(
        self, history: Sequence[Event], tools: Sequence[ToolSpec], settings: ModelSettings
    ) -> AsyncGenerator[Piece, None]:
        pieces: list[Piece] = []
        async with aclosing(super().reply(history, tools, settings)) as replied:
            async for piece in replied:
                pieces.append(piece)
        asked = next(event for event in history if isinstance(event, Asked))
        turn = 1 + sum(isinstance(event, Turned) for event in history)
        prompt = render(history, tools)
        calls = [piece for piece in pieces if isinstance(piece, Called)]
        parts = [piece for piece in pieces if isinstance(piece, Thought | Said | Called)]
        whole = render([*history, *parts, Turned()], tools)
        answer = whole[len(prompt) :].removesuffix(prompt[prompt.rindex("]~b]ai") :])
        question = Question(
            conversation=asked.text[-40:] if asked.by else "run",
            turn=turn,
            prompt=prompt,
            answer=answer,
            needed=[] if asked.by else _needed(history, calls),
        )
        self._engine.send(question)
        evaluated, reused = self._engine.recv()
        for piece in pieces:
            if isinstance(piece, Turned):
                yield msgspec.structs.replace(
                    piece,
                    evaluated=evaluated // PER_TOKEN,
                    reused=reused // PER_TOKEN,
                    context_used=(len(prompt) + len(answer)) // PER_TOKEN,
                    context_size=self.context or 0,
                )
            else:
                yield piece


def _needed(history: Sequence[Event], calls: Sequence[Called]) -> list[str]:
    """What must be in the prompt of this turn: the goal, what the person said, and the facts."""
    asked = [event.text for event in history if isinstance(event, Asked)]
    used = [call.arguments["body"] for call in calls if call.arguments.get("subject") == "Facts"]
    return [*asked, *(line for body in used for line in body.splitlines() if line)]


def script(turns: int) -> list[dict[str, Any]]:
    """A run of so many turns, in which facts of the first quarter are needed in the last."""
    out: list[dict[str, Any]] = []
    calls = 0
    facts: list[str] = []
    for turn in range(1, turns):
        did: list[dict[str, Any]]
        if turn in (turns // 4, turns // 2):
            did = [_delegate(f"{turn}a"), _delegate(f"{turn}b")]
        elif turn == turns - 2:
            body = "\n".join(f"{{{{{fact}}}}}" for fact in facts)
            did = [_call("mail_draft", to=["ann@firm.example"], subject="Facts", body=body)]
        elif turn % 25 == 4:
            notes = [f"Letter {n}: {{{{{fact}}}}}" for n, fact in enumerate(facts)]
            did = [_call("plan_update", items=_items(turn, turns), notes=notes)]
        elif turn % 25 == 3 and len(facts) < _FACTS and turn < turns // 2:
            did = [_call("mail_search", query="invoice", limit=1 + len(facts))]
            facts.append(f"{calls + 1}.items.{len(facts)}.subject")
        elif turn % 10 == 0:
            did = [_call("mail_draft", to=["ann@firm.example"], subject=f"No. {turn}", body="Yes.")]
        else:
            did = [_call("mail_read", id=f"m{1 + turn % 400}")]
        calls += len(did)
        out.append({"thinking": f"Thought {turn}: what comes next is clear.", "calls": did})
    last = _call("plan_update", items=_items(turns, turns))
    helpers = [line for n in (turns // 4, turns // 2) for s in "ab" for line in _helper(f"{n}{s}")]
    return [*out, {"calls": [last]}, {"text": "All is done."}, *helpers]


def _items(turn: int, turns: int) -> list[dict[str, str]]:
    due = [(n + 1) * turns // 10 for n in range(10)]
    return [
        {"text": f"Part {n + 1} of the mails", "state": "done" if turn >= end else "open"}
        for n, end in enumerate(due)
    ]


def _helper(name: str) -> list[dict[str, Any]]:
    did = [
        [_call("mail_read", id="m7")],
        [_call("mail_draft", to=["bob@firm.example"], subject=f"Helper {name}", body="Hello.")],
        [_call("mail_read", id="m8"), _call("mail_read", id="m9")],
        [_call("mail_draft", to=["bob@firm.example"], subject=f"Again {name}", body="Hello.")],
    ]
    turns: list[dict[str, Any]] = [{"agent": f"Help {name}.", "calls": calls} for calls in did]
    return [*turns, {"agent": f"Help {name}.", "text": f"Both drafts of {name} are there."}]


def _delegate(name: str) -> dict[str, Any]:
    return _call("delegate", task=f"Help {name}.")


def _call(tool: str, **arguments: Any) -> dict[str, Any]:
    return {"tool": tool, "arguments": arguments}


async def _yes(asks: Sequence[Ask]) -> Sequence[Answer]:
    return [Yes("Ann") for _ in asks]


async def leg(folder: Path, turns: int, context: int, kill: int) -> dict[str, Any]:
    """Carry the run on; returns how many bytes the process held, after 50 turns and at the end."""
    with Client(str(folder / "engine"), "AF_UNIX") as engine:
        model = Measured(script(turns), context, engine)
        connectors = {
            name: await open_account(name, settings, folder / "office" / "work")
            for name, settings in office.accounts(folder / "office").items()
            if name != "shell"
        }
        stage = Stage(folder, model, connectors, _yes, limits=Limits(turns=10_000))
        journal = stage.journal()
        runs = journal.runs()
        run = journal.open(runs[0].id) if runs else stage.begin(journal, GOAL)
        number = sum(isinstance(event, Turned) for event in run.events)
        held: list[int] = []
        told = sum(isinstance(event, Asked) for event in run.events) - 1
        async with aclosing(carry_on(run, stage.crew())) as pieces:
            async for piece in pieces:
                if not isinstance(piece, Record):
                    continue
                late = number > kill or (number == kill and piece.run != run.id)
                if kill and late and isinstance(piece.event, Started):
                    os.kill(os.getpid(), signal.SIGKILL)
                if not isinstance(piece.event, Turned) or piece.run != run.id:
                    continue
                number += 1
                if told < len(STEERED) and number >= (told + 1) * turns // 3:
                    stage.steering.say(STEERED[told])
                    told += 1
                if number % 50 == 0:
                    gc.collect()
                    held.append(psutil.Process().memory_info().rss)
        for connector in connectors.values():
            await connector.close()
        journal.close()
        return {"held": held}


if __name__ == "__main__":
    folder, turns, context, kill = sys.argv[1:]
    print(json.dumps(asyncio.run(leg(Path(folder), int(turns), int(context), int(kill)))))
