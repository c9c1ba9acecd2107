"""What a back end is: one method that turns history into a stream of tokens and parts.

    [project.entry-points."m2agent.models"]
    local = "m2agent_models.local:Local"

A back end never acts, never retries what may have been paid for, and never drops thinking: what
an earlier `Thought` said is in the next prompt, word for word.

Nobody opens or names a fork. Every reply is asked with its whole history, and whatever of that a
back end has evaluated before, for whomever, is not evaluated again. So a judge asks with the run's
events and one `Noted` more, and pays for the question only, while the run goes on from its own
events as if nobody had asked; sub-agents whose `Began` has the run's system text and tools pay for
their task only. Replies may be asked side by side: what a back end can do at once it does, and the
others are told how many come first (`Progress.ahead`). `ModelSettings.beside` says which of them
are the run, and which only serve it.
"""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, runtime_checkable

from m2agent.events import Event, Part, ToolSpec, Turned


@dataclass(frozen=True)
class Token:
    """A piece of the turn as it is written: shown at once and forgotten."""

    text: str
    kind: Literal["thought", "said", "call"]


@dataclass(frozen=True)
class Progress:
    """How far the prompt has been read, in tokens, and how long the rest will take.

    `ahead` turns of others come first: it waits. After tokens it says that the turn begins anew:
    those were lost, with the engine that wrote them.
    """

    done: int
    total: int
    seconds_left: float | None = None
    ahead: int = 0


@dataclass(frozen=True)
class ModelSettings:
    """How to sample. The defaults are MiniMax's own for M2.

    `beside` is set for what serves a run and is not the run itself: a judge's question, a
    sub-agent's turn. The cache of the run is never given up for it.
    """

    temperature: float = 1.0
    top_p: float = 0.95
    top_k: int = 40
    min_p: float = 0.0
    max_tokens: int = 16_384
    max_thinking: int = 8_192
    seed: int | None = None
    beside: bool = False


Piece = Token | Progress | Part | Turned


class Model(Protocol):
    """A back end, opened. `context` is the real size in tokens, or None where nobody says."""

    name: str
    context: int | None
    judges: bool
    """Whether it can be asked to judge; a script cannot."""

    def reply(
        self,
        history: Sequence[Event],
        tools: Sequence[ToolSpec],
        settings: ModelSettings,
    ) -> AsyncGenerator[Piece, None]:
        """One turn: tokens as they come, each part when it is whole, `Turned` last.

        Closing the generator cancels the turn at once. Raises ModelError or ContextFull.
        """
        ...

    def describe(self) -> str:
        """What it runs on, for a person, in a few words."""
        ...

    async def close(self) -> None: ...


@runtime_checkable
class Cautious(Protocol):
    """A back end about which a person should know something before a run."""

    def caution(self) -> str:
        """In a sentence or two; empty where there is nothing."""
        ...


@runtime_checkable
class Examinable(Protocol):
    """A back end that can be looked at more closely than every run has time for."""

    async def examine(self) -> str:
        """What a person should know of it, in a sentence or two; empty where all is well."""
        ...


@runtime_checkable
class ReadsAhead(Protocol):
    """A back end that can read how a run begins before anything is asked, at no charge."""

    async def read_ahead(self, system: str, tools: Sequence[ToolSpec]) -> None:
        """Returns when it is read; cancelled, it keeps what it has read until then."""
        ...


class ModelFactory(Protocol):
    """What an entry point names. `rest` is what stands after the colon: `script:FILE`."""

    @classmethod
    async def open(cls, rest: str, settings: dict[str, Any]) -> Model: ...
