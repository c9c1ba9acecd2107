"""MiniMax-M2 on a llama-server: our own prompt as tokens, and our own reading of the answer.

Not its chat interface: that renders each turn anew, which costs the cache and drops thinking, and
its parser refuses M2's parallel calls. Our tokens go to `/completion` as they are, the earlier
turns among them as the model wrote them, so a turn evaluates only what is new.
"""

import asyncio
import time
from array import array
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, Literal

import msgspec

from m2agent.errors import ContextFull
from m2agent.events import Called, Event, ToolSpec, Turned
from m2agent.model import ModelSettings, Piece, Progress
from m2agent_models import m2
from m2agent_models.m2.markers import MARKER
from m2agent_models.server.connection import Connection
from m2agent_models.server.slots import Slots, conversation

_CLOSE_THINKING = f"\n{m2.END_THINK}\n\n"
_FOREIGN = (m2.START, m2.ROLE, m2.END, m2.UNKNOWN, m2.PADDING)
"""By these a model ends its turn, or would open somebody else's."""

Tokens = list[int]


class _Tokenized(msgspec.Struct, frozen=True):
    tokens: Tokens


class _Read(msgspec.Struct, frozen=True):
    """How far the prompt has been read; `cache` of it was there already."""

    total: int
    cache: int = 0
    processed: int = 0
    time_ms: float = 0.0


class _Timings(msgspec.Struct, frozen=True):
    prompt_n: int = 0
    cache_n: int = 0


class _Chunk(msgspec.Struct, frozen=True):
    content: str = ""
    tokens: Tokens = []
    stop: bool = False
    stop_type: str = ""
    truncated: bool = False
    prompt_progress: _Read | None = None
    timings: _Timings | None = None
    error: dict[str, Any] | None = None


@dataclass
class _Turn:
    """What a turn has come to so far.

    `read` and `reused` are tokens of prompts; `thinking` is the token after which it thinks.
    """

    prompt: Tokens
    tokens: Tokens = field(default_factory=Tokens)
    asked: float = field(default_factory=time.monotonic)
    first: float = 0.0
    read: int = 0
    reused: int = 0
    thinking: int = 0
    ended: Literal["stop", "length"] | None = None

    def count(self, read: int, reused: int) -> None:
        """A prompt was read. One that goes on after closed thinking reuses only its own."""
        self.read += read
        self.reused = self.reused if self.tokens else reused

    def report(self, reason: Literal["calls", "stop", "length"], size: int | None) -> Turned:
        now = time.monotonic()
        first = self.first or now
        return Turned(
            reason,
            evaluated=self.read,
            reused=self.reused,
            generated=len(self.tokens),
            prefill_seconds=first - self.asked,
            decode_seconds=now - first,
            context_used=len(self.prompt) + len(self.tokens),
            context_size=size or 0,
            tokens=array("i", self.tokens).tobytes(),
        )


