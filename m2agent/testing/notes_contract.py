"""What every service of notes must do: cases at the level of tools, for pytest.

class TestWiki(NotesContract):
    @pytest.fixture
    async def notes(self, tmp_path: Path) -> AsyncIterator[Notes]:
        yield Notes(wiki, tmp_path, home="Projects", table="Invoices")

The service must be empty but for a place for pages, `home`, and a table with the properties of
`TABLE`. What a case needs besides it makes itself, through the tools.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from m2agent.errors import ToolFailed
from m2agent.testing.service import Service

TABLE: Mapping[str, str | list[str]] = {
    "Invoice": "title",
    "Amount": "number",
    "Due": "date",
    "Paid": "checkbox",
    "Status": ["Open", "Paid", "Wrong"],
}
"""Types by property; a list has the options of a select."""


@dataclass
class Notes(Service):
    """An opened service of notes. `home` and `table` are ids or names as its tools take them."""

    home: str
    table: str

    async def page(self, title: str, body: str = "") -> str:
        """The id of a new page at home."""
        made = await self.call("create", parent=self.home, title=title, body=body)
        return str(made.data["id"])

    async def row(self, title: str, **props: Any) -> str:
        """The id of a new row."""
        made = await self.call("create", parent=self.table, title=title, props=props)
        return str(made.data["id"])

    async def titles(self, **query: Any) -> list[str]:
        found = await self.call("query", table=self.table, **query)
        return [row["Invoice"] for row in found.data["rows"]]


class NotesContract:
    """The cases. A subclass gives the fixture `notes`."""

    async def test_the_tools_tell_the_model_of_themselves_in_few_words(self, notes: Notes) -> None:
        import msgspec

        assert len(msgspec.json.encode(notes.toolbox.specs)) < 6_000
        names = ["search", "read", "schema", "query", "create", "update", "comment", "trash"]
        assert [spec.name for spec in notes.toolbox.specs] == [f"notes_{one}" for one in names]

    async def test_a_created_page_can_be_read(self, notes: Notes) -> None:
        id = await notes.page("Hiring plan", "# Why\n\nWe hire two.")
        read = (await notes.call("read", id=id)).data
        assert (read["id"], read["title"], read["kind"]) == (id, "Hiring plan", "page")
        assert "# Why" in read["body"] and "We hire two." in read["body"]

    async def test_a_page_is_found_by_its_title(self, notes: Notes) -> None:
        id = await notes.page("Hiring plan")
        await notes.page("Budget")
        found = await notes.call("search", query="hiring")
        assert [one["id"] for one in found.data["items"]] == [id]
        assert id in found.text

    async def test_a_long_page_is_read_in_parts(self, notes: Notes) -> None:
        id = await notes.page("Log", "\n\n".join(f"Day {n} was long." for n in range(99)))
        part = (await notes.call("read", id=id, max_chars=500)).data
        text = str(part["body"])
        while part["next"] is not None:
            part = (await notes.call("read", id=id, offset=part["next"], max_chars=500)).data
            text += part["body"]
        assert len(text) == part["chars"] and "Day 98 was long." in text

    async def test_the_schema_has_types_and_options(self, notes: Notes) -> None:
        found = (await notes.call("schema", table=notes.table)).data["properties"]
        kinds = {one["name"]: one["options"] or one["type"] for one in found}
        assert kinds == dict(TABLE)

    async def test_a_row_keeps_its_simple_values(self, notes: Notes) -> None:
        id = await notes.row("A-1", Amount=12.5, Due="2026-12-01", Paid=True, Status="open")
        (row,) = (await notes.call("query", table=notes.table)).data["rows"]
        assert row == {
            "id": id,
            "Invoice": "A-1",
            "Amount": 12.5,
            "Due": "2026-12-01",
            "Paid": True,
            "Status": "Open",
        }

    async def test_rows_are_found_by_conditions_and_sorted(self, notes: Notes) -> None:
        await notes.row("A", Amount=1, Status="Open", Due="2026-12-01")
        await notes.row("B", Amount=2, Status="Paid", Due="2026-12-03")
        await notes.row("C", Amount=3, Status="Open")
        where = [{"prop": "amount", "op": ">=", "value": 2}]
        down = [{"prop": "Amount", "desc": True}]
        assert await notes.titles(where=where, sort=down) == ["C", "B"]
        assert await notes.titles(where=[{"prop": "Status", "value": "open"}], sort=down) == [
            "C",
            "A",
        ]
        assert await notes.titles(where=[{"prop": "Due", "op": "empty"}]) == ["C"]
        after = [{"prop": "Due", "op": ">", "value": "2026-12-01"}]
        assert await notes.titles(where=after) == ["B"]

    async def test_every_row_comes_once_over_all_pages(self, notes: Notes) -> None:
        for number in range(7):
            await notes.row(f"A-{number}")
        titles: list[str] = []
        page: str | None = ""
        while page is not None:
            found = (await notes.call("query", table=notes.table, limit=3, page=page)).data
            titles += [row["Invoice"] for row in found["rows"]]
            page = found["next"]
        assert sorted(titles) == [f"A-{number}" for number in range(7)]

    async def test_an_unknown_property_is_answered_with_the_known(self, notes: Notes) -> None:
        words = await notes.failure("create", parent=notes.table, title="A", props={"Amout": 1})
        assert "Did you mean Amount?" in words and "Status" in words
        assert await notes.titles() == []

    async def test_an_unknown_option_is_answered_with_the_known(self, notes: Notes) -> None:
        id = await notes.row("A", Status="Open")
        words = await notes.failure("update", id=id, props={"Status": "Late"})
        assert "Open, Paid, Wrong" in words

    async def test_properties_are_set_and_emptied(self, notes: Notes) -> None:
        id = await notes.row("A", Amount=1, Status="Open")
        await notes.call("update", id=id, props={"Amount": None, "Status": "Paid"})
        props = (await notes.call("read", id=id)).data["props"]
        assert (props["Amount"], props["Status"]) == (None, "Paid")

    async def test_edits_and_an_end_change_the_text(self, notes: Notes) -> None:
        id = await notes.page("Log", "Total: 3")
        edits = [{"old": "Total: 3", "new": "Total: 4"}]
        await notes.call("update", id=id, edits=edits, append="Checked.")
        body = (await notes.call("read", id=id)).data["body"]
        assert body.split() == ["Total:", "4", "Checked."]

    async def test_an_edit_whose_old_text_is_not_there_changes_nothing(self, notes: Notes) -> None:
        id = await notes.page("Log", "Total: 3")
        words = await notes.failure("update", id=id, edits=[{"old": "Total: 5", "new": "x"}])
        assert "does not occur" in words and "Total: 3" in words

    async def test_an_edit_whose_old_text_is_there_twice_changes_nothing(
        self, notes: Notes
    ) -> None:
        id = await notes.page("Log", "Done.\n\nDone.")
        words = await notes.failure("update", id=id, edits=[{"old": "Done.", "new": "x"}])
        assert "2 times" in words
        assert "x" not in (await notes.call("read", id=id)).data["body"]

    async def test_a_comment_is_seen_by_who_reads(self, notes: Notes) -> None:
        id = await notes.page("Log", "Done.")
        await notes.call("comment", id=id, text="Well done, Ann.")
        assert "Well done, Ann." in (await notes.call("read", id=id)).text

    async def test_what_is_trashed_is_gone_and_comes_back(self, notes: Notes) -> None:
        id = await notes.row("A")
        gone = await notes.call("trash", id=id)
        assert await notes.titles() == []
        await notes.call("trash", id=gone.data["id"], restore=True)
        assert await notes.titles() == ["A"]

    async def test_what_does_not_exist_is_said_in_words(self, notes: Notes) -> None:
        for tool in ("read", "schema", "query"):
            name = "id" if tool == "read" else "table"
            assert "earch" in await notes.failure(tool, **{name: "Nowhere"})

    async def test_every_change_is_undone(self, notes: Notes) -> None:
        made = await notes.do("create", parent=notes.table, title="A", props={"Amount": 1})
        id = str(made.result.data["id"])
        await notes.call("update", id=id, append="First.")
        was = (await notes.call("read", id=id)).data
        changes: list[dict[str, Any]] = [
            {"tool": "update", "id": id, "props": {"Amount": 2, "Status": "Open"}},
            {"tool": "update", "id": id, "append": "Second."},
            {"tool": "update", "id": id, "edits": [{"old": "First.", "new": ""}]}
            | {"append": "Other."},
            {"tool": "comment", "id": id, "text": "Hm."},
            {"tool": "trash", "id": id},
        ]
        for change in changes:
            await notes.undo(await notes.do(**change))
            now = (await notes.call("read", id=id)).data
            assert {k: now[k] for k in ("body", "props")} == {k: was[k] for k in ("body", "props")}

    async def test_an_undo_leaves_alone_what_was_changed_since(self, notes: Notes) -> None:
        id = await notes.page("Log", "One.")
        first = await notes.do("update", id=id, append="Two.")
        await notes.call("update", id=id, append="Three.")
        try:
            await notes.undo(first)
        except ToolFailed as failure:
            assert "changed" in str(failure)
        else:
            raise AssertionError("the undo took a later change with it")

    async def test_what_happened_is_known_and_what_did_not_too(self, notes: Notes) -> None:
        id = await notes.row("A", Amount=1)
        changes: list[dict[str, Any]] = [
            {"tool": "create", "parent": notes.table, "title": "A", "props": {"Amount": 1}},
            {"tool": "create", "parent": notes.home, "title": "A", "body": "One.\n\nTwo."},
            {"tool": "update", "id": id, "props": {"Amount": 2}, "append": "More."},
            {"tool": "comment", "id": id, "text": "Hm."},
            {"tool": "trash", "id": id},
        ]
        for number, change in enumerate(changes):
            tool = change.pop("tool")
            call, op = notes.check(tool, **change), notes.op(f"known.{number}")
            before = await call.before(op)
            assert await call.reconcile(op, before) is None
            done = await call.run(op)
            again = await call.reconcile(op, before)
            assert again and again.data["id"] == done.data["id"]
