"""The back end `local`: a GGUF on this machine, through the engine.

local                  what [engine] names, the starter at first
m2.7-iq4-xs            a name of the catalogue that was pulled, or one given by `models add`
/models/any.gguf       a file
"""

import asyncio
import hashlib
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol, Self

import msgspec

from m2agent.errors import ModelError, SetupError
from m2agent.events import Asked, Began, Called, Event, Part, ToolSpec, Turned
from m2agent.home import models
from m2agent.model import ModelSettings, Piece, Progress, Token
from m2agent_models import catalogue, m2
from m2agent_models.chat_template import frames
from m2agent_models.engine import gguf, wire
from m2agent_models.engine.client import Engine, EngineGone
from m2agent_models.engine.lookup import GUESSES
from m2agent_models.engine.placement import Wishes, wishes
from m2agent_models.m2.grammar import grammar
from m2agent_models.presets import preset, sampled
from m2agent_models.template_check import deviation

_LONGEST_TURN = 600
"""Tokens of a turn of a model that is told of its tools in brief: its turns have a hundred."""

_NEEDED = (m2.THINK, m2.END_THINK, m2.CALLS, m2.END_CALLS, m2.ROLE, m2.END)
"""Markers without which M2 can neither be asked nor understood, nor others' text told from them."""

_ATTEMPTS = 3
"""How often a turn is begun whose engine dies."""


class Format(Protocol):
    """How a conversation is written for a model."""

    @property
    def thinking(self) -> bool: ...

    @property
    def brief(self) -> bool: ...

    def segments(self, history: Sequence[Event], tools: Sequence[ToolSpec]) -> list[m2.Segment]: ...


class Local:
    """A model file, with the engine that has it open. `plan` says in words how it was placed."""

    def __init__(self, header: gguf.Header, wish: Wishes, engine: Engine, format: Format) -> None:
        path = header.path
        self.name = path.stem
        self.judges = not format.brief
        self.context: int | None = engine.ready.context
        self.plan = engine.ready.plan
        self._path = path
        self._template = header.template
        self._wish = wish
        self._engine = engine
        self._format = format
        self._preset = preset(header, wish)
        self._attaching = asyncio.Lock()

    @classmethod
    async def open(cls, rest: str, settings: dict[str, Any]) -> Self:
        """Open a model by name or path; returns once it is loaded, for M2 after a minute or so.

        Raises SetupError for what the person can put right, ModelError where llama.cpp refuses.
        """
        wish = wishes(settings)
        path = model_file(rest or wish.model)
        header = await asyncio.to_thread(gguf.read, path)
        engine = await Engine.attach(path, wish)
        try:
            format = await asyncio.to_thread(_format, header, engine.ready)
        except SetupError:
            await engine.close()
            raise
        return cls(header, wish, engine, format)

    async def reply(
        self, history: Sequence[Event], tools: Sequence[ToolSpec], settings: ModelSettings
    ) -> AsyncGenerator[Piece, None]:
        """One turn, as the contract of `Model` has it.

        Where the engine dies it is started anew and the turn begins again. Parts are held back
        until the turn is whole, so only tokens are void then.
        """
        request = self._request(history, tools, settings)
        turn = 1 + sum(isinstance(event, Turned) for event in history)
        parts: list[Part | Turned] = []
        for lost in range(1, _ATTEMPTS + 1):
            parser = m2.Parser(tools, turn, thinking=self._format.thinking)
            parts.clear()
            try:
                engine = await self._attached()
                async with aclosing(_pieces(engine.reply(request), parser)) as pieces:
                    async for piece in pieces:
                        if isinstance(piece, Token | Progress):
                            yield piece
                        else:
                            parts.append(piece)
                break
            except EngineGone as error:
                if lost == _ATTEMPTS:
                    raise ModelError(
                        f"{error} Nothing that was done is lost: the run can be resumed."
                    ) from error
            yield Progress(0, 0)
        for part in parts:
            yield part

    async def read_ahead(self, system: str, tools: Sequence[ToolSpec]) -> None:
        """Evaluate the system text and the tools, in cells that a run's first turn takes over."""
        opening = [Began(self.name, system, list(tools), {}, ""), Asked("")]
        request = self._request(opening, tools, ModelSettings(max_tokens=1, beside=True))
        engine = await self._attached()
        with suppress(EngineGone):
            async with aclosing(engine.reply(request)) as answers:
                async for _ in answers:
                    pass

    def outgoing(self, history: Sequence[Event], tools: Sequence[ToolSpec]) -> str:
        """The prompt of the next turn."""
        return "".join(segment.text for segment in self._format.segments(history, tools))

    def describe(self) -> str:
        return self.plan

    async def examine(self) -> str:
        """Whether M2's own template, as the file has it, writes what is written here."""
        if self._format.brief or not isinstance(self._format, _M2):
            return ""
        ready = self._engine.ready
        return await asyncio.to_thread(deviation, self._template, bos=ready.bos, eos=ready.eos)

    async def close(self) -> None:
        await self._engine.close()

    async def _attached(self) -> Engine:
        async with self._attaching:
            if not self._engine.alive:
                await self._engine.close()
                self._engine = await Engine.attach(self._path, self._wish)
            return self._engine

    def _request(
        self, history: Sequence[Event], tools: Sequence[ToolSpec], settings: ModelSettings
    ) -> wire.Reply:
        segments = self._format.segments(history, tools)
        settings = _careful(settings) if self._format.brief else sampled(settings, self._preset)
        return wire.Reply(
            id=0,
            conversation=_conversation(history),
            segments=[
                wire.Segment(segment.kind, segment.text, segment.tokens) for segment in segments
            ],
            sampling=wire.Sampling(
                settings.temperature, settings.top_p, settings.top_k, settings.min_p, settings.seed
            ),
            grammar=grammar(tools),
            thinking=self._format.thinking,
            max_tokens=settings.max_tokens,
            max_thinking=settings.max_thinking,
            copies=self._format.brief and self._wish.copies,
            beside=settings.beside,
            opening=self._opening(history, tools, segments),
            guesses=GUESSES if self._wish.speculate else 0,
        )

    def _opening(
        self, history: Sequence[Event], tools: Sequence[ToolSpec], segments: list[m2.Segment]
    ) -> int:
        """How many segments there are before the first that is not the same in every run."""
        began = [event for event in history if isinstance(event, Began)]
        other = self._format.segments([*began, Asked("\0")], tools)
        same = zip(segments, other, strict=False)
        return next((n for n, (one, two) in enumerate(same) if one != two), 0)


