"""The contract of notes, kept by the folder of Markdown and by Notion."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from notion_scene import COLUMNS, scene

from m2agent.connector import Account
from m2agent.testing.notes_contract import TABLE, Notes, NotesContract
from m2agent_connectors.local_notes import LocalNotes


class TestLocalNotes(NotesContract):
    @pytest.fixture
    async def notes(self, tmp_path: Path) -> AsyncIterator[Notes]:
        table = tmp_path / "notes" / "Invoices" / "_table.yaml"
        table.parent.mkdir(parents=True)
        lines = [
            f"{name}: {kind}"
            if isinstance(kind, str)
            else f"{name}: {{type: select, options: [{', '.join(kind)}]}}"
            for name, kind in TABLE.items()
        ]
        table.write_text("\n".join(lines), "utf-8")
        (tmp_path / "notes" / "Projects").mkdir()
        (tmp_path / "notes" / "Projects" / "About.md").write_text("Ours.\n", "utf-8")
        settings = {"folder": str(tmp_path / "notes")}
        local = await LocalNotes.open(Account("notes", tmp_path / "state", tmp_path, settings))
        yield Notes(local, tmp_path, "Projects", "Invoices")
        await local.close()


class TestNotion(NotesContract):
    @pytest.fixture
    async def notes(self, tmp_path: Path) -> AsyncIterator[Notes]:
        async with scene(tmp_path) as notion:
            notion.world.page("Projects")
            notion.world.table("Invoices", {name: COLUMNS[name] for name in TABLE})
            yield Notes(notion.notion, tmp_path, "Projects", "Invoices")
