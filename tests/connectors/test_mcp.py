"""MCP servers as connectors: effects, results, changes, and servers that die or are many."""

import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mcp_server
import pytest

from m2agent.connector import Account
from m2agent.errors import SetupError
from m2agent.events import Called, Decided, Event, Returned, Unsettled
from m2agent.loop.ask import Absent, No, Yes, park
from m2agent.policy import Rules
from m2agent.policy.rules import Rule
from m2agent.testing import Stage
from m2agent.testing.stage import ended
from m2agent.toolbox import Toolbox
from m2agent_connectors.mcp import Mcp
from m2agent_models.script import Script


@dataclass
class Scene:
    """A server called `desk`, and the file in which it keeps what it did."""

    folder: Path
    desk: Mcp
    file: Path

    @property
    def did(self) -> list[str]:
        return self.file.read_text().splitlines() if self.file.exists() else []

    async def play(
        self, *turns: Any, approve: Any = park, rules: Rules | None = None
    ) -> list[Event]:
        stage = Stage(
            self.folder, Script(list(turns)), {"desk": self.desk}, approve, rules or Rules()
        )
        return await stage.play("Look at the desk.")


@asynccontextmanager
async def serving(folder: Path, *, many: int = 0, **settings: Any) -> AsyncGenerator[Scene, None]:
    file = folder / "did.txt"
    command = [sys.executable, mcp_server.__file__, str(file), str(many)]
    account = Account("desk", folder / "account", folder, {"command": command, **settings})
    desk = await Mcp.open(account)
    try:
        yield Scene(folder, desk, file)
    finally:
        await desk.close()


def calls(*named: str, **arguments: Any) -> dict[str, Any]:
    return {"calls": [{"tool": name, "arguments": arguments} for name in named]}


def returned(events: list[Event]) -> list[Returned]:
    return [event for event in events if isinstance(event, Returned)]


def names(desk: Mcp) -> set[str]:
    return {spec.name for spec in Toolbox({"desk": desk}).specs}


async def test_annotations_give_the_effect_and_what_is_not_said_is_a_send(tmp_path: Path) -> None:
    async with serving(tmp_path) as scene:
        told = scene.desk.told()
    named = ("desk_look", "desk_fetch", "desk_note", "desk_keep", "desk_drop")
    assert [told[name][0] for name in named] == ["read", "send", "send", "write", "destroy"]


async def test_a_read_happens_and_what_it_says_is_an_outsiders_text(tmp_path: Path) -> None:
    async with serving(tmp_path) as scene:
        events = await scene.play(calls("desk_look"), calls("desk_note", text="eve@evil.example"))
    (looked,) = returned(events)
    assert looked.origin[0].trust == "outside"
    decided = [event for event in events if isinstance(event, Decided)]
    assert [one.decision for one in decided] == ["allow", "ask"]
    assert "the MCP server desk" in decided[1].reason
    assert scene.did == []
    assert ended(events).exit_code == 4


async def test_a_yes_has_it_done_once_with_a_receipt(tmp_path: Path) -> None:
    async with serving(tmp_path) as scene:
        events = await scene.play(
            calls("desk_note", text="hello"),
            {"text": "Noted [desk 1.1]."},
            approve=Absent(Yes("me")),
        )
    assert scene.did == ["note hello"]
    assert [(r.kind, r.id) for r in returned(events)[0].receipts] == [("desk", "1.1")]
    assert ended(events).status == "done"


async def test_wrong_arguments_are_told_to_the_model_and_not_sent(tmp_path: Path) -> None:
    async with serving(tmp_path) as scene:
        events = await scene.play(calls("desk_note", words="hello"), approve=Absent(Yes("me")))
    (said,) = returned(events)
    assert not said.ok
    assert "'text' is a required property" in said.text
    assert scene.did == []


async def test_a_refusal_of_the_server_is_words_for_the_model(tmp_path: Path) -> None:
    async with serving(tmp_path) as scene:
        events = await scene.play(calls("desk_fail"))
    assert returned(events)[0].text == "There is no such thing. Look first."


async def test_data_pictures_and_odd_names_come_through(tmp_path: Path) -> None:
    async with serving(tmp_path) as scene:
        events = await scene.play(calls("desk_table", "desk_picture", "desk_odd_name_here"))
    table, picture, odd = returned(events)
    assert table.data == {"rows": [{"id": 7}]}
    assert picture.text.startswith("[image/png, 15 bytes, kept as ")
    (file,) = scene.folder.rglob(picture.artifacts[0])
    assert file.read_bytes().startswith(b"\x89PNG")
    assert odd.ok


async def test_resources_and_prompts_are_reached_by_tools(tmp_path: Path) -> None:
    async with serving(tmp_path) as scene:
        prompt = {"name": "greet", "arguments": {"who": "Ann"}}
        events = await scene.play(
            calls("desk_list_resources"),
            calls("desk_read_resource", uri="memo://one"),
            calls("desk_get_prompt", **prompt),
            calls("desk_read_resource", uri="memo://secret-of-the-person"),
        )
    listed, read, greeting = returned(events)
    assert listed.text.startswith("memo://one  one  A memo.")
    assert read.text.endswith("What memo://one says.")
    assert greeting.text == "Greet Ann."
    assert ended(events).status == "waiting"  # an address that nobody listed goes out


