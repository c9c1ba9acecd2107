"""What the screens work with: the setup, the journal, and desks that are opened once and shared."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from m2agent_tui.shape import list_of, table_of
from m2agent_tui.start import Prepare, Start

if TYPE_CHECKING:
    from m2agent.desk import Desk, Setup
    from m2agent.journal import Journal
    from m2agent.toolbox import Toolbox


_NEWEST = 50

Named = list[tuple[str, str]]
"""What can be named in a text, each with a word on what it is."""


@dataclass
class _Shared:
    desk: "Desk"
    users: int = 0
    mails: list[Mapping[str, Any]] | None = None
    """The newest ones, once somebody was looked up: a search finds whole words only."""


class Desks:
    """Opens late, because the screen comes first: nothing heavy is imported before `start`."""

    def __init__(self, prepare: Prepare) -> None:
        """`prepare` is called when it is first needed, and again after something was changed."""
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

    def renew(self) -> None:
        """Something was set up anew: what begins from now on begins with that."""
        self._start = None

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

    @asynccontextmanager
    async def tools(self, setup: "Setup") -> AsyncGenerator["Toolbox"]:
        """The tools of a setup, without its model. Raises SetupError or UsageError."""
        from contextlib import AsyncExitStack

        from m2agent.desk import open_toolbox

        async with AsyncExitStack() as stack:
            yield await open_toolbox(setup, stack)

    async def read_ahead(self, setup: "Setup") -> None:
        """Let the model of an open desk read how runs begin. This keeps no desk from closing."""
        for shared in self._shared:
            if shared.desk.setup == setup:
                return await shared.desk.read_ahead()

    async def look_up(self, setup: "Setup", word: str) -> tuple[Named, Named]:
        """People and pages for a word, where the desk is open already; nothing is opened for it."""
        found = [shared for shared in self._shared if shared.desk.setup == setup]
        if not (word and found):
            return [], []
        shared, work = found[0], setup.work
        toolbox = shared.desk.toolbox
        if shared.mails is None:
            shared.mails = [
                mail
                for query in ("", "in:sent")
                for mail in await _searched(toolbox, "mail_search", query, work, _NEWEST)
            ]
        mails = [*await _searched(toolbox, "mail_search", word, work), *shared.mails]
        pages = await _searched(toolbox, "notes_search", word, work)
        people = dict.fromkeys(
            person
            for mail in mails
            for person in [mail.get("from"), *list_of(mail.get("to"))]
            if isinstance(person, str) and word.lower() in person.lower()
        )
        titles = dict.fromkeys(str(page["title"]) for page in pages if page.get("title"))
        return [(person, "person") for person in people], [(title, "page") for title in titles]

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


async def _searched(
    toolbox: "Toolbox", tool: str, query: str, work: Path, limit: int = 10
) -> list[Mapping[str, Any]]:
    """What a search of the person's own finds; nothing where it fails, or there is no such tool."""
    from m2agent.errors import ToolFailed
    from m2agent.events import Called
    from m2agent.tool import Operation

    try:
        call = toolbox.check(Called("", tool, {"query": query, "limit": limit}))
        result = await call.run(Operation("look-up", work, work))
    except ToolFailed:
        return []
    return [table_of(item) for item in list_of(table_of(result.data).get("items"))]
