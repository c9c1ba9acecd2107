"""A model behind the chat interface of vLLM, SGLang, llama-server or one that is like theirs."""

import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

import msgspec

from m2agent.errors import ContextFull, ModelError
from m2agent.events import Called, Event, ToolSpec, Turned
from m2agent.model import ModelSettings, Piece
from m2agent_models.m2.render import json_text
from m2agent_models.server.connection import Connection
from m2agent_models.server.messages import Form, chat_messages, functions
from m2agent_models.server.reading import Delta, Reading
from m2agent_models.server.slots import Slots, conversation

_LEAST = 256
"""An answer that has room for fewer tokens is not worth asking for."""
_GIVEN_UP = ("abort", "error")


class _Details(msgspec.Struct, frozen=True):
    cached_tokens: int | None = None


class _Usage(msgspec.Struct, frozen=True):
    prompt_tokens: int = 0
    completion_tokens: int | None = None
    prompt_tokens_details: _Details | None = None


class _Choice(msgspec.Struct, frozen=True):
    delta: Delta = Delta()
    finish_reason: str | None = None


class _Error(msgspec.Struct, frozen=True):
    message: str = ""


class _Chunk(msgspec.Struct, frozen=True):
    choices: list[_Choice] = []
    usage: _Usage | None = None
    error: _Error | str | None = None
    object: str = ""
    message: str = ""


@dataclass
class _Course:
    """How an answer went: when it was asked for and began, why it ended, what it took."""

    asked: float
    first: float = 0.0
    reason: str = ""
    usage: _Usage = field(default_factory=_Usage)


class Chat:
    """A model by its name at a server; `software` is what the server calls itself."""

    judges = True

    def __init__(
        self,
        connection: Connection,
        name: str,
        *,
        software: str,
        form: Form,
        slots: Slots | None = None,
    ) -> None:
        self.name = name
        self.context = connection.context
        self._connection = connection
        self._software = software
        self._form = form
        self._slots = slots

    async def reply(
        self, history: Sequence[Event], tools: Sequence[ToolSpec], settings: ModelSettings
    ) -> AsyncGenerator[Piece, None]:
        """One turn, as the contract of `Model` has it.

        Servers refuse a prompt that fits if the longest answer does not. It is then sent again,
        once, with what room there is: nothing was generated until then.
        """
        body = self._request(history, tools, settings)
        number = 1 + sum(isinstance(event, Turned) for event in history)
        for last in (False, True):
            reading = Reading(tools, number, opens_thinking=self._form.m2)
            try:
                async with aclosing(self._turn(body, reading)) as pieces:
                    async for piece in pieces:
                        yield piece
                return
            except ContextFull as full:
                self.context = full.size
                room = full.size - full.needed
                if last or room <= 0 or room >= body["max_tokens"]:
                    raise
                if room < _LEAST:
                    raise ContextFull(full.needed + _LEAST, full.size) from full
                body["max_tokens"] = room

    def outgoing(self, history: Sequence[Event], tools: Sequence[ToolSpec]) -> str:
        """The request for the next turn."""
        return json_text(self._request(history, tools, ModelSettings())["messages"])

    def describe(self) -> str:
        size = f", {self.context:,} tokens" if self.context else ""
        return f"{self._software} at {self._connection.url}{size}"

    async def close(self) -> None:
        await self._connection.close()

    def _request(
        self, history: Sequence[Event], tools: Sequence[ToolSpec], settings: ModelSettings
    ) -> dict[str, Any]:
        body: dict[str, Any] = {
            "model": self.name,
            "messages": chat_messages(history, self._form),
            "stream": True,
            "stream_options": {"include_usage": True},
            "max_tokens": settings.max_tokens,
            "temperature": settings.temperature,
            "top_p": settings.top_p,
            "top_k": settings.top_k,
            "min_p": settings.min_p,
        }
        if tools:  # vLLM refuses an empty list
            body["tools"] = functions(tools)
        if settings.seed is not None:
            body["seed"] = settings.seed
        if self._slots:
            body |= {"cache_prompt": True, "id_slot": self._slots.of(conversation(history))}
        return body

    async def _turn(self, body: dict[str, Any], reading: Reading) -> AsyncGenerator[Piece, None]:
        course = _Course(time.monotonic())
        stream = self._connection.stream("/v1/chat/completions", body)
        async with aclosing(stream) as events:
            async for data in events:
                if data == b"[DONE]":
                    break
                for choice in self._choices(data, course):
                    course.first = course.first or time.monotonic()
                    for piece in reading.feed(choice.delta):
                        yield piece
        if not course.reason:
            raise self._connection.broke_off()
        if course.reason in _GIVEN_UP:
            raise ModelError(f"The server at {self._connection.url} gave up on the answer.")
        self._check_room(course, body["max_tokens"])
        calls = False
        for part in reading.close():
            calls = calls or isinstance(part, Called)
            yield part
        yield self._turned(course, calls=calls)

    def _choices(self, data: bytes, course: _Course) -> list[_Choice]:
        chunk = self._connection.read(data, _Chunk)
        if chunk.error or chunk.object == "error":
            error = chunk.error.message if isinstance(chunk.error, _Error) else chunk.error
            raise self._connection.refusal(error or chunk.message)
        course.usage = chunk.usage or course.usage
        for choice in chunk.choices:
            course.reason = choice.finish_reason or course.reason
        return chunk.choices

    def _check_room(self, course: _Course, most: int) -> None:
        """An answer that was cut before its own limit ran into the context's."""
        written = course.usage.completion_tokens
        if course.reason == "length" and written is not None and written < most:
            used = course.usage.prompt_tokens + written
            raise ContextFull(used + 1, self.context or used)

    def _turned(self, course: _Course, *, calls: bool) -> Turned:
        usage, now = course.usage, time.monotonic()
        details = usage.prompt_tokens_details or _Details()
        reused = details.cached_tokens or 0
        generated = usage.completion_tokens or 0
        return Turned(
            "calls" if calls else "length" if course.reason == "length" else "stop",
            evaluated=usage.prompt_tokens - reused,
            reused=reused,
            generated=generated,
            prefill_seconds=course.first - course.asked,
            decode_seconds=now - course.first,
            context_used=usage.prompt_tokens + generated,
            context_size=self.context or 0,
        )
