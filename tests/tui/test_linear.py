"""The program as plain lines, as a screen reader hears it."""

import asyncio
import os
import pty
import subprocess
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

from scene import Stage, call

from m2agent.events import Asked, Ended
from m2agent.home import home
from m2agent_tui.desks import Desks
from m2agent_tui.linear import Talk
from m2agent_tui.start import Start

SEND = call("post_send", to="ann", text="Dear \x1b[31mAnn")


class Heard(list[str]):
    """What was told so far."""

    async def wait_for(self, words: str) -> None:
        async with asyncio.timeout(20):
            while not any(words in line for line in self):  # noqa: ASYNC110
                await asyncio.sleep(0.01)


@asynccontextmanager
async def talk(stage: Stage, *turns: Any) -> AsyncGenerator[tuple[Talk, Heard]]:
    setup = stage.script(*turns)
    desks, heard = Desks(lambda: Start(setup)), Heard()
    talking = Talk(desks, heard.append)
    try:
        await talking.greet()
        yield talking, heard
    finally:
        await talking.leave()
        await desks.close()


async def test_each_thing_that_happens_is_a_sentence(stage: Stage) -> None:
    look = {"thinking": "Where is it?", **call("post_look", what="rent")}
    async with talk(stage, look, {"text": "Two letters."}) as (talking, heard):
        await talking.take("Look for rent")
        await heard.wait_for("What else")
    assert heard[2:] == [
        "You: Look for rent",
        "Thought for 3 words.",
        "Step: Post look: rent",
        "Done: Post look: rent. 2 letters about rent.",
        "m2agent says: Two letters.",
        "Checked: all is proven.",
        "Ended: done. Done, and checked.",
        "What else should be done?",
    ]


async def test_a_question_is_read_out_in_full_and_answered_twice(stage: Stage) -> None:
    async with talk(stage, SEND) as (talking, heard):
        await talking.take("See to it")
        await heard.wait_for("Type yes, no")
        assert "To: ann\n\nDear \N{REPLACEMENT CHARACTER}[31mAnn" in heard[-1]
        await talking.take("perhaps")
        assert stage.sent == []
        await talking.take("yes")
        await heard.wait_for("Do 1, decline 0?")
        assert stage.sent == []
        await talking.take("yes")
        await heard.wait_for("Ended: done")
    assert stage.sent == ["ann: Dear \x1b[31mAnn"]


async def test_a_no_takes_its_reason_and_later_leaves_it_open(stage: Stage) -> None:
    async with talk(stage, SEND, {"text": "Then not."}) as (talking, heard):
        await talking.take("See to it")
        await heard.wait_for("Type yes, no")
        await talking.take("later")
        await heard.wait_for("An empty line goes on")
        heard.clear()
        await talking.take("")
        await heard.wait_for("Type yes, no")
        await talking.take("no too early")
        await heard.wait_for("decline 1?")
        await talking.take("yes")
        await heard.wait_for("Failed: Post send: ann")
    assert stage.sent == []


async def test_what_is_typed_meanwhile_reaches_the_model_and_stop_stops(stage: Stage) -> None:
    async with talk(stage, call("post_wait"), call("post_wait")) as (talking, heard):
        await talking.take("Wait")
        await heard.wait_for("Step: Post wait")
        await talking.take("And be brief")
        stage.go()
        await heard.wait_for("You: And be brief")
        await talking.take("stop")
        await heard.wait_for("Ended: ")
    assert Asked("And be brief") in stage.events()


async def test_runs_are_listed_opened_and_gone_on_with(stage: Stage) -> None:
    async with talk(stage, call("post_wait"), {"text": "It came."}) as (talking, heard):
        await talking.take("Wait for it")
        await heard.wait_for("Step: Post wait")
        await talking.take("stop")
        await talking.take("stop")
        await heard.wait_for("An empty line goes on")
        await talking.take("new")
        await talking.take("runs")
        assert "interrupted, now. Wait for it" in heard[-1]
        await talking.take(f"open {heard[-1].partition(':')[0]}")
        stage.go()
        await talking.take("")
        await heard.wait_for("m2agent says: It came.")
    assert isinstance(stage.events()[-1], Ended)


def test_in_a_real_terminal_it_greets_and_leaves(stage: Stage) -> None:
    setup = stage.script({"text": "Hello."})
    master, slave = pty.openpty()
    program = [sys.executable, "-m", "m2agent", "--linear", "--model", setup.model]
    with subprocess.Popen(
        program, stdin=slave, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        os.write(master, b"Say hello\n")
        assert process.stdout
        told = iter(process.stdout.readline, "")
        assert any("m2agent says: Hello." in line for line in told)
        assert any("Ended: done" in line for line in told)
        os.write(master, b"quit\n")
        assert process.wait(30) == 0
    os.close(master)
    os.close(slave)
    assert (home() / "journal.db").exists()
