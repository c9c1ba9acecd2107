"""`m2agent selftest`, as a process of its own against the emulator and the test server."""

import asyncio
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "connectors"))

import pytest
from command import Command, connect_services
from gmail_server import running as gmail_running
from notion_server import running as notion_running


@pytest.fixture
def command(tmp_path: Path) -> Command:
    return Command(tmp_path)


def test_on_gmail_it_proves_sending_and_leaves_nothing_but_the_trash(command: Command) -> None:
    with gmail_running() as gmail:
        person = gmail.person()
        connect_services(command, gmail.url, person.refresh_token, "http://127.0.0.1:9")
        done = command("selftest", "gmail", "--yes")
        assert done.code == 0, done.out + done.err
        assert "ok   the same draft cannot be sent twice\n" in done.out
        assert done.out.endswith("All of it works, and all that was made is in the trash.\n")
        assert "BAD" not in done.out
        assert len(person.ids("SENT")) == len(person.ids("TRASH")) == 1
        assert person.ids("DRAFT") == []
        names = [label["name"] for label in person.ask("GET", "labels")["labels"]]
        assert not any("selftest" in name for name in names)


async def test_on_notion_it_proves_every_change_and_leaves_nothing_but_the_trash(
    command: Command,
) -> None:
    async with notion_running() as notion:
        mine = notion.world.page("Mine", "Keep this.")
        connect_services(command, "http://127.0.0.1:9", "r", notion.url)
        done = await asyncio.to_thread(command, "selftest", "notion", "--yes")
        assert done.code == 0, done.out + done.err
        assert "ok   undoing puts the text back as it was\n" in done.out
        assert notion.world.text(mine) == "Keep this."
        assert [p.in_trash for p in notion.world.pages.values()] == [False, True]
        assert notion.world.comments == []


def test_without_an_account_or_a_yes_nothing_is_done(command: Command) -> None:
    done = command("selftest", "gmail")
    assert (done.code, "m2agent connect gmail" in done.err) == (3, True)
