"""Local notes: the eight notes tools on a folder of Markdown files.

The files are the truth. The person, or a sync service, may change any of them at any time, so
nothing is remembered between two calls but the search index, which compares each file's stamp.
"""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, ClassVar, Self

import pydantic

from m2agent.connector import Account
from m2agent.errors import SetupError
from m2agent.events import Returned
from m2agent.tool import Operation, Result, tool
from m2agent_connectors.local_notes import reading
from m2agent_connectors.local_notes.changing import Change, as_it_was
from m2agent_connectors.local_notes.folder import Folder
from m2agent_connectors.local_notes.index import Index, Kind
from m2agent_connectors.local_notes.operations import Operations
from m2agent_connectors.notes.edits import Edit
from m2agent_connectors.notes.query import Sort, Where


class Settings(pydantic.BaseModel, frozen=True, extra="forbid"):
    folder: Path | None = pydantic.Field(
        None, description="Where the notes lie, such as an Obsidian vault; by default a new folder."
    )


class LocalNotes:
    """A folder of notes, opened. `state` is a folder for what the connector must remember."""

    name: ClassVar[str] = "local-notes"
    kind: ClassVar[str] = "notes"

    def __init__(self, folder: Path, state: Path) -> None:
        root = folder.resolve()
        self._folder = Folder(root)
        self._index = Index(self._folder)
        self._operations = Operations(root, state / ".m2agent" / "operations")

    @classmethod
    async def open(cls, account: Account) -> Self:
        settings = account.checked(Settings)
        folder = (settings.folder or account.folder).expanduser()
        another = f'set another: folder = "..." under [accounts.{account.name}].'
        if not folder.is_absolute():
            raise SetupError(
                f"The notes folder {folder} is no whole path.",
                fix=f"Begin it with / or ~, or {another}",
            )
        try:
            if settings.folder is None:
                folder.mkdir(parents=True, exist_ok=True)
            next(folder.iterdir(), None)
        except OSError as error:
            raise SetupError(
                f"The notes folder {folder} cannot be opened: {error.strerror}.",
                fix=f"Create it, or {another}",
            ) from error
        return cls(folder, account.folder)

    def describe(self) -> str:
        return f"Markdown notes in {self._folder.root}"

    async def close(self) -> None:
        self._index.close()

    @tool(effect="read")
    async def search(
        self,
        query: str,
        kind: Kind = "any",
        limit: Annotated[int, pydantic.Field(ge=1, le=50)] = 15,
        page: str = "",
    ) -> Result:
        """Find notes and tables by their words, in any form: "invoices" finds "Invoice".

        All words must occur; a "quoted phrase" as it stands. An empty query lists what changed
        last. One a line: id | title | day changed | text around the words. `page` takes next=.
        """
        return await asyncio.to_thread(
            reading.search, self._folder, self._index, query, kind, limit, page
        )

    @tool(effect="read")
    async def read(
        self,
        id: str,
        offset: Annotated[int, pydantic.Field(ge=0)] = 0,
        max_chars: Annotated[int, pydantic.Field(ge=1, le=50_000)] = 6_000,
    ) -> Result:
        """Read a note or a table's row: its properties, then its text from `offset` on.

        `id` as search and query give it; [[Title]] works too. Given a table: its properties.
        """
        return await asyncio.to_thread(reading.read, self._folder, id, offset, max_chars)

    @tool(effect="read")
    async def schema(self, table: str) -> Result:
        """The properties of a table with their types and options. Read it before writing rows."""
        return await asyncio.to_thread(reading.schema, self._folder, table)

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
        return await asyncio.to_thread(
            reading.query, self._folder, table, where or [], sort or [], columns or [], limit, page
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
        """Create a note in a folder ("" is the top), under a note, or as a row of a table.

        `props` are simple values by property: text, 3, true, "2026-12-01", ["tag"]. `body` is
        Markdown. Returns the new id.
        """
        change = self._change(op)
        return await asyncio.to_thread(change.create, parent, title, props or {}, body)

    @tool(effect="write")
    async def update(
        self,
        op: Operation,
        id: str,
        props: dict[str, Any] | None = None,
        edits: list[Edit] | None = None,
        append: str = "",
    ) -> Result:
        """Change a note: set properties (null empties one), replace text, add text at the end.

        The `old` of an edit must be in the note's text exactly once, letter by letter.
        """
        change = self._change(op)
        return await asyncio.to_thread(change.update, id, props or {}, edits or [], append)

    @tool(effect="write")
    async def comment(self, op: Operation, id: str, text: str) -> Result:
        """Add a dated comment at the end of a note."""
        return await asyncio.to_thread(self._change(op).comment, id, text)

    @tool(effect="write")
    async def trash(self, op: Operation, id: str, restore: bool = False) -> Result:
        """Move a note or row to the trash, or with restore=true back to where it was."""
        change = self._change(op)
        return await asyncio.to_thread(change.restore if restore else change.trash, id)

    @create.reconcile
    @update.reconcile
    @comment.reconcile
    @trash.reconcile
    async def _happened(self, op: Operation) -> Result | None:
        return await asyncio.to_thread(self._operations.outcome, op.key)

    @update.before
    @comment.before
    async def _as_it_was(self, id: str) -> dict[str, Any]:
        return await asyncio.to_thread(as_it_was, self._folder, id)

    @create.undo
    async def _remove(self, op: Operation, returned: Returned) -> Result:
        return await self._once(op, self._change(op).remove, returned.data)

    @update.undo
    @comment.undo
    async def _put_back(self, op: Operation, before: dict[str, Any], returned: Returned) -> Result:
        return await self._once(op, self._change(op).put_back, before, returned.data)

    @trash.undo
    async def _move_back(self, op: Operation, returned: Returned) -> Result:
        return await self._once(op, self._change(op).move_back, returned.data)

    async def _once(self, op: Operation, undo: Callable[..., Result], *given: Any) -> Result:
        """Undo, unless the log says that this very operation did before a crash."""
        done = await asyncio.to_thread(self._operations.outcome, op.key)
        return done or await asyncio.to_thread(undo, *given)

    def _change(self, op: Operation) -> Change:
        return Change(self._folder, self._operations, op.key)
