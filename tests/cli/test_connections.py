"""`m2agent connections`, as a process of its own against the test server of Notion."""

import asyncio
import sys
import tomllib
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "connectors"))

from command import Command, Done
from notion_server import TOKEN, Server, running


@pytest.fixture
def command(tmp_path: Path) -> Command:
    return Command(tmp_path)


async def run(command: Command, *arguments: str, stdin: str = "") -> Done:
    return await asyncio.to_thread(lambda: command(*arguments, stdin=stdin))


async def connect(command: Command, server: Server, *more: str) -> None:
    arguments = ["connect", "notion", "--base-url", server.url, "--store", "file", *more]
    done = await run(command, *arguments, stdin=f"{TOKEN}\n")
    assert done.code == 0, done.err


def test_without_a_configuration_the_local_accounts_are_listed(command: Command) -> None:
    done = command("connections")
    assert done.code == 0
    assert [line.split()[:2] for line in done.out.splitlines()] == [
        ["mail", "local-mail"],
        ["notes", "local-notes"],
        ["shell", "shell"],
    ]


async def test_a_test_asks_the_service_who_is_there(command: Command) -> None:
    async with running() as server:
        await connect(command, server)
        done = await run(command, "connections", "test", "notes")
        assert (done.code, done.out) == (0, "notes        notion       Acme, as m2agent\n")
        server.faults[len(server.log) + 1] = "401"
        done = await run(command, "connections", "test")
    assert done.code == 3
    assert "notes        notion       BAD  Notion does not accept the token" in done.out
    assert "mail         local-mail   0 mails" in done.out


async def test_revoking_forgets_the_token_and_takes_only_that_account_out(
    command: Command,
) -> None:
    async with running() as server:
        await connect(command, server)
        await connect(command, server, "--account", "wiki")
    config = command.home / "config.toml"
    config.write_text("# Mine.\n" + config.read_text() + "\n[limits]\nturns = 9\n")
    done = await run(command, "connections", "revoke", "wiki")
    assert done.code == 0, done.err
    assert "until you delete the integration" in done.out
    assert [path.name for path in (command.home / "secrets").iterdir()] == ["notion%2Fnotes"]
    left = tomllib.loads(config.read_text())
    assert (left["accounts"].keys(), left["limits"]) == ({"mail", "shell", "notes"}, {"turns": 9})
    assert config.read_text().startswith("# Mine.\n")


def test_what_is_not_connected_cannot_be_revoked_or_tested(command: Command) -> None:
    for arguments in (("revoke", "wiki"), ("test", "wiki")):
        done = command("connections", *arguments)
        assert (done.code, done.out) == (2, "")
        assert "There is no account 'wiki'" in done.err


def test_a_table_that_cannot_be_told_from_the_rest_is_left_to_the_person(command: Command) -> None:
    command.home.mkdir()
    text = '[accounts]\nwiki = {connector = "notion"}\nsh = {connector = "shell"}\n'
    (command.home / "config.toml").write_text(text)
    done = command("connections", "revoke", "wiki")
    assert done.code == 3
    assert "Take it out by hand: all that belongs to accounts.wiki" in done.err
    assert (command.home / "config.toml").read_text() == text