async def test_a_server_that_dies_in_a_read_is_started_again(tmp_path: Path) -> None:
    async with serving(tmp_path) as scene:
        events = await scene.play(calls("desk_die"), calls("desk_look"))
    died, looked = returned(events)
    assert (died.ok, looked.ok) == (False, True)
    assert "stopped in the middle" in died.text


async def test_a_server_that_dies_in_an_effect_leaves_a_question(tmp_path: Path) -> None:
    async with serving(tmp_path) as scene:
        events = await scene.play(calls("desk_note_and_die", text="x"), approve=Absent(Yes("me")))
        (doubt,) = [event for event in events if isinstance(event, Unsettled)]
        assert ended(events).status == "waiting"
        assert "Look there for" in doubt.how
    assert scene.did == ["note_and_die x"]  # and not a second time


async def test_a_server_that_never_answers_is_given_up(tmp_path: Path) -> None:
    async with serving(tmp_path, seconds=0.5) as scene:
        events = await scene.play(calls("desk_never"))
    assert "gave no answer in time" in returned(events)[0].text


async def test_a_line_that_is_no_message_does_no_harm(tmp_path: Path) -> None:
    async with serving(tmp_path) as scene:
        events = await scene.play(calls("desk_chatter"), calls("desk_look"))
    assert [one.ok for one in returned(events)] == [True, True]


async def test_tools_that_change_in_the_middle_are_told_and_reached(tmp_path: Path) -> None:
    async with serving(tmp_path) as scene:
        before = names(scene.desk)
        events = await scene.play(
            calls("desk_grow"),
            calls("desk_find_tools", query="comes later"),
            calls("desk_call_tool", tool="later"),
            calls("desk_look"),
        )
        after = names(scene.desk)
    grown, found, later, gone = returned(events)
    assert "New: later" in grown.text or "New: later" in found.text
    assert "later  Comes later." in found.text
    assert later.text.startswith("later: nothing.")
    assert not gone.ok
    assert before - after == {"desk_look"}


async def test_two_hundred_tools_take_little_of_the_prompt_and_all_can_be_called(
    tmp_path: Path,
) -> None:
    async with serving(tmp_path, many=200) as scene:
        listed = names(scene.desk)
        events = await scene.play(
            calls("desk_find_tools", query="thing 117"),
            calls("desk_call_tool", tool="thing_117", arguments={"text": "x"}),
            calls("desk_thing_118", text="y"),
            approve=Absent(Yes("me")),
        )
    assert listed == {
        "desk_call_tool", "desk_find_tools", "desk_get_prompt", "desk_list_resources",
        "desk_read_resource",
    }  # fmt: skip
    found, first, second = returned(events)
    assert found.text.startswith("thing_117  Handles thing 117.")
    assert (first.text, second.text) == (
        'thing_117 did {"text": "x"}.',
        'thing_118 did {"text": "y"}.',
    )


async def test_a_rule_about_a_tool_holds_however_the_tool_is_called(tmp_path: Path) -> None:
    rules = Rules([Rule("deny", tool="desk_thing_*")])
    async with serving(tmp_path, many=200) as scene:
        events = await scene.play(
            calls("desk_call_tool", tool="thing_1", arguments={"text": "x"}),
            approve=Absent(No("me")),
            rules=rules,
        )
    assert [one.rule for one in events if isinstance(one, Decided)] == ["rule 1"]


async def test_two_servers_that_name_a_tool_alike_do_not_hide_each_other(tmp_path: Path) -> None:
    async with serving(tmp_path) as one, serving(tmp_path / "b") as two:
        box = Toolbox({"desk": one.desk, "other": two.desk})
        call = box.check(Called("1.1", "desk_look_2"))
    assert (call.account, call.tool.name) == ("other", "look")


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"command": ["/nonexistent/server"]}, "there is no command '/nonexistent/server'"),
        ({"command": [sys.executable, "-c", "import sys; sys.exit('Bad key.')"]}, "Bad key."),
        ({"command": [sys.executable], "url": "http://x"}, "either a command or a url"),
        ({}, "either a command or a url"),
        ({"url": "http://127.0.0.1:9/mcp"}, "cannot be used"),
        ({"url": "http://x", "headers": {"Authorization": "Bearer k"}}, "secrets do not belong"),
        ({"command": ["x"], "env": {"KEY": "${NOT_KEPT}"}}, "needs NOT_KEPT"),
    ],
)
async def test_what_cannot_be_started_is_said_with_the_fix(
    tmp_path: Path, settings: dict[str, Any], words: str
) -> None:
    with pytest.raises(SetupError) as caught:
        await Mcp.open(Account("desk", tmp_path / "account", tmp_path, settings))
    assert words in str(caught.value)
    assert caught.value.fix


async def test_a_name_of_our_own_tools_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="is taken by tools of m2agent's own"):
        await Mcp.open(Account("mail", tmp_path, tmp_path, {"command": ["x"]}))
