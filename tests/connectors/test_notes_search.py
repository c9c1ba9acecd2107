"""Words are found in any form, and the index is never older than the files."""

import asyncio
import os
import sys
from pathlib import Path

import pytest
from notes_scene import Notes, opened

from m2agent.errors import ToolFailed


@pytest.fixture
async def notes(tmp_path: Path) -> Notes:
    return await opened(tmp_path)


async def ids(notes: Notes, query: str, kind: str = "any") -> list[str]:
    result = await notes.call("search", query=query, kind=kind)
    return [item["id"] for item in result.data["items"]]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("invoices", ["acme"]),
        ("INVOICED suppliers", ["acme"]),
        ("late invoice", ["acme"]),
        ('"invoice late"', []),
        ('"was late"', ["acme"]),
        ("cafe", ["menu"]),
        ("1042", ["acme"]),
        ("INV-1042", ["acme"]),
        ("104", ["acme"]),
        ("会議", ["memo"]),
        ("urgent", ["acme"]),
        ("menu", ["menu"]),
        ('" AND ( NEAR', []),
        ("unknown", []),
    ],
)
async def test_words_are_found_in_any_form(notes: Notes, query: str, expected: list[str]) -> None:
    notes.write("acme", "---\ntag: urgent\n---\nThe supplier's Invoice INV-1042 was late.\n")
    notes.write("menu", "Café au lait\n")
    notes.write("memo", "来週の会議について\n")
    assert await ids(notes, query, "page") == expected


async def test_where_no_note_has_all_words_those_with_some_are_said_to_be_that(
    notes: Notes,
) -> None:
    notes.write("a", "alpha")
    notes.write("b", "beta")
    result = await notes.call("search", query="alpha beta")
    assert result.text.startswith("1-2 of 2 found  None has all the words; these have some.\n")
    assert (await notes.call("search", query="gamma")).text == (
        "0 of 0 found  Try fewer or other words.\n"
    )


async def test_a_note_named_so_comes_before_one_that_mentions_it(notes: Notes) -> None:
    notes.write("a", "about hiring, and more about hiring")
    notes.write("hiring", "text")
    assert await ids(notes, "hiring") == ["hiring", "a"]


async def test_tables_are_found_by_their_name_and_their_properties(notes: Notes) -> None:
    notes.write("invoices/INV-1", "an amount")
    assert await ids(notes, "invoice", "table") == ["invoices"]
    assert await ids(notes, "amounts", "table") == ["invoices"]
    result = await notes.call("search", query="amounts")
    assert {item["kind"] for item in result.data["items"]} == {"table", "row"}
    assert any(line.startswith("invoices | table | 20") for line in result.text.splitlines())


async def test_results_come_in_pages(notes: Notes) -> None:
    for n in range(7):
        notes.write(f"n{n}", "word")
    seen: list[str] = []
    page: str | None = ""
    while page is not None:
        result = await notes.call("search", query="word", limit=3, page=page)
        seen += [item["id"] for item in result.data["items"]]
        page = result.data["next"]
    assert sorted(seen) == [f"n{n}" for n in range(7)]
    with pytest.raises(ToolFailed, match="is none"):
        await notes.call("search", query="word", page="-1")


async def test_a_line_shows_the_text_around_the_words(notes: Notes) -> None:
    notes.write("a", "x " * 500 + "the needle\nhere " + "y " * 500)
    line = (await notes.call("search", query="needles")).text.splitlines()[1]
    assert line.startswith("a | 20")
    assert "the needle here" in line
    assert len(line) < 250


async def test_a_change_is_seen_even_if_size_and_time_stay_the_same(notes: Notes) -> None:
    path = notes.write("a", "alpha")
    stat = path.stat()
    assert await ids(notes, "alpha") == ["a"]
    path.write_text("omega")
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert await ids(notes, "alpha") == []
    assert await ids(notes, "omega") == ["a"]


async def test_files_moved_and_deleted_are_seen(notes: Notes) -> None:
    path = notes.write("a", "alpha")
    assert await ids(notes, "alpha") == ["a"]
    path.rename(path.with_name("b.md"))
    assert await ids(notes, "alpha") == ["b"]
    path.with_name("b.md").unlink()
    assert await ids(notes, "alpha") == []


async def test_what_has_not_changed_is_not_read_again(notes: Notes) -> None:
    path = notes.write("a", "alpha")
    await asyncio.sleep(0.2)  # until a further change would show in the file's time
    opened: list[str] = []
    sys.addaudithook(lambda event, args: opened.append(str(args[0])) if event == "open" else None)
    assert await ids(notes, "alpha") == ["a"]
    first = opened.count(str(path))
    assert await ids(notes, "alpha") == ["a"]
    assert opened.count(str(path)) == 2 * first - 1  # a hit's head is read, the index is not made
