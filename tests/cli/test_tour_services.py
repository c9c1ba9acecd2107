"""The README's tour, word for word, on Gmail and Notion: the same outcome as on local accounts."""

import asyncio
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "connectors"))

from command import Command, Done, connect_services
from gmail_server import running as gmail_running
from notion_server import running as notion_running
from office_online import as_sent, move_mail, move_notes, rows_in_files, rows_in_notion

from m2agent import office

_MODEL = f"script:{office.SCRIPT}"


def files(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


async def tour(m2agent: Command, *options: str) -> list[Done]:
    """The run, with a yes whenever it waits for one."""
    run = ["run", office.TASK, "--model", _MODEL, "--events", *options]
    ended = [await asyncio.to_thread(m2agent, *run)]
    while ended[-1].code == 4 and len(ended) < 5:
        ended.append(await asyncio.to_thread(m2agent, "approve", "last", "--events"))
    return ended


async def test_the_tour_on_gmail_and_notion_ends_as_on_local_accounts(tmp_path: Path) -> None:
    local, online = Command(tmp_path / "local"), Command(tmp_path / "online")
    for command in (local, online):
        command.folder.mkdir()
        office.write(command.folder / "office")
    here = local.folder / "office"
    there = online.folder / "office"
    ended_here = await tour(local, "--office", str(here))
    outbox = sorted(as_sent(path.read_bytes()) for path in (here / "mail/outbox").glob("*.eml"))

    person = office.read(there).person
    with gmail_running(f"{person.name} <{person.address}>") as gmail:
        niamh = gmail.person(person.address)
        move_mail(there, niamh)
        before = set(niamh.ids("SENT"))
        async with notion_running() as notion:
            move_notes(there, notion.world)
            connect_services(online, gmail.url, niamh.refresh_token, notion.url)
            ended_there = await tour(online)
            rows = rows_in_notion(notion.world)
        sent = sorted(as_sent(niamh.raw(id)) for id in set(niamh.ids("SENT")) - before)

    assert [one.code for one in ended_here] == [4, 0]
    # One question more: Notion's search looks at titles only, so the task that is set to Done in
    # the end never turned up in a search, as it did in the folder of notes.
    assert [one.code for one in ended_there] == [4, 4, 0]
    assert sent == outbox and len(sent) == 4
    assert rows == rows_in_files(here)
    assert files(there / "work") == files(here / "work")
    assert steps(ended_there) == steps(ended_here)


def steps(ended: list[Done]) -> list[tuple[str, bool]]:
    """Each call that was made, and whether it worked."""
    events = [event for one in ended for event in one.events]
    ok = {e["id"]: e["ok"] for e in events if e["type"] == "returned"}
    return [(e["tool"], ok[e["id"]]) for e in events if e["type"] == "called"]
