"""A long run on the screen: a window over it, that follows the end or stays where one reads."""

import re
import time

import pytest
from scene import Scene, Stage, call

from m2agent.events import Asked, Began, Called, Ended, Event, Returned, Turned
from m2agent.home import journal_file
from m2agent.journal import Journal
from m2agent.model import Token
from m2agent_tui.lines import Line
from m2agent_tui.transcript import Transcript


def write_run(*events: Event) -> None:
    journal = Journal(journal_file())
    run = journal.create()
    run.add(Began("script", ""), *events, Ended("done", "Done, and checked.", 0))
    journal.close()


def long_run(calls: int) -> list[Event]:
    return [
        Asked("Count."),
        *(
            event
            for n in range(1, calls + 1)
            for event in (
                Called(f"{n}.1", "post_look", {"what": f"number {n}"}),
                Turned("calls"),
                Returned(f"{n}.1", True, f"result {n}"),
            )
        ),
    ]


async def opened(scene: Scene) -> Transcript:
    await scene.sees("What should be done?")
    await scene.press("ctrl+r")
    await scene.sees("Enter opens")
    await scene.press("enter")
    await scene.sees("Done, and checked.")
    return scene.app.screen.query_one(Transcript)


async def test_ten_thousand_events_are_a_window_of_few_widgets(stage: Stage) -> None:
    write_run(*long_run(3_333))
    async with stage.open() as scene:
        transcript = await opened(scene)
        assert "Post look: number 3333" in scene.text
        assert len(transcript.children) < 100
        await scene.press("ctrl+home")
        await scene.sees("Post look: number 1 ")
        assert len(transcript.children) < 100
        await scene.press(*["pagedown"] * 3)
        await scene.sees("Post look: number 47 ")
        await scene.press("ctrl+end")
        await scene.sees("Post look: number 3333")


async def test_paging_up_goes_through_the_whole_run_without_growing(stage: Stage) -> None:
    write_run(*long_run(150))
    async with stage.open() as scene:
        transcript = await opened(scene)
        seen: set[str] = set()
        for _ in range(20):
            seen.update(
                row.strip().split("  ")[0] for row in scene.text.splitlines() if "number" in row
            )
            assert len(transcript.children) < 200
            await scene.press("pageup")
        assert "✓ Post look: number 1" in seen
        assert len(seen) == 150


async def test_who_reads_further_up_is_not_moved_by_what_happens(stage: Stage) -> None:
    write_run(*long_run(100))
    async with stage.open() as scene:
        transcript = await opened(scene)
        await scene.press("pageup")
        before = re.findall(r"number \d+", scene.text)
        transcript.take([Called("200.1", "post_look", {"what": "more"})])
        await scene.pilot.pause(0.1)
        assert re.findall(r"number \d+", scene.text) == before
        await scene.press("ctrl+end")
        await scene.sees("Post look: more")


async def test_a_stream_of_a_million_characters_takes_a_few_lines(stage: Stage) -> None:
    async with stage.open(call("post_wait")) as scene:
        await scene.say("Wait")
        await scene.sees("running")
        transcript = scene.app.screen.query_one(Transcript)
        for n in range(200_000):
            transcript.write(Token(f"w{n} ", "thought"))
        transcript.draw()
        await scene.sees("w199999")
        assert "w199000" not in scene.text
        assert transcript.virtual_size.height < 30


@pytest.mark.parametrize(
    "text",
    ["x" * 1_000_000, "y\n" * 100_000, "[b]\x1b[31m\u202e" * 1_000],
    ids=["one long line", "many lines", "escapes"],
)
async def test_a_hostile_text_in_every_field_is_shown_as_text_and_quickly(
    stage: Stage, text: str
) -> None:
    write_run(
        Asked(text),
        Called("1.1", "post_look", {"what": text, text[:50]: [text]}),
        Turned("calls"),
        Returned("1.1", False, text),
    )
    async with stage.open() as scene:
        began = time.process_time()
        transcript = await opened(scene)
        for shown in transcript.query(Line):
            shown.action_open()
        await scene.pilot.pause(0.2)
        assert time.process_time() - began < 5
        assert "\x1b" not in scene.text and "\u202e" not in scene.text


async def test_a_link_in_the_models_words_is_plain_text_with_its_address(stage: Stage) -> None:
    words = "See [your bank](http://evil.example) and <http://other.example> ![x](y.png)"
    async with stage.open({"text": words}) as scene:
        await scene.say("Say it")
        await scene.sees("Done, and checked.")
        assert "[your bank](http://evil.example) and <http://other.example>" in scene.text
