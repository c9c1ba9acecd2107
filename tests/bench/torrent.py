"""A back end that thinks 1,000 tokens a second for a minute: `--model torrent`."""

import asyncio
import time
from collections.abc import AsyncGenerator, Sequence
from typing import Any, Self

from m2agent.events import Event, Said, ToolSpec, Turned
from m2agent.model import ModelSettings, Piece, Token


class Torrent:
    name: str = "torrent"
    context: int | None = None
    judges: bool = False

    @classmethod
    async def open(cls, rest: str, settings: dict[str, Any]) -> Self:
        return cls()

    async def reply(
        self, history: Sequence[Event], tools: Sequence[ToolSpec], settings: ModelSettings
    ) -> AsyncGenerator[Piece, None]:
        began = time.monotonic()
        written = 0
        while (gone := time.monotonic() - began) < 60:
            while written < gone * 1_000:
                yield Token(f"{written} ", "thought")
                written += 1
            await asyncio.sleep(0.005)
        yield Said("That was all.")
        yield Turned()

    def describe(self) -> str:
        return "for measuring"

    async def close(self) -> None: ...