class Llama:
    """M2 on a llama-server. `vocabulary` is the number of its tokens, 0 where it does not say."""

    judges = True

    def __init__(
        self, connection: Connection, name: str, slots: int, vocabulary: int, foreign: set[int]
    ) -> None:
        self.name = name
        self.context = connection.context
        self._connection = connection
        self._count = slots
        self._slots = Slots(slots)
        self._vocabulary = vocabulary
        self._foreign = foreign
        self._known: dict[int, dict[m2.Segment, Tokens]] = {}

    @classmethod
    async def attach(
        cls, connection: Connection, name: str, *, slots: int, vocabulary: int
    ) -> "Llama":
        """Look up what the markers are in this model's vocabulary. Raises ModelError."""
        found = [await _tokenize(connection, marker, special=True) for marker in _FOREIGN]
        foreign = {tokens[0] for tokens in found if len(tokens) == 1}
        return cls(connection, name, slots, vocabulary, foreign)

    async def reply(
        self, history: Sequence[Event], tools: Sequence[ToolSpec], settings: ModelSettings
    ) -> AsyncGenerator[Piece, None]:
        """One turn, as the contract of `Model` has it.

        Where thinking goes on for longer than `max_thinking`, it is closed and the turn goes on.
        """
        slot = self._slots.of(conversation(history))
        turn = _Turn(await self._prompt(slot, m2.segments(history, tools)))
        number = 1 + sum(isinstance(event, Turned) for event in history)
        parser = m2.Parser(tools, number)
        calls = False
        while not turn.ended:
            async with aclosing(self._written(turn, slot, settings)) as texts:
                async for text in texts:
                    if isinstance(text, Progress):
                        yield text
                        continue
                    for piece in parser.stream(text):
                        calls = calls or isinstance(piece, Called)
                        yield piece
                    if parser.state != "thought":
                        turn.thinking = len(turn.tokens)
                    elif len(turn.tokens) - turn.thinking >= settings.max_thinking:
                        break
            if not turn.ended:
                turn.tokens += await self._plain(_CLOSE_THINKING, special=True)
                turn.thinking = len(turn.tokens)
                for piece in parser.stream(_CLOSE_THINKING):
                    yield piece
        for part in parser.close():
            calls = calls or isinstance(part, Called)
            yield part
        yield turn.report("calls" if calls else turn.ended, self.context)

    def outgoing(self, history: Sequence[Event], tools: Sequence[ToolSpec]) -> str:
        """The prompt of the next turn."""
        return m2.render(history, tools)

    def describe(self) -> str:
        slots = "1 slot" if self._count == 1 else f"{self._count} slots"
        return f"llama-server at {self._connection.url}, {slots} of {self.context or 0:,} tokens"

    async def close(self) -> None:
        await self._connection.close()

    async def _written(
        self, turn: _Turn, slot: int, settings: ModelSettings
    ) -> AsyncGenerator[str | Progress, None]:
        """What the model writes from here on, until it ends or is no longer listened to."""
        prompt = turn.prompt + turn.tokens
        left = settings.max_tokens - len(turn.tokens)
        if left <= 0:
            turn.ended = "length"
            return
        body = _request(prompt, slot, left, settings)
        counted = False
        async with aclosing(self._connection.stream("/completion", body)) as events:
            async for data in events:
                chunk = self._connection.read(data, _Chunk)
                if chunk.error:
                    raise self._connection.refusal(str(chunk.error.get("message", "")))
                if progress := chunk.prompt_progress:
                    if not counted:
                        turn.count(progress.total - progress.cache, progress.cache)
                        counted = True
                    yield _progress(progress)
                    continue
                turn.first = turn.first or time.monotonic()
                if self._take(turn, chunk.tokens):
                    turn.ended = "stop"
                    return
                yield chunk.content
                if chunk.stop:
                    if chunk.timings and not counted:
                        turn.count(chunk.timings.prompt_n, chunk.timings.cache_n)
                    self._end(turn, chunk)
                    return
        raise self._connection.broke_off()

    def _take(self, turn: _Turn, tokens: Tokens) -> bool:
        """Keep the tokens of the turn; says whether one of them ends it."""
        for token in tokens:
            if token in self._foreign:
                return True
            turn.tokens.append(token)
        return False

    def _end(self, turn: _Turn, chunk: _Chunk) -> None:
        size = self.context or 0
        if chunk.truncated:
            raise ContextFull(len(turn.prompt) + len(turn.tokens) + 1, size)
        turn.ended = "length" if chunk.stop_type == "limit" else "stop"

    async def _prompt(self, slot: int, segments: Sequence[m2.Segment]) -> Tokens:
        """The prompt as tokens; what is known from the turn before is not asked for again."""
        before = self._known.get(slot, {})
        new = [s for s in dict.fromkeys(segments) if s not in before]
        found = dict(zip(new, await asyncio.gather(*map(self._tokens, new)), strict=True))
        self._known[slot] = {s: before[s] if s in before else found[s] for s in segments}
        return list(chain.from_iterable(self._known[slot][s] for s in segments))

    async def _tokens(self, segment: m2.Segment) -> Tokens:
        if segment.kind == "frame":
            return await self._plain(segment.text, special=True)
        if segment.kind == "text":
            return await self._plain(segment.text, special=False)
        tokens = array("i")
        tokens.frombytes(segment.tokens[: len(segment.tokens) // 4 * 4])
        if tokens and all(0 <= token < self._vocabulary for token in tokens):
            return tokens.tolist()
        return await self._own(segment.text)

    async def _own(self, text: str) -> Tokens:
        """Tokens of what a model wrote: M2's markers are special, and nothing else is."""
        out: Tokens = []
        start = 0
        for marker in MARKER.finditer(text):
            out += await self._plain(text[start : marker.start()], special=False)
            out += await self._plain(marker[0], special=True)
            start = marker.end()
        return out + await self._plain(text[start:], special=False)

    async def _plain(self, text: str, *, special: bool) -> Tokens:
        return await _tokenize(self._connection, text, special=special) if text else []


async def _tokenize(connection: Connection, text: str, *, special: bool) -> Tokens:
    body = {"content": text, "add_special": False, "parse_special": special}
    return (await connection.post("/tokenize", body, _Tokenized)).tokens


def _request(prompt: Tokens, slot: int, most: int, settings: ModelSettings) -> dict[str, Any]:
    body: dict[str, Any] = {
        "prompt": prompt,
        "n_predict": most,
        "temperature": settings.temperature,
        "top_p": settings.top_p,
        "top_k": settings.top_k,
        "min_p": settings.min_p,
        "cache_prompt": True,
        "id_slot": slot,
        "stream": True,
        "return_tokens": True,
        "return_progress": True,
    }
    return body if settings.seed is None else body | {"seed": settings.seed}


def _progress(read: _Read) -> Progress:
    done = read.processed - read.cache
    left = (read.total - read.processed) * read.time_ms / 1000 / done if done > 0 else None
    return Progress(read.processed, read.total, left)
