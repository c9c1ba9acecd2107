"""What strangers write, in every place of the real screen: shown as text, and as nothing else."""

from collections.abc import Callable

import pytest
from scene import Scene, Stage, call
from test_transcript import opened, write_run

from m2agent.events import (
    Asked,
    Called,
    Event,
    Item,
    Judged,
    Noted,
    Planned,
    Returned,
    Said,
    Thought,
    Turned,
)
from m2agent_tui.conversation import Conversation
from m2agent_tui.lines import Line
from m2agent_tui.transcript import Transcript

MARKUP = "[red]x[/red]"
EVIL = f"{MARKUP}\x1b[31m\x1b]0;t\x07\x9b2J\u202e\u2066\u200b\ufeff[link=http://e.example]y[/link]"
LONG = EVIL * 15_000


def returned(tool: str, data: object, text: str = "Read.") -> list[Event]:
    return [Called("1.1", tool, {}), Turned("calls"), Returned("1.1", True, text, data)]


def mail(text: str, field: str) -> list[Event]:
    head = {"from": "a@b.c", "subject": "Rent", "text": "m1\n\nHello.", "date": "", field: text}
    return returned("mail_read", head)


def attachment(text: str) -> list[Event]:
    attached = {"attachments": [{"name": text, "type": "text/plain", "size": 1}]}
    return returned("mail_read", {"from": "a", "subject": "b", "text": "c", **attached})


PLACES: dict[str, Callable[[str], list[Event]]] = {
    "sender": lambda text: mail(text, "from"),
    "subject": lambda text: mail(text, "subject"),
    "body": lambda text: mail(f"m1\n\n{text}", "text"),
    "attachment": attachment,
    "page title": lambda text: returned("notes_read", {"title": text, "body": "b"}),
    "page": lambda text: returned("notes_read", {"title": "t", "body": text}),
    "cell": lambda text: returned("notes_query", {"rows": [{"Name": text}]}),
    "found mail": lambda text: returned("mail_search", {"items": [{"subject": text}]}),
    "printed": lambda text: returned(
        "shell_run", {"exit_code": 0, "output": text, "cwd": "."}, text
    ),
    "result": lambda text: returned("post_look", None, text),
    "thinking": lambda text: [Thought(text), Turned()],
    "answer": lambda text: [Said(text), Turned()],
    "plan": lambda text: [Planned([Item(text, "open", text)])],
    "verdict": lambda text: [Judged(False, [Item(text, "unproven", text)])],
    "note": lambda text: [Noted(text)],
    "task": lambda text: [Asked(text)],
}


def is_only_text(scene: Scene) -> bool:
    """Whether nothing on the screen steers the terminal, hides, turns around, or is a link."""
    strips = scene.app.screen._compositor.render_strips()  # pyright: ignore[reportPrivateUsage]
    links = [piece for strip in strips for piece in strip if piece.style and piece.style.link]
    return not links and not set(scene.text) & set("\x1b\x07\x9b\u202e\u2066\u200b\ufeff")


async def open_all(scene: Scene) -> None:
    for shown in scene.app.screen.query_one(Transcript).query(Line):
        shown.action_open()
    await scene.pilot.pause(0.2)


@pytest.mark.parametrize("place", PLACES)
async def test_what_a_stranger_writes_is_text_in_every_place(stage: Stage, place: str) -> None:
    events = PLACES[place](EVIL)
    write_run(*([] if isinstance(events[0], Asked) else [Asked("Go.")]), *events)
    async with stage.open(size=(120, 40)) as scene:
        await opened(scene)
        await open_all(scene)
        await scene.sees(MARKUP)
        assert is_only_text(scene)


async def test_lines_of_a_megabyte_in_every_place_leave_the_screen_usable(stage: Stage) -> None:
    events = [event for place in PLACES.values() for event in place(LONG)]
    write_run(Asked(LONG), *events)
    async with stage.open(size=(120, 40)) as scene:
        await opened(scene)
        await open_all(scene)
        assert is_only_text(scene)
        await scene.press("ctrl+home", "pagedown", "ctrl+end")
        await scene.sees("Done, and checked.")


async def test_a_strangers_text_in_the_list_of_runs_is_text(stage: Stage) -> None:
    write_run(Asked(EVIL))
    async with stage.open(size=(120, 40)) as scene:
        await scene.sees("What should be done?")
        await scene.press("ctrl+r")
        await scene.sees(MARKUP)
        assert is_only_text(scene)


async def test_a_strangers_text_in_a_question_is_text_and_what_is_sent_is_in_sight(
    stage: Stage,
) -> None:
    async with stage.open(call("post_send", to=EVIL, text=EVIL), size=(120, 40)) as scene:
        await scene.say("See to it")
        await scene.is_asked()
        assert f"To: {MARKUP}" in scene.text
        assert is_only_text(scene)


async def test_a_strangers_text_in_a_notification_is_text(stage: Stage) -> None:
    async with stage.open(size=(120, 40), notifications=True) as scene:
        await scene.sees("What should be done?")
        elsewhere = Conversation(scene.desks)
        scene.app.post_message(Conversation.Wanted(elsewhere, EVIL))
        await scene.sees(MARKUP)
        assert is_only_text(scene)
