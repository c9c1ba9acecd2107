"""What the screens work with: the setup, the journal, and desks that are opened once and shared."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from m2agent_tui.start import Prepare, Start

if TYPE_CHECKING:
    from m2agent.desk import Desk, Setup
    from m2agent.journal import Journal


@dataclass
class _Shared:
    desk: "Desk"
    users: int = 0


class Desks:
    """Opens late, because the screen comes first: nothing heavy is imported before `start`."""

    def __init__(self, prepare: Prepare) -> None:
        self._prepare = prepare
        self._start: Start | None = None
        self._journal: Journal | None = None
        self._shared: list[_Shared] = []
        self._lock = asyncio.Lock()

    async def start(self) -> Start:
        """The setup. Raises what `prepare` raises, and then can be tried again."""
        async with self._lock:
            if self._start is None:
                self._start = await asyncio.to_thread(self._prepare)
            return self._start

    async def journal(self) -> "Journal":
        """Raises SetupError where the journal cannot be used."""
        async with self._lock:
            if self._journal is None:
                from m2agent.home import journal_file
                from m2agent.journal import Journal

                self._journal = Journal(journal_file())
            return self._journal

    @asynccontextmanager
    async def at(self, setup: "Setup") -> AsyncGenerator["Desk"]:
        """Sit at a desk with this setup. One that nobody sits at makes room for another.

        Raises SetupError or UsageError where the setup cannot be opened.
        """
        journal = await self.journal()
        async with self._lock:
            found = [shared for shared in self._shared if shared.desk.setup == setup]
            if not found:
                from m2agent.desk import Desk

                await self._clear()
                found = [_Shared(await Desk.open(setup, journal))]
                self._shared += found
            shared = found[0]
            shared.users += 1
        try:
            yield shared.desk
        finally:
            shared.users -= 1

    async def _clear(self) -> None:
        """Close desks that nobody sits at: two large models do not fit into one machine."""
        for shared in [shared for shared in self._shared if not shared.users]:
            self._shared.remove(shared)
            await shared.desk.__aexit__()

    async def close(self) -> None:
        """Close everything; runs must have been stopped before."""
        for shared in self._shared:
            shared.users = 0
        await self._clear()
        if self._journal:
            self._journal.close()
