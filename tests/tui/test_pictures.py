"""The screens worth keeping, as pictures; `pytest --snapshot-update` draws them anew."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest
from scene import Scene, Stage, call
from textual.pilot import Pilot
from textual.widgets import Input

from m2agent.home import offices
from m2agent_tui.app import M2Agent
from m2agent_tui.desks import Desks
from m2agent_tui.start import Start

Sizes = pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=["80x24", "120x40"])
Compare = Callable[..., bool]
Act = Callable[[Scene], Awaitable[None]]

LETTER = "Dear Ann,\n\nthe total of invoice 1042 should be 1,190.00, not 1,109.00.\n\nRegards\nKim"
SEND = {
    "thinking": "The sum of the lines is 1,190.00. The invoice says 1,109.00. " * 3,
    "text": "Invoice **1042** is wrong by 81.00. I write to Ann.",
    **call("post_send", to="ann@billing.example", text=LETTER),
}
LOOK = {
    "thinking": "First I look for it.",
    "calls": [
        *call("post_look", what="invoice 1042")["calls"],
        *call("post_look", what="nothing")["calls"],
    ],
}


def played(stage: Stage, act: Act, *turns: dict[str, Any]) -> Callable[[Pilot[None]], Any]:
    """What a person does before the picture is taken."""

    async def before(pilot: Pilot[None]) -> None:
        app = pilot.app
        assert isinstance(app, M2Agent)
        scene = Scene(app, Desks(lambda: Start(stage.script())), pilot)
        scene.prompt.cursor_blink = False
        await act(scene)

    return before


@Sizes
def test_the_greeting_on_the_sample_office(
    stage: Stage, snap_compare: Compare, size: tuple[int, int]
) -> None:
    setup = replace(stage.script(), work=offices() / "sample" / "work")
    desks = Desks(lambda: Start(setup, "The starter model is too weak to finish work."))

    async def look(scene: Scene) -> None:
        await scene.sees("sample office")
        await scene.sees("script.jsonl")

    try:
        assert snap_compare(M2Agent(desks), terminal_size=size, run_before=played(stage, look))
    finally:
        asyncio.run(desks.close())


@Sizes
def test_a_step_that_needs_a_yes(
    stage: Stage, snap_compare: Compare, size: tuple[int, int]
) -> None:
    app, desks = stage.start(LOOK, SEND)

    async def ask(scene: Scene) -> None:
        await scene.say("Is invoice 1042 right?")
        await scene.is_asked()
        scene.app.screen.query_one(Input).cursor_blink = False
        await scene.press("n")

    try:
        assert snap_compare(app, terminal_size=size, run_before=played(stage, ask))
    finally:
        asyncio.run(desks.close())


@Sizes
def test_a_finished_run_with_one_step_open(
    stage: Stage, snap_compare: Compare, size: tuple[int, int]
) -> None:
    report = "# Invoice 1042\n\n- It is **wrong** by 81.00.\n- Nothing was sent."
    app, desks = stage.start(LOOK, {"text": report})

    async def finish(scene: Scene) -> None:
        await scene.say("Is invoice 1042 right?")
        await scene.sees("Done, and checked.")
        await scene.press("tab", "enter")
        await scene.sees("what: nothing")

    try:
        assert snap_compare(app, terminal_size=size, run_before=played(stage, finish))
    finally:
        asyncio.run(desks.close())
