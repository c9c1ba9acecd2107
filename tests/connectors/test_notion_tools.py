"""What only Notion's connector does: names it understands, and words for what goes wrong there."""

from pathlib import Path
from typing import Any

import pytest
from notion_scene import COLUMNS, Scene, scene
from notion_server import Fault

from m2agent.errors import Busy, ToolFailed, Unclear


async def test_a_page_can_be_named_by_its_path(tmp_path: Path) -> None:
    async with scene(tmp_path) as notion:
        rules, clippings = notion.world.page("Rules"), notion.world.page("Clippings")
        wanted = notion.world.page("Invoices", "Add up.", parent=rules.id)
        notion.world.page("Invoices", "News.", parent=clippings.id)
        assert "Add up." in (await notion.call("read", id="rules/invoices")).text
        assert "Add up." in (await notion.call("read", id="Office/Rules/Invoices")).text
        with pytest.raises(ToolFailed, match="can mean"):
            await notion.call("read", id="Invoices")
        with pytest.raises(ToolFailed, match="There is no page 'Nowhere/Invoices'"):
            await notion.call("read", id="Nowhere/Invoices")
        assert notion.world.text(wanted) == "Add up."


async def test_a_row_can_be_named_by_its_table_and_a_title_may_hold_a_slash(
    tmp_path: Path,
) -> None:
    async with scene(tmp_path) as notion:
        notion.world.table("Invoices", COLUMNS)
        table = next(iter(notion.world.sources))
        notion.world.row(table, {"Invoice": {"title": [{"text": {"content": "26/15674"}}]}})
        for name in ("26/15674", "Invoices/26/15674"):
            read = await notion.call("read", id=name)
            assert read.data["title"] == "26/15674"


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("401", "Only the person can help: m2agent connect notion."),
        ("403", "The person can widen its capabilities"),
    ],
)
async def test_what_the_token_may_not_is_said_with_what_the_person_can_do(
    tmp_path: Path, fault: Fault, words: str
) -> None:
    async with scene(tmp_path) as notion:
        page = notion.world.page("Plans")
        for tool, arguments in (
            ("read", {"id": page.id}),
            ("update", {"id": page.id, "append": "x"}),
            ("search", {"query": "plans"}),
        ):
            notion.server.faults[len(notion.server.log) + 1] = fault
            with pytest.raises(ToolFailed) as failure:
                await notion.call(tool, **arguments)
            assert words in str(failure.value)
            assert not isinstance(failure.value, Unclear)
        assert notion.world.text(page) == ""


@pytest.mark.parametrize(("fault", "asked"), [("429", "0"), ("429", "3600"), ("drop", "0")])
async def test_where_notion_is_busy_for_longer_it_is_said_to_be_worth_another_try_later(
    tmp_path: Path, fault: Fault, asked: str
) -> None:
    async with scene(tmp_path) as notion:
        page, notion.server.retry_after = notion.world.page("Log"), asked
        notion.server.faults = dict.fromkeys(range(1, 99), fault)
        with pytest.raises(Busy) as busy:
            await notion.call("read", id=page.id)
    assert busy.value.after == (float(asked) if fault == "429" else None)


async def test_a_page_that_is_not_shared_is_said_to_be_perhaps_that(tmp_path: Path) -> None:
    async with scene(tmp_path) as notion:
        page = notion.world.page("Secret plans", "Ours.")
        page.shared = False
        for tool, arguments in (
            ("read", {"id": page.id}),
            ("update", {"id": page.id, "append": "x"}),
            ("comment", {"id": page.id, "text": "x"}),
            ("trash", {"id": page.id}),
            ("create", {"parent": page.id, "title": "x"}),
            ("query", {"table": page.id}),
        ):
            with pytest.raises(ToolFailed, match="not shared with m2agent") as failure:
                await notion.call(tool, **arguments)
            assert "Connections" in str(failure.value)
        assert notion.world.text(page) == "Ours."


