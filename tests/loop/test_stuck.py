"""Going in circles is seen, said to the model once, and then ends the run."""

from pathlib import Path
from typing import Any

import pytest
from ledger import Ledger

from m2agent.events import Asked, Called, Event, Noted, Receipt, Returned, Turned
from m2agent.loop.stuck import stuck
from m2agent.testing.stage import Stage, ended
from m2agent_models.script import Script


def call(tool: str, **arguments: Any) -> dict[str, Any]:
    return {"calls": [{"tool": f"ledger_{tool}", "arguments": arguments}]}


_LOOK = call("look", word="x")
_OTHER = call("look", word="y")
_WRONG = call("put", text="refused")

_CIRCLES = {
    "the same call": [_LOOK] * 20,
    "the same failing call": [_WRONG] * 20,
    "back and forth": [_LOOK, _OTHER] * 10,
    "everything fails": [call("nothing", n=n) for n in range(20)],
}


@pytest.mark.parametrize("turns", _CIRCLES.values(), ids=_CIRCLES)
async def test_a_circle_is_said_once_and_then_ends_the_run(
    tmp_path: Path, turns: list[dict[str, Any]]
) -> None:
    stage = Stage(tmp_path, Script(turns), {"ledger": Ledger(tmp_path / "ledger.jsonl")})

    events = await stage.play("Put down that it is refused.")

    assert ended(events).exit_code == 6
    assert "stuck" in ended(events).reason
    assert [e.about for e in events if isinstance(e, Noted)] == ["stuck"]
    assert sum(isinstance(e, Turned) for e in events) < 12


async def test_a_model_that_finds_another_way_is_left_alone(tmp_path: Path) -> None:
    turns = [*[_LOOK] * 3, *[call("put", text=str(n)) for n in range(9)], {"text": "Done."}]
    stage = Stage(tmp_path, Script(turns), {"ledger": Ledger(tmp_path / "ledger.jsonl")})

    events = await stage.play()

    assert ended(events).exit_code == 0
    assert len([e for e in events if isinstance(e, Noted)]) == 1


async def test_a_circle_that_was_left_does_not_count_for_the_next_one(tmp_path: Path) -> None:
    turns = [*[_LOOK] * 4, call("put", text="a"), *[_OTHER] * 3, {"text": "Done."}]
    stage = Stage(tmp_path, Script(turns), {"ledger": Ledger(tmp_path / "ledger.jsonl")})

    events = await stage.play()

    assert ended(events).exit_code == 0
    assert len([e for e in events if isinstance(e, Noted)]) == 2


async def test_who_falls_into_circle_after_circle_is_stopped_in_the_end(tmp_path: Path) -> None:
    turns = [one for n in range(9) for one in (*[_LOOK] * 3, call("look", word=f"{n}"))]
    stage = Stage(tmp_path, Script(turns), {"ledger": Ledger(tmp_path / "ledger.jsonl")})

    events = await stage.play()

    assert "stuck" in ended(events).reason
    assert len([e for e in events if isinstance(e, Noted)]) == 3


async def test_thinking_without_acting_is_said_and_then_ends_the_run(tmp_path: Path) -> None:
    turns = [{"thinking": f"What if {n}?"} for n in range(9)]
    stage = Stage(tmp_path, Script(turns), {"ledger": Ledger(tmp_path / "ledger.jsonl")})

    events = await stage.play()

    assert ended(events).exit_code == 6
    assert ended(events).reason == "The model thinks and does not act."
    assert [e.about for e in events if isinstance(e, Noted)] == ["idle"] * 3


@pytest.mark.parametrize(("kind", "is_one"), [("page", True), ("exit", False)])
def test_making_the_same_thing_again_and_again_is_a_circle(kind: str, is_one: bool) -> None:
    history: list[Event] = [Asked("Note it.")]
    for n in range(1, 4):
        history += [
            Called(f"{n}.1", "tool", {"title": "Gate"}),
            Turned("calls"),
            Returned(f"{n}.1", True, f"Created Gate {n}", receipts=[Receipt(kind, f"Gate {n}")]),
        ]

    assert bool(stuck(history)) is is_one


async def test_the_same_call_with_other_results_is_no_circle(tmp_path: Path) -> None:
    turns = [t for n in range(8) for t in (call("put", text=f"x{n}"), _LOOK)]
    stage = Stage(tmp_path, Script(turns), {"ledger": Ledger(tmp_path / "ledger.jsonl")})

    events = await stage.play()

    assert not [e for e in events if isinstance(e, Noted)]
