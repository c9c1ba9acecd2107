"""Notion: the eight notes tools on the pages and tables that are shared with one token."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, ClassVar, Self

import pydantic

from m2agent.connector import Account
from m2agent.events import Returned
from m2agent.printable import one_line
from m2agent.tool import Operation, Result, tool
from m2agent_connectors.notes.edits import Edit
from m2agent_connectors.notes.query import Sort, Where
from m2agent_connectors.notion import changing, outcome, reading, token, undoing
from m2agent_connectors.notion.reading import Kind
from m2agent_connectors.notion.wire import Wire, client
from m2agent_connectors.notion.workspace import Workspace

_SETTLING = 10.0
"""Seconds in which Notion may still be working on a request whose connection broke."""


class Settings(pydantic.BaseModel, frozen=True, extra="forbid"):
    base_url: str = pydantic.Field("https://api.notion.com", description="Another server.")
    person: str = pydantic.Field(
        "", description="Your user id in Notion: what you wrote yourself is then known as yours."
    )


class Notion:
    """A workspace, opened. `settling` is how long a request may go on after its connection."""

    name: ClassVar[str] = "notion"
    kind: ClassVar[str] = "notes"

    def __init__(self, wire: Wire, person: str = "", settling: float = _SETTLING) -> None:
        self._wire = wire
        self._space = Workspace(wire, person)
        self._settling = settling

    @classmethod
    async def open(cls, account: Account) -> Self:
        settings = account.checked(Settings)
        access = await asyncio.to_thread(token.load, account.name)
        wire = Wire(client(access.token, settings.base_url))
        if access.refresh_token:
            wire.renew = lambda refused: asyncio.to_thread(token.renewed, account.name, refused)
        return cls(wire, settings.person)

    def describe(self) -> str:
        return f"pages and tables of Notion at {self._wire.client.options.base_url}"

    async def whoami(self) -> str:
        me = await self._wire.read(lambda notion: notion.users.me())
        workspace = one_line(str(me.get("bot", {}).get("workspace_name") or "")) or "Notion"
        return f"{workspace}, as {one_line(str(me.get('name') or 'an integration'))}"

    @classmethod
    async def revoke(cls, account: Account) -> str:
        return await asyncio.to_thread(token.revoke, account.name)

    async def close(self) -> None:
        await self._wire.client.aclose()

    @tool(effect="read")
    async def search(
        self,
        query: str,
        kind: Kind = "any",
        limit: Annotated[int, pydantic.Field(ge=1, le=50)] = 15,
        page: str = "",
    ) -> Result:
        """Find pages, rows and tables by words of their titles; for contents use notes_query.

        An empty query lists what changed last. One a line: id | title | day changed |
        properties. `page` takes next=.
        """
        return await reading.search(self._space, query, kind, limit, page)

    @tool(effect="read")
    async def read(
        self,
        id: str,
        offset: Annotated[int, pydantic.Field(ge=0)] = 0,
        max_chars: Annotated[int, pydantic.Field(ge=1, le=50_000)] = 6_000,
    ) -> Result:
        """Read a page or a row: its properties, its text from `offset` on, its comments.

        `id` as search and query give it; an address or a title works too. Given a table: its
        properties.
        """
        return await reading.read(self._space, id, offset, max_chars)

    @tool(effect="read")
    async def schema(self, table: str) -> Result:
        """The properties of a table with their types and options. Read it before writing rows."""
        return await reading.schema(self._space, table)

    @tool(effect="read")
    async def query(
        self,
        table: str,
        where: list[Where] | None = None,
        sort: list[Sort] | None = None,
        columns: list[str] | None = None,
        limit: Annotated[int, pydantic.Field(ge=1, le=100)] = 25,
        page: str = "",
    ) -> Result:
        """List rows of a table that meet all conditions, as tab-separated lines, row id first.

        Dates are "2026-12-01"; op empty takes value true or false. What ends in … is longer:
        read the row. `page` takes next=.
        """
        return await reading.query(
            self._space, table, where or [], sort or [], columns or [], limit, page
        )

    @tool(effect="write")
    async def create(
        self,
        op: Operation,
        parent: str,
        title: str,
        props: dict[str, Any] | None = None,
        body: str = "",
    ) -> Result:
        """Create a page under a page, or a row of a table ("" is the top, where allowed).

        `props` are simple values by property: text, 3, true, "2026-12-01", ["tag"]. `body` is
        Markdown. Returns the new id.
        """
        return await changing.create(self._space, parent, title, props or {}, body)

    @tool(effect="write")
    async def update(
        self,
        op: Operation,
        id: str,
        props: dict[str, Any] | None = None,
        edits: list[Edit] | None = None,
        append: str = "",
    ) -> Result:
        """Change a page: set properties (null empties one), replace text, add text at the end.

        The `old` of an edit must be in the page's text exactly once, letter by letter.
        """
        return await changing.update(self._space, id, props or {}, edits or [], append)

    @tool(effect="send")
    async def comment(self, op: Operation, id: str, text: str) -> Result:
        """Comment on a page; those who follow the page are told."""
        return await changing.comment(self._space, id, text)

    @tool(effect="write")
    async def trash(self, op: Operation, id: str, restore: bool = False) -> Result:
        """Move a page or row to the trash, or with restore=true back to where it was."""
        return await changing.trash(self._space, id, restore)

    @create.before
    async def _before_create(self, parent: str, title: str) -> dict[str, Any]:
        return _dated(await outcome.before_create(self._space, parent, title))

    @update.before
    async def _before_update(self, id: str, props: dict[str, Any] | None) -> dict[str, Any]:
        return _dated(await outcome.before_update(self._space, id, props or {}))

    @comment.before
    async def _before_comment(self, id: str, text: str) -> dict[str, Any]:
        return _dated(await outcome.before_comment(self._space, id, text))

    @trash.before
    async def _before_trash(self, id: str) -> dict[str, Any]:
        return _dated(await outcome.before_trash(self._space, id))

    @create.reconcile
    async def _created(self, before: dict[str, Any], title: str, body: str) -> Result | None:
        return await self._look(before, lambda: outcome.created(self._space, before, title, body))

    @update.reconcile
    async def _updated(
        self,
        before: dict[str, Any],
        props: dict[str, Any] | None,
        edits: list[Edit] | None,
        append: str,
    ) -> Result | None:
        return await self._look(
            before,
            lambda: outcome.was_updated(self._space, before, props or {}, edits or [], append),
        )

    @comment.reconcile
    async def _commented(self, before: dict[str, Any], text: str) -> Result | None:
        return await self._look(before, lambda: outcome.was_commented(self._space, before, text))

    @trash.reconcile
    async def _trashed(self, before: dict[str, Any], restore: bool) -> Result | None:
        return await self._look(before, lambda: outcome.was_trashed(self._space, before, restore))

    @create.undo
    async def _remove(self, returned: Returned) -> Result:
        return await undoing.remove(self._space, returned.data)

    @update.undo
    async def _put_back(self, before: dict[str, Any], returned: Returned) -> Result:
        return await undoing.put_back(self._space, before, returned.data)

    @comment.undo
    async def _delete_comment(self, returned: Returned) -> Result:
        return await undoing.delete_comment(self._space, returned.data)

    @trash.undo
    async def _move_back(self, returned: Returned) -> Result:
        return await undoing.move_back(self._space, returned.data)

    async def _look(
        self, before: dict[str, Any], look: Callable[[], Awaitable[Result | None]]
    ) -> Result | None:
        """Look whether it happened, and once more when Notion has certainly stopped working."""
        found = await look()
        rest = self._settling - abs(time.time() - before["at"])
        if found is None and rest > 0:
            await asyncio.sleep(rest)
            found = await look()
        return found


def _dated(before: dict[str, Any]) -> dict[str, Any]:
    return {**before, "at": time.time()}
