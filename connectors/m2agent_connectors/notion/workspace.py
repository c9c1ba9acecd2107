"""The workspace as the tools need it: which page or table is meant, and who wrote it."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, cast

from m2agent.errors import ToolFailed
from m2agent.events import Trust
from m2agent.printable import one_line
from m2agent_connectors.notes.schema import folded, shown
from m2agent_connectors.notion.ids import id_in, short
from m2agent_connectors.notion.values import Columns, plain, title_of
from m2agent_connectors.notion.wire import NotThere, Wire

Object = dict[str, Any]
"""An object as Notion answers it."""

_PAGE = 100
_DEPTH = 4  # slashes of a path that may belong to a title


@dataclass
class Workspace:
    """What is shared with one token. `person` is the user id of the person, if they gave it."""

    wire: Wire
    person: str = ""
    _mine: set[str] = field(default_factory=set[str])
    _bot: str = ""

    async def page(self, given: str) -> Object:
        """The page or row that an id, an address or a title means. Raises ToolFailed."""
        id = id_in(given)
        if id is None:
            id = await self._titled(given, "page")
        return await self.wire.read(lambda notion: notion.pages.retrieve(id))

    async def table(self, given: str) -> Object:
        """The data source that an id, an address or a title means, a database's id among them.

        Raises ToolFailed, with the choices where a database has several.
        """
        id = id_in(given)
        if id is None:
            id = await self._titled(given, "data_source")
        try:
            return await self.wire.read(lambda notion: notion.data_sources.retrieve(id))
        except NotThere:
            database = await self.wire.read(lambda notion: notion.databases.retrieve(id))
        sources: list[Any] = database["data_sources"]
        if len(sources) != 1:
            choices = ", ".join(f"{short(one['id'])} {one_line(one['name'])}" for one in sources)
            raise ToolFailed(
                f"{one_line(plain(database['title']))} has {len(sources)} tables. "
                f"Give the id of one: {choices or 'none is shared'}."
            )
        return await self.wire.read(lambda notion: notion.data_sources.retrieve(sources[0]["id"]))

    async def columns(self, page: Object) -> Columns:
        """What can be set on a page: its table's properties, or the title alone."""
        source = page["parent"].get("data_source_id")
        if source is None:
            return Columns({name: {"type": "title"} for name in page["properties"]})
        table = await self.wire.read(lambda notion: notion.data_sources.retrieve(source))
        return Columns(table["properties"])

    async def parent(self, given: str) -> tuple[Object, Columns | None]:
        """Where new pages go, in the form of a request; with columns if that is a table."""
        if not given.strip():
            return {"type": "workspace", "workspace": True}, None
        try:
            table = await self.table(given)
        except NotThere:
            page = await self.page(given)
            return {"type": "page_id", "page_id": page["id"]}, None
        parent = {"type": "data_source_id", "data_source_id": table["id"]}
        return parent, Columns(table["properties"])

    async def markdown(self, id: str) -> Object:
        return await self.wire.read(lambda notion: notion.pages.retrieve_markdown(id))

    async def blocks(self, id: str) -> AsyncIterator[Object]:
        """The blocks right under a page, in their order."""
        cursor: str | None = None
        while True:
            more = {"start_cursor": cursor} if cursor else {}
            found = await self.wire.read(
                lambda notion, more=more: notion.blocks.children.list(id, page_size=_PAGE, **more)
            )
            for block in found["results"]:
                yield block
            cursor = found["next_cursor"]
            if not cursor:
                return

    async def comments(self, id: str) -> AsyncIterator[Object]:
        """The open comments on a page, oldest first."""
        cursor: str | None = None
        while True:
            more = {"start_cursor": cursor} if cursor else {}
            found = await self.wire.read(
                lambda notion, more=more: notion.comments.list(block_id=id, page_size=_PAGE, **more)
            )
            for comment in found["results"]:
                yield comment
            cursor = found["next_cursor"]
            if not cursor:
                return

    async def rows_titled(self, source: str, name: str, title: str) -> list[Object]:
        """The rows of a table with precisely this title, `name` being the title's property."""
        titled = {"property": name, "title": {"equals": title}}
        rows: list[Object] = []
        cursor: str | None = None
        while True:
            more = {"start_cursor": cursor} if cursor else {}
            found = await self.wire.read(
                lambda notion, more=more: notion.data_sources.query(
                    source, filter=titled, page_size=_PAGE, **more
                )
            )
            rows += [row for row in found["results"] if title_of(row) == title]
            cursor = found["next_cursor"]
            if not cursor:
                return rows

    async def bot(self) -> str:
        """The id under which Notion writes down what this token did."""
        await self._who()
        return self._bot

    async def trust(self, one: Mapping[str, Any]) -> Trust:
        """Whose words a page, block or comment holds, as far as Notion says.

        It names who made it and who changed it last, so both must be the person or m2agent.
        """
        mine = await self._who()
        people = [one.get("created_by"), one.get("last_edited_by", one.get("created_by"))]
        ids = {str(person["id"]) for person in people if person} - {""}
        return "own" if ids and ids <= mine else "outside"

    async def trust_in_body(self, page: Object) -> Trust:
        """The same for a page's text: every block counts, and what cannot be seen is outside."""
        if await self.trust(page) == "outside":
            return "outside"
        async for block in self.blocks(page["id"]):
            if block.get("has_children") or await self.trust(block) == "outside":
                return "outside"
        return "own"

    async def _who(self) -> set[str]:
        if not self._mine:
            me = await self.wire.read(lambda notion: notion.users.me())
            self._bot = me["id"]
            owner = me.get("bot", {}).get("owner", {}).get("user", {}).get("id")
            self._mine = {one for one in (me["id"], owner, self.person) if one}
        return self._mine

    async def _titled(self, given: str, kind: Literal["page", "data_source"]) -> str:
        """The id of the only page or table of that title, or of that path: "Rules/Invoices"."""
        hits, same = await self._of_title(given, kind)
        if not same:
            same = await self._of_path(given, kind)
        if len(same) == 1:
            return str(same[0]["id"])
        word = "page" if kind == "page" else "table"
        if same:
            ids = ", ".join(short(one["id"]) for one in same)
            raise ToolFailed(f"{shown(given)} can mean {ids}. Give one of these ids.")
        near = ", ".join(f"{short(one['id'])} {one_line(title_of(one))}" for one in hits[:3])
        hint = f" Near are: {near}." if near else ""
        raise NotThere(f"There is no {word} {shown(given)}.{hint} Use notes_search to find its id.")

    async def _of_title(self, title: str, kind: str) -> tuple[list[Object], list[Object]]:
        """What a search for the title finds, and which of it has this very title."""
        found = await self.wire.read(
            lambda notion: notion.search(
                query=title, filter={"property": "object", "value": kind}, page_size=_PAGE
            )
        )
        hits = cast(list[Object], found["results"])
        return hits, [one for one in hits if folded(title_of(one)) == folded(title.strip())]

    async def _of_path(self, path: str, kind: str) -> list[Object]:
        """What has the end of a path as its title, and lies in what has the part before it."""
        parts = path.strip().strip("/").split("/")
        for at in range(len(parts) - 1, max(len(parts) - _DEPTH, 0), -1):
            above, title = parts[at - 1], "/".join(parts[at:])
            _, same = await self._of_title(title, kind)
            there = [one for one in same if folded(await self._above(one)) == folded(above.strip())]
            if there:
                return there
        return []

    async def _above(self, one: Object) -> str:
        """The title of the page or table in which something lies; empty if that cannot be seen."""
        parent = one["parent"]
        try:
            if source := parent.get("data_source_id"):
                return title_of(await self.wire.read(lambda n: n.data_sources.retrieve(source)))
            if page := parent.get("page_id"):
                return title_of(await self.wire.read(lambda n: n.pages.retrieve(page)))
        except NotThere:
            pass
        return ""
