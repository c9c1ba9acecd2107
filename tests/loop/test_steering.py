"""What a person does in mid-run: say something, change the plan, take a step over, pause, stop."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from ledger import Ledger

from m2agent.events import Asked, Called, Declined, Event, Item, Planned, Returned, ToolSpec
from m2agent.loop import Answer, Ask, Did, Steering, carry_on
from m2agent.loop.plan import as_text, from_text
from m2agent.model import ModelSettings, Piece, Progress
from m2agent.testing.stage import Stage, ended
from m2agent.transcript import AssistantMessage, UserMessage, messages
from m2agent_models.m2 import render
from m2agent_models.script import Script


def call(tool: str, **arguments: Any) -> dict[str, Any]:
    return {"tool": f"ledger_{tool}", "arguments": arguments}


def stage(folder: Path, *turns: dict[str, Any], **more: Any) -> tuple[Stage, Script, Ledger]:
    model, ledger = Script(turns), Ledger(folder / "ledger.jsonl")
    return Stage(folder, model, {"ledger": ledger}, **more), model, ledger


async def test_what_is_said_and_planned_keeps_the_prompt_and_all_thinking(tmp_path: Path) -> None:
    """No new user message: M2 would drop its earlier thinking, and the cache with it."""
    steering = Steering()
    turns = [{"thinking": f"Thought {n}.", "calls": [call("look", word=str(n))]} for n in range(6)]
    scene, model, _ = stage(tmp_path, *turns, {"text": "Done."}, steering=steering)
    journal = scene.journal()
    run, said = scene.begin(journal), False
    async with aclosing(carry_on(run, scene.crew())) as pieces:
        async for _ in pieces:
            if not said and len(model.saw) == 2:
                said = True
                steering.say("Hurry.")
                steering.say("And quietly.")
                steering.replan(Planned([Item("Look six times", "done")], ["Ann is 7"], "Ann"))
    journal.close()

    prompts = [render(history, []) for history in model.saw]
    for before, after in pairwise(prompts):
        assert after.startswith(before), "the prompt did not only grow"
    assert all(f"Thought {n}." in prompts[-1] for n in range(6))
    assert sum(isinstance(m, UserMessage) for m in messages(model.saw[-1])) == 1
    assert prompts[2].count("Hurry.") == prompts[2].count("And quietly.") == 1
    assert "The person changed the plan" in prompts[2] and "Ann is 7" in prompts[2]


async def test_the_persons_plan_is_what_the_report_is_held_against(tmp_path: Path) -> None:
    steering = Steering()
    steering.replan(Planned([Item("Call Ann")], by="Ann"))
    scene, *_ = stage(tmp_path, *[{"text": "Done."}] * 4, steering=steering)

    events = await scene.play()

    assert ended(events).exit_code == 7
    assert "Call Ann" in ended(events).reason


async def test_a_step_that_the_person_takes_over_is_done_on_their_word(tmp_path: Path) -> None:
    async def myself(asks: Sequence[Ask]) -> Sequence[Answer]:
        return [Did("Ann", "I rang them up.") for _ in asks]

    report = {"text": "Ann told everybody. [person 1.1]"}
    scene, _, ledger = stage(tmp_path, {"calls": [call("post", text="hi")]}, report, approve=myself)
    events = await scene.play()

    assert ledger.texts() == []
    (declined,) = [event for event in events if isinstance(event, Declined)]
    (returned,) = [event for event in events if isinstance(event, Returned)]
    assert (declined.done, declined.by, returned.ok) == (True, "Ann", True)
    assert "did this step themselves" in returned.text and "rang them up" in returned.text
    assert ended(events).exit_code == 0


async def test_a_paused_run_does_nothing_until_it_goes_on(tmp_path: Path) -> None:
    steering = Steering()
    scene, model, ledger = stage(
        tmp_path,
        {"calls": [call("put", text="a"), call("put", text="b")]},
        {"text": "Done."},
        steering=steering,
    )
    steering.pause()
    playing = asyncio.create_task(scene.play())
    for _ in range(50):
        await asyncio.sleep(0)
    assert (len(model.saw), ledger.texts(), steering.paused) == (0, [], True)

    steering.say("Go on then.")
    steering.go_on()
    events = await playing
    assert ledger.texts() == ["a", "b"]
    assert [event.text for event in events if isinstance(event, Asked)] == ["Do it.", "Go on then."]


async def test_a_paused_run_can_be_stopped(tmp_path: Path) -> None:
    steering = Steering()
    scene, *_ = stage(tmp_path, {"calls": [call("look")]}, steering=steering)
    steering.pause()
    playing = asyncio.create_task(scene.play())
    await asyncio.sleep(0)
    steering.stop()

    assert ended(await playing).exit_code == 130


class SlowReader(Script):
    """Reads the prompt of its second turn for as long as it is let."""

    async def reply(
        self, history: Sequence[Event], tools: Sequence[ToolSpec], settings: ModelSettings
    ) -> AsyncGenerator[Piece, None]:
        if len(self.saw) == 1:
            yield Progress(512, 100_000)
            self.saw_the_end = False
            try:
                await asyncio.Event().wait()
            finally:
                self.saw_the_end = True
        async for piece in super().reply(history, tools, settings):
            yield piece


async def test_who_stops_while_the_model_reads_need_not_wait_for_its_turn(tmp_path: Path) -> None:
    steering = Steering()
    model = SlowReader([{"calls": [call("look")]}, {"text": "Done."}])
    ledger = {"ledger": Ledger(tmp_path / "ledger.jsonl")}
    scene = Stage(tmp_path, model, ledger, steering=steering)
    journal = scene.journal()
    run = scene.begin(journal)
    async with aclosing(carry_on(run, scene.crew())) as pieces:
        async for piece in pieces:
            if isinstance(piece, Progress):
                steering.stop()
    events = run.events
    journal.close()

    assert ended(events).exit_code == 130
    assert isinstance(events[-2], Returned), "nothing of the unwritten turn is in the journal"
    assert model.saw_the_end


async def test_what_was_said_after_the_fold_of_thinking_stays_in_the_tool_turn(
    tmp_path: Path,
) -> None:
    steering = Steering()
    steering.say("First.")
    scene, model, _ = stage(tmp_path, {"calls": [call("look")]}, {"text": "Ok."}, steering=steering)
    await scene.play()

    kinds = [type(message) for message in messages(model.saw[-1])]
    assert kinds.count(UserMessage) == 1 and kinds.count(AssistantMessage) == 1
    assert [e.tool for e in model.saw[-1] if isinstance(e, Called)] == ["ledger_look"]


PLAN = Planned(
    [Item("Draft it", "done", "[draft d1] [message m7]"), Item("Send [it] to Ann", "open")],
    ["Ann is at [desk 4], room: 12"],
    "Ann",
)


def test_a_plan_as_text_is_read_back_as_it_was() -> None:
    assert from_text(as_text(PLAN), "Ann") == PLAN


@pytest.mark.parametrize(
    ("line", "item"),
    [
        ("Call Bob", Item("Call Bob")),
        ("- [doing] Call Bob", Item("Call Bob", "doing")),
        ("* Call Bob [page Notes/1]", Item("Call Bob", "open", "[page Notes/1]")),
        ("[later] Call Bob", Item("[later] Call Bob")),
        ("# a comment", None),
        ("   ", None),
    ],
)
def test_a_line_that_a_person_wrote_becomes_an_item(line: str, item: Item | None) -> None:
    assert from_text(line, "Ann").items == ([item] if item else [])