def model_file(name: str) -> Path:
    """The file that a name of the catalogue or a path means. Raises SetupError without one."""
    if name.endswith(".gguf") or "/" in name:
        return Path(name).expanduser().absolute()
    if (own := catalogue.first_file(models(), name)) and own.exists():
        return own
    entry = catalogue.find(name)
    if not entry.path.exists():
        raise SetupError(
            f"The model {entry.name} ({entry.title}, {entry.size / 1e9:.1f} GB) is not here yet.",
            fix=f"Run: m2agent models pull {entry.name}",
        )
    return entry.path


class _M2:
    """M2's own format; its prompt opens the thinking. `brief` as in `m2.segments`."""

    thinking = True

    def __init__(self, *, brief: bool) -> None:
        self.brief = brief

    def segments(self, history: Sequence[Event], tools: Sequence[ToolSpec]) -> list[m2.Segment]:
        return m2.segments(history, tools, brief=self.brief)


def _careful(settings: ModelSettings) -> ModelSettings:
    """How a small model is best asked: the likeliest word each time, and no long turns."""
    return replace(
        settings,
        temperature=0.0,
        max_tokens=min(settings.max_tokens, _LONGEST_TURN),
        max_thinking=min(settings.max_thinking, _LONGEST_TURN // 2),
    )


def _format(header: gguf.Header, ready: wire.Ready) -> Format:
    """M2's for M2, and for whatever was trained on M2's template; the file's own for others.

    A file says by a key of ours that its model was trained to be told of its tools in brief.
    """
    speaks_m2 = f"{m2.ROLE}ai" in header.template and m2.CALLS in header.template
    if header.architecture == "minimax-m2" or speaks_m2:
        if missing := [marker for marker in _NEEDED if marker not in ready.markers]:
            raise SetupError(
                f"{header.path.name} speaks M2's format, but {missing[0]} is no token of its own "
                "in it: it was converted wrongly.",
                fix="Take another file of this model: m2agent models",
            )
        return _M2(brief=header.keys.get(gguf.TOOLS_KEY) == "brief")
    return frames(header.template, bos=ready.bos, eos=ready.eos, name=header.path.name)


async def _pieces(
    answers: AsyncGenerator[wire.Answer, None], parser: m2.Parser
) -> AsyncGenerator[Piece, None]:
    """What the engine says, as the loop understands it."""
    calls = False
    async with aclosing(answers):
        async for answer in answers:
            match answer:
                case wire.Queued(ahead=ahead):
                    yield Progress(0, 0, ahead=ahead + 1)
                case wire.Prefilling(done=done, total=total, seconds_left=seconds):
                    yield Progress(done, total, seconds)
                case wire.Text(text=text):
                    for piece in parser.stream(text):
                        calls = calls or isinstance(piece, Called)
                        yield piece
                case wire.Turn():
                    for part in parser.close():
                        calls = calls or isinstance(part, Called)
                        yield part
                    yield _turned(answer, calls=calls)
                case _:
                    pass


def _turned(turn: wire.Turn, *, calls: bool) -> Turned:
    return Turned(
        "calls" if calls else "length" if turn.reason == "length" else "stop",
        evaluated=turn.evaluated,
        reused=turn.reused,
        generated=turn.generated,
        prefill_seconds=turn.prefill_seconds,
        decode_seconds=turn.decode_seconds,
        context_used=turn.context_used,
        context_size=turn.context_size,
        tokens=turn.tokens,
    )


def _conversation(history: Sequence[Event]) -> str:
    """A name for the conversation: the same for all its turns, forks and judgements."""
    first = [next((e for e in history if isinstance(e, kind)), None) for kind in (Began, Asked)]
    return hashlib.sha256(msgspec.json.encode(first)).hexdigest()[:12]
