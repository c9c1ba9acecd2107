"""How few words the tools need, beside the JSON of the services' own interfaces.

The sample office is asked for what a run asks for. Raw is what one would hand to a model without
the tools: every answer that holds what was asked for, as it came.
"""

import asyncio
import json
from pathlib import Path
from typing import Any

from gmail_scene import scene as gmail_scene
from gmail_server import running
from notion_scene import scene as notion_scene
from office_online import move_mail, move_notes

from m2agent import office

_SEARCH = 1 / 7
_PAGE = 1 / 15  # of short lines; what is long in itself cannot be told in much less than it is
_SHORT = 50  # characters
_ANY_PAGE = 1 / 10
_MAIL = 1 / 4  # the emulator's mails have none of the headers that real ones pick up on the way


def told(name: str, raw: int, text: str) -> float:
    print(f"{name:28} {raw:>8,} raw {len(text):>7,} told  1/{raw / len(text):.1f}")
    return len(text) / raw


async def test_mail_is_told_in_a_seventh_of_what_gmail_says(tmp_path: Path) -> None:
    truth = office.write(tmp_path / "office").person
    with running(f"{truth.name} <{truth.address}>") as gmail:
        person = await asyncio.to_thread(gmail.person, truth.address)
        await asyncio.to_thread(move_mail, tmp_path / "office", person)
        async with gmail_scene(person, tmp_path) as mail:

            def raw(path: str) -> int:
                return len(json.dumps(person.ask("GET", path)))

            print()
            for query in ("label:Suppliers is:unread", "in:inbox", "in:sent"):
                found = await mail.call("search", query=query)
                ids = [item["id"] for item in found.data["items"]]
                assert len(ids) >= 10
                size = raw(f"messages?q={query.replace(' ', '+')}&maxResults=15")
                size += sum(raw(f"messages/{id}?format=full") for id in ids)
                assert told(f"mail_search {query[:15]}", size, found.text) <= _SEARCH
            found = await mail.call("search", query="label:Suppliers is:unread", limit=50)
            sizes = [0, 0]
            for item in found.data["items"]:
                read = await mail.call("read", id=item["id"])
                sizes[0] += raw(f"messages/{item['id']}?format=full")
                sizes[1] += len(read.text)
            assert told("mail_read, all of these", sizes[0], " " * sizes[1]) <= _MAIL


async def test_notes_are_told_in_a_seventh_and_pages_of_short_lines_in_a_fifteenth(
    tmp_path: Path,
) -> None:
    office.write(tmp_path / "office")
    async with notion_scene(tmp_path) as notion:
        move_notes(tmp_path / "office", notion.world)

        def raw(*answers: Any) -> int:
            return sum(len(json.dumps(answer)) for answer in answers)

        print()
        found = await notion.call("search", query="", limit=50)
        shown = notion.world.search({})[: len(found.data["items"])]
        assert told("notes_search", raw(shown), found.text) <= _SEARCH
        table = await notion.call("query", table="Invoices", limit=25)
        rows = notion.world.query(await source(notion, "Invoices"), {})[: len(table.data["rows"])]
        assert told("notes_query Invoices", raw(rows), table.text) <= _SEARCH
        pages = [page for page in notion.world.pages.values() if "page_id" in page.parent]
        read = {page.id: (await notion.call("read", id=page.id)).text for page in pages}
        sizes = {p.id: raw(notion.world.shown(p), notion.world.children(p.id)) for p in pages}
        for page in pages:
            average = sum(len(line) for line, _ in page.lines) / len(page.lines)
            if len(page.lines) > 4 and average < _SHORT:
                title = page.properties["title"]["title"][0]["plain_text"]
                assert told(f"notes_read {title}", sizes[page.id], read[page.id]) <= _PAGE
        assert told(f"notes_read, {len(pages)} pages", sum(sizes.values()), "".join(read.values()))
        assert len("".join(read.values())) / sum(sizes.values()) <= _ANY_PAGE


async def source(notion: Any, title: str) -> str:
    """The id of the table of that title."""
    sources: dict[str, Any] = notion.world.sources
    return next(id for id, one in sources.items() if one["title"][0]["plain_text"] == title)
