"""What the status line says."""

from m2agent.events import Asked, Began, Called, Ended, Returned, Turned
from m2agent.model import Progress, Token
from m2agent_tui.meter import Meter

TURN = Turned(
    "calls",
    evaluated=500,
    reused=9_500,
    generated=120,
    decode_seconds=4.0,
    context_used=10_120,
    context_size=32_768,
)


def test_the_mode_follows_what_happens() -> None:
    meter = Meter()
    modes: list[str] = []
    meter.start()
    for piece in (
        Asked("Do it."),
        Progress(0, 0, ahead=2),
        Progress(10, 100, 3.0),
        Token("Hm", "thought"),
        Token("I", "said"),
        Called("1.1", "mail_search"),
        TURN,
        Returned("1.1"),
        Ended("done", "", 0),
    ):
        meter.take(piece)
        modes.append(meter.mode)
    assert modes == [
        "thinking",
        "queueing",
        "reading",
        "thinking",
        "writing",
        "writing",
        "acting",
        "thinking",
        "idle",
    ]


def test_the_most_telling_parts_stay_when_there_is_little_room() -> None:
    meter = Meter()
    meter.take(Began("script:/tmp/very/long/path/to/script.jsonl", ""))
    meter.take(TURN)
    assert meter.words(200) == [
        "idle",
        "script.jsonl",
        "turn 1",
        "context 10.1k of 32.8k",
        "written 120",
        "read 500, 95% reused",
        "30 tokens/s",
    ]
    assert meter.words(30) == ["idle", "script.jsonl", "turn 1"]
    assert meter.words(0) == ["idle"]


def test_reading_says_how_far_it_is_and_how_long_it_takes() -> None:
    meter = Meter()
    meter.start()
    meter.take(Progress(1_200, 8_000, 12.3))
    assert meter.words(80)[0] == "reading 1,200 of 8,000, 12 s left"
    meter.take(Progress(1_200, 8_000))
    assert meter.words(80)[0] == "reading 1,200 of 8,000"
