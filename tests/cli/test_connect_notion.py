"""`m2agent connect notion`, as a process of its own against the test server."""

import asyncio
import sys
import tomllib
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "connectors"))

from command import Command
from notion_scene import COLUMNS
from notion_server import TOKEN, Server, running


async def connect(command: Command, server: Server, token: str, *more: str) -> "tuple[int, str]":
    arguments = ["connect", "notion", "--base-url", server.url, "--store", "file", *more]
    done = await asyncio.to_thread(lambda: command(*arguments, stdin=f"{token}\n"))
    return done.code, done.out + done.err


@pytest.fixture
def command(tmp_path: Path) -> Command:
    return Command(tmp_path)


async def test_a_good_token_is_kept_and_the_account_written(command: Command) -> None:
    async with running() as server:
        server.world.page("Hiring")
        server.world.table("Invoices", COLUMNS)
        code, said = await connect(command, server, TOKEN)
    assert code == 0, said
    assert "Connected to Acme as m2agent." in said
    assert "table  Invoices" in said and "page  Hiring" in said
    assert TOKEN not in said
    (kept,) = (command.home / "secrets").iterdir()
    assert (kept.read_text(), kept.stat().st_mode & 0o777) == (TOKEN, 0o600)
    config = tomllib.loads((command.home / "config.toml").read_text())
    assert config["accounts"] == {
        "mail": {"connector": "local-mail"},
        "shell": {"connector": "shell"},
        "notes": {"connector": "notion", "base_url": server.url},
    }


async def test_what_else_stands_in_the_configuration_stays(command: Command) -> None:
    command.home.mkdir()
    config = command.home / "config.toml"
    config.write_text('# Mine.\nperson = "Ann"\n\n[accounts.sh]\nconnector = "shell"\n')
    async with running() as server:
        code, said = await connect(command, server, TOKEN, "--account", "wiki")
        assert code == 0, said
        assert (await connect(command, server, TOKEN, "--account", "wiki"))[0] == 0
        assert (await connect(command, server, TOKEN, "--account", "sh"))[0] == 2
    assert config.read_text().startswith("# Mine.\n")
    assert tomllib.loads(config.read_text())["accounts"].keys() == {"sh", "wiki"}
    assert config.read_text().count("[accounts.wiki]") == 1


async def test_a_wrong_token_is_kept_nowhere(command: Command) -> None:
    async with running() as server:
        code, said = await connect(command, server, "ntn_wrong")
    assert code == 3
    assert "does not accept" in said and "m2agent connect notion" in said
    assert not (command.home / "config.toml").exists()
    assert not (command.home / "secrets").exists()


async def test_no_token_is_wrong_usage(command: Command) -> None:
    async with running() as server:
        assert (await connect(command, server, ""))[0] == 2
        assert server.log == []
