"""`m2agent connect notion`, as a process of its own against the test server."""

import asyncio
import json
import socket
import sys
import tomllib
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "connectors"))

from command import Command, Done
from notion_scene import COLUMNS
from notion_server import TOKEN, Server, running

from m2agent.errors import ToolFailed
from m2agent_connectors.notion import token
from m2agent_connectors.notion.token import Consent

BROWSER = """
import sys, urllib.parse as up, urllib.request as ur
asked = dict(up.parse_qsl(up.urlsplit(sys.argv[1]).query))
answer = up.urlencode({{"{key}": "{value}", "state": asked["state"]}})
ur.build_opener(ur.ProxyHandler({{}})).open(asked["redirect_uri"] + "?" + answer)
"""
"""A browser, and somebody in front of it who answers in this way."""


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


# A client of one's own


async def sign_in(command: Command, server: Server, key: str, value: str, *more: str) -> Done:
    script = command.folder / "browser.py"
    script.write_text(BROWSER.format(key=key, value=value))
    port = str(unused_port())
    arguments = ["connect", "notion", "--base-url", server.url, "--store", "file", *more]
    return await asyncio.to_thread(
        lambda: command(
            *arguments,
            *("--client-id", "client", "--port", port),
            stdin="shh\n",
            shell=f"BROWSER='{sys.executable} {script} %s' {{}}",
        )
    )


def unused_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


async def test_a_sign_in_is_kept_renewed_and_revoked(command: Command) -> None:
    async with running() as server:
        server.world.page("Hiring")
        done = await sign_in(command, server, "code", "good")
        assert done.code == 0, done.err
        assert "Connected to Acme as m2agent." in done.out
        (file,) = (command.home / "secrets").iterdir()
        first = json.loads(file.read_text())
        assert not any(secret in done.out + done.err for secret in first.values() if "t_" in secret)

        server.tokens.clear()
        for _ in range(2):
            tested = await asyncio.to_thread(command, "connections", "test", "notes")
            assert (tested.code, "Acme, as m2agent" in tested.out) == (0, True)
        second = json.loads(file.read_text())
        assert second["refresh_token"] != first["refresh_token"]
        assert second["token"] in server.tokens

        gone = await asyncio.to_thread(command, "connections", "revoke", "notes")
        assert (gone.code, "Notion has ended the access" in gone.out) == (0, True)
        assert second["token"] not in server.tokens
        assert not file.exists()


async def test_who_says_no_or_has_another_secret_is_told_what_to_do(command: Command) -> None:
    async with running() as server:
        no = await sign_in(command, server, "error", "access_denied")
        assert (no.code, "choose Allow access" in no.err) == (3, True), no.err
        wrong = await sign_in(command, server, "code", "bad")
        assert (wrong.code, "This grant is not valid." in wrong.err) == (3, True), wrong.err
    assert not (command.home / "secrets").exists()


async def test_two_that_renew_at_once_end_up_with_the_same_token() -> None:
    async with running() as server:
        consent = Consent("client", "shh", server.url)
        answer = {"code": "good"}
        access = await asyncio.to_thread(consent.finish, answer, "http://localhost:1/")
        token.keep("notes", access, in_file=True)
        server.tokens.clear()
        both = [asyncio.to_thread(token.renewed, "notes", access.token) for _ in range(4)]
        renewed = await asyncio.gather(*both)
        assert len(set(renewed)) == 1
        assert renewed[0] in server.tokens
        server.renewals.clear()
        with pytest.raises(ToolFailed, match="m2agent connect notion --account notes"):
            await asyncio.to_thread(token.renewed, "notes", renewed[0])
