"""Every change of a note can be undone exactly, or says why not."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from notes_scene import Notes, opened, quick_disk

from m2agent.errors import ToolFailed

CHANGES: list[tuple[str, dict[str, Any]]] = [
    ("create", {"parent": "invoices", "title": "INV-9", "props": {"Amount": 3}, "body": "x"}),
    ("update", {"id": "invoices/INV-1", "props": {"Status": "Paid"}, "append": "more"}),
    ("update", {"id": "invoices/INV-1", "props": {"Amount": 7}}),
    ("comment", {"id": "invoices/INV-1", "text": "Looks wrong."}),
    ("trash", {"id": "invoices/INV-1"}),
    ("trash", {"id": "old", "restore": True}),
]


@pytest.fixture
async def notes() -> AsyncIterator[Notes]:
    with quick_disk() as disk:
        scene = await opened(disk)
        text = "---\r\nAmount: 7 # seven\r\n---\r\ncaf\xe9"
        scene.write("invoices/INV-1", text.encode("latin-1"))
        scene.write(".trash/old", "gone")
        yield scene


@pytest.mark.parametrize(("tool", "arguments"), CHANGES)
async def test_undo_leaves_every_file_as_it_was(
    notes: Notes, tool: str, arguments: dict[str, Any]
) -> None:
    before = notes.files()
    done = await notes.do(tool, **arguments)
    undone = await notes.undo(done)
    assert notes.files() == before
    assert undone.data["id"]


@pytest.mark.parametrize(("tool", "arguments"), CHANGES)
async def test_undo_leaves_alone_what_somebody_changed_since(
    notes: Notes, tool: str, arguments: dict[str, Any]
) -> None:
    done = await notes.do(tool, **arguments)
    notes.write(done.result.data["id"], "the person's own words")
    before = notes.files()
    with pytest.raises(ToolFailed, match="was changed since, so this is not undone"):
        await notes.undo(done)
    assert notes.files() == before


@pytest.mark.parametrize(("tool", "arguments"), CHANGES)
async def test_undo_says_so_when_the_note_is_gone(
    notes: Notes, tool: str, arguments: dict[str, Any]
) -> None:
    done = await notes.do(tool, **arguments)
    (notes.folder / f"{done.result.data['id']}.md").unlink()
    with pytest.raises(ToolFailed, match="is gone: it was moved, deleted, or undone already"):
        await notes.undo(done)


async def test_undo_does_not_take_the_place_of_a_new_note(notes: Notes) -> None:
    done = await notes.do("trash", id="invoices/INV-1")
    notes.write("invoices/INV-1", "new")
    with pytest.raises(ToolFailed, match="another note invoices/INV-1 now"):
        await notes.undo(done)


async def test_undo_keeps_what_came_between_looking_and_writing(notes: Notes) -> None:
    done = await notes.do("update", id="invoices/INV-1", append="more")
    done.before = (await notes.do("update", id="[[INV-1]]", append="again")).before
    done.result = (await notes.do("update", id="[[INV-1]]", append="and again")).result
    with pytest.raises(ToolFailed, match="changed by somebody just before"):
        await notes.undo(done)


async def test_changes_are_undone_one_after_the_other(notes: Notes) -> None:
    before = notes.files()
    done = [
        await notes.do("create", parent="", title="log", body="one"),
        await notes.do("update", id="log", append="two"),
        await notes.do("comment", id="log", text="three"),
        await notes.do("trash", id="log"),
    ]
    with pytest.raises(ToolFailed, match="is gone"):
        await notes.undo(done[1])
    for one in reversed(done):
        await notes.undo(one)
    assert notes.files() == before


TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=30)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.binary(max_size=120),
    st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=30),
)
async def test_any_text_is_put_back_byte_for_byte(notes: Notes, data: bytes, more: str) -> None:
    note = notes.write("any", data.replace(b"\0", b""))
    before = notes.files()
    done = await notes.do("update", id="any", append=f"more {more}")
    assert note.read_bytes() != before["any.md"]
    await notes.undo(done)
    assert notes.files() == before
