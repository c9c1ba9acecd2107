"""What only Notion's connector does: names it understands, and words for what goes wrong there."""

from pathlib import Path

import pytest
from notion_scene import COLUMNS, scene

from m2agent.errors import ToolFailed


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