@pytest.mark.parametrize("id", ["x", "", "../users", "c0ffee", "https://x.example/", "0" * 32])
async def test_an_id_that_is_none_is_answered_with_where_ids_come_from(
    tmp_path: Path, id: str
) -> None:
    async with scene(tmp_path) as notion:
        notion.world.page("Plans")
        for tool in ("read", "trash"):
            with pytest.raises(ToolFailed, match=r"[Ss]earch"):
                await notion.call(tool, id=id)


async def test_a_database_of_several_tables_is_answered_with_their_ids(tmp_path: Path) -> None:
    async with scene(tmp_path) as notion:
        database = notion.world.table("Invoices", COLUMNS, sources=2)
        first, second = (id.replace("-", "") for id in notion.world.sources)
        with pytest.raises(ToolFailed, match=r"has 2 tables\. Give the id of one") as failure:
            await notion.call("schema", table=database)
        assert first in str(failure.value) and second in str(failure.value)
        assert "Amount" in (await notion.call("schema", table=first)).text


async def test_a_long_body_arrives_whole(tmp_path: Path) -> None:
    body = "\n".join(f"Line {n} of a long report." for n in range(24_000))
    async with scene(tmp_path) as notion:
        parent = notion.world.page("Reports")
        made = await notion.call("create", parent=parent.id, title="Long", body=body)
        page = next(
            p for id, p in notion.world.pages.items() if id.replace("-", "") == made.data["id"]
        )
        assert notion.world.text(page) == body


async def test_a_row_leads_to_rows_of_another_table(tmp_path: Path) -> None:
    async with scene(tmp_path) as here:
        suppliers = await table(here, "Suppliers", {"Name": {"type": "title", "title": {}}})
        leads: dict[str, Any] = {
            "data_source_id": suppliers,
            "type": "single_property",
            "single_property": {},
        }
        kinds: dict[str, Any] = {
            "Invoice": {"type": "title", "title": {}},
            "Supplier": {"type": "relation", "relation": {**leads, "database_id": suppliers}},
            "Made": {"type": "created_time", "created_time": {}},
        }
        invoices = await table(here, "Invoices", kinds)
        oak = (await here.call("create", parent=suppliers, title="Oak")).data["id"]
        oil = (await here.call("create", parent=suppliers, title="Oil")).data["id"]

        first = await here.call("create", parent=invoices, title="1", props={"Supplier": [oak]})
        await here.call("create", parent=invoices, title="2")
        row = await here.call("read", id=first.data["id"])
        assert row.data["props"]["Supplier"] == [oak]

        change = here.check("update", id=first.data["id"], props={"supplier": oil})
        before = await change.before(here.op())
        changed = await change.run(here.op())
        assert await change.reconcile(here.op(), before) == changed
        asked = {"prop": "Supplier", "op": "contains", "value": oil}
        assert await titles(here, invoices, where=[asked]) == ["1"]
        none = {"prop": "Supplier", "op": "empty"}
        assert await titles(here, invoices, where=[none]) == ["2"]
        await here.undo(change, before, changed)
        assert (await here.call("read", id=first.data["id"])).data["props"]["Supplier"] == [oak]

        with pytest.raises(ToolFailed, match=r"Supplier takes ids of rows, .* not 'Oak'"):
            await here.call("update", id=first.data["id"], props={"Supplier": "Oak"})
        with pytest.raises(ToolFailed, match=r"'Made' \(created_time\) cannot be asked for"):
            await titles(here, invoices, where=[{"prop": "Made", "value": "2026-01-01"}])


async def table(here: Scene, title: str, columns: dict[str, Any]) -> str:
    here.world.table(title, columns)
    return str((await here.call("schema", table=title)).data["id"])


async def titles(here: Scene, table: str, **asked: Any) -> list[str]:
    found = await here.call("query", table=table, **asked)
    return [row["Invoice"] for row in found.data["rows"]]
