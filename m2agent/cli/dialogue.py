"""--on-ask stdio: a program answers for the person, one JSON object a line on standard input.

    {"id": "14.1", "answer": "yes", "hash": "9f2c…"}
    {"id": "14.1", "answer": "no", "reason": "Not today."}
    {"id": "14.1", "answer": "done", "reason": "I called them myself."}
    {"say": "Leave the drafts alone."}
    {"stop": true}

A yes names the hash that it is a yes to, and may name the `content` beside it. One given before a
question came anew, because what it would send has changed, is dropped. A question is the event
`decided` with `ask`; without --events it comes as one JSON object on standard error. Where input
ends, the run waits as ever.
"""

import asyncio
import os
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from typing import Literal

import click
import msgspec

from m2agent.loop.ask import Answer, Ask, Did, No, Yes
from m2agent.loop.steering import Steering

_BY = "--on-ask stdio"
Kind = Literal["yes", "no", "done"]


class _Line(msgspec.Struct, forbid_unknown_fields=True):
    id: str = ""
    answer: Kind | None = None
    hash: str = ""
    content: str | None = None
    reason: str = ""
    say: str = ""
    stop: bool = False


class Dialogue:
    """Reads lines from when it is attached to a run until input ends."""

    def __init__(self, *, asks_aloud: bool) -> None:
        self._asks_aloud = asks_aloud
        self._answers: dict[str, _Line] = {}
        self._asked: dict[tuple[str, str], tuple[str, str]] = {}
        self._came = asyncio.Event()
        self._over = False

    def attach(self, steering: Steering) -> None:
        """Begin to read, in a thread: nothing else can wait for a line of any kind of input."""
        loop = asyncio.get_running_loop()
        source = sys.stdin.fileno()

        def read() -> None:
            rest = b""
            with suppress(RuntimeError):  # the run is over, and nobody listens any more
                # Not through sys.stdin: a thread that waits inside it aborts Python at its end.
                while piece := os.read(source, 65_536):
                    *lines, rest = (rest + piece).split(b"\n")
                    for line in lines:
                        loop.call_soon_threadsafe(self._take, line, steering)
                loop.call_soon_threadsafe(self._take, rest, steering)
                loop.call_soon_threadsafe(self.leave)

        threading.Thread(target=read, name="answers", daemon=True).start()

    def leave(self) -> None:
        """Nobody will answer any more."""
        self._over = True
        self._came.set()

    async def __call__(self, asks: Sequence[Ask]) -> Sequence[Answer]:
        """Wait until each question has an answer that holds for it."""
        if self._asks_aloud:
            for ask in asks:
                click.echo(_question(ask), err=True)
        for ask in asks:
            now = ask.decided.hash, ask.decided.content
            if self._asked.setdefault((ask.run, ask.called.id), now) != now:
                self._answers.pop(ask.called.id, None)
            self._asked[ask.run, ask.called.id] = now
        answers: dict[str, Answer] = {}
        while True:
            for ask in asks:
                line = self._answers.pop(ask.called.id, None)
                if line and (answer := self._answer(ask, line)):
                    answers[ask.called.id] = answer
            if self._over or len(answers) == len(asks):
                return [answers.get(ask.called.id) for ask in asks]
            self._came.clear()
            await self._came.wait()

    def _answer(self, ask: Ask, line: _Line) -> Answer:
        if line.answer == "no":
            return No(_BY, line.reason)
        if line.answer == "done":
            return Did(_BY, line.reason)
        if line.hash == ask.decided.hash and line.content in (None, ask.decided.content):
            return Yes(_BY)
        content = f", its content {ask.decided.content}" if ask.decided.content else ""
        words = f"its hash is {ask.decided.hash}{content}."
        click.echo(f"This is no yes to {ask.called.id}: {words}", err=True)
        return None

    def _take(self, line: bytes, steering: Steering) -> None:
        if not line.strip():
            return
        try:
            said = msgspec.json.decode(line, type=_Line)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            click.echo(f"This line of standard input is no answer: {error}.", err=True)
            return
        if said.say:
            steering.say(said.say)
        if said.stop:
            steering.stop()
            self.leave()
        if said.id and said.answer:
            self._answers[said.id] = said
            self._came.set()
        elif not (said.say or said.stop):
            click.echo('An answer is {"id": …, "answer": "yes", "hash": …}, or "no".', err=True)


def _question(ask: Ask) -> str:
    called, decided = ask.called, ask.decided
    question = {
        "run": ask.run,
        "id": called.id,
        "tool": called.tool,
        "arguments": called.arguments,
        "reason": decided.reason,
        "hash": decided.hash,
        "content": decided.content,
        "preview": decided.preview,
    }
    return msgspec.json.encode({"question": question}).decode()
