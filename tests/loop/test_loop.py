"""The loop on real parts: a scripted model, the real journal, a connector over a file."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

from ledger import Ledger

from m2agent.canonical import hash_of
from m2agent.events import (
    Approved,
    Asked,
    Called,
    Decided,
    Declined,
    Event,
    Judged,
    Noted,
    Returned,
    Started,
    Thought,
    Turned,
    Unsettled,
)
from m2agent.loop import Answer, Ask, Limits, No, Steering, Yes
from m2agent.policy import Rule, Rules
from m2agent.testing.stage import Stage, ended
from m2agent_models.script import Script

T = TypeVar("T")


def call(tool: str, **arguments: Any) -> dict[str, Any]:
    return {"tool": f"ledger_{tool}", "arguments": arguments}


def stage(folder: Path, *turns: dict[str, Any], **more: Any) -> tuple[Stage, Ledger]:
    ledger = more.pop("ledger", None) or Ledger(folder / "ledger.jsonl")
    return Stage(folder, Script(list(turns)), {"ledger": ledger}, **more), ledger


async def yes(asks: Sequence[Ask]) -> Sequence[Answer]:
    return [Yes("Ann") for _ in asks]


def of(kind: type[T], events: Sequence[Event]) -> list[T]:
    return [event for event in events if isinstance(event, kind)]


async def test_thinking_stays_in_the_history_that_the_model_is_given(tmp_path: Path) -> None:
    model = Script(
        [
            {"thinking": "Look first.", "calls": [call("look")]},
            {"thinking": "Empty.", "text": "Ok."},
        ]
    )
    events = await Stage(tmp_path, model, {"ledger": Ledger(tmp_path / "l")}).play()

    assert [e.text for e in of(Thought, model.saw[1])] == ["Look first."]
    assert ended(events).status == "done"
    assert ended(events).answer == "Ok."


async def test_reads_of_one_turn_run_side_by_side_and_answer_in_their_order(
    tmp_path: Path,
) -> None:
    scene, ledger = stage(tmp_path, {"calls": [call("look", word=w) for w in "abcd"]})

    events = await scene.play()

    assert ledger.most_reading == 4
    assert [e.id for e in of(Returned, events)] == ["1.1", "1.2", "1.3", "1.4"]


async def test_effects_of_one_turn_happen_in_the_order_written_and_reads_wait_for_them(
    tmp_path: Path,
) -> None:
    scene, ledger = stage(
        tmp_path,
        {"calls": [call("put", text="one"), call("look"), call("put", text="two"), call("look")]},
    )

    events = await scene.play()

    assert ledger.texts() == ["one", "two"]
    assert [e.text for e in of(Returned, events)][1::2] == ["one", "one\ntwo"]


async def test_an_effect_is_written_down_before_it_happens(tmp_path: Path) -> None:
    scene, _ = stage(tmp_path, {"calls": [call("put", text="one")]})

    events = await scene.play()
    kinds = [type(e) for e in events]

    assert kinds.index(Turned) < kinds.index(Decided) < kinds.index(Started)
    assert kinds.index(Started) < kinds.index(Returned)
    assert of(Started, events)[0].hash == hash_of("ledger_put", {"text": "one"})


async def test_a_send_waits_for_a_person_and_nothing_of_it_happens(tmp_path: Path) -> None:
    scene, ledger = stage(tmp_path, {"calls": [call("post", text="hello")]}, {"text": "Ok."})

    events = await scene.play()

    assert ended(events).exit_code == 4
    assert ledger.texts() == []
    (decided,) = of(Decided, events)
    assert decided.decision == "ask"
    assert decided.preview == "To everybody:\nhello"


async def test_a_yes_given_days_later_does_exactly_what_was_shown(tmp_path: Path) -> None:
    scene, ledger = stage(tmp_path, {"calls": [call("post", text="hello")]}, {"text": "Ok."})
    (decided,) = of(Decided, await scene.play())

    events = await scene.go_on(Approved("1.1", decided.hash, "Ann", decided.content))

    assert ledger.texts() == ["hello"]
    assert ended(events).exit_code == 0
    started = of(Started, events)[0]
    assert (started.hash, started.content) == (decided.hash, decided.content)


async def test_a_byte_that_changed_after_the_yes_is_asked_again(tmp_path: Path) -> None:
    scene, ledger = stage(tmp_path, {"calls": [call("post", text="hello")]}, {"text": "Ok."})
    (decided,) = of(Decided, await scene.play())
    (tmp_path / "ledger.stamp").write_text("!")

    events = await scene.go_on(Approved("1.1", decided.hash, "Ann", decided.content))

    assert ledger.texts() == []
    assert ended(events).exit_code == 4
    assert [d.preview for d in of(Decided, events)] == [
        "To everybody:\nhello",
        "To everybody:\nhello!",
    ]


async def test_all_sends_of_a_turn_are_asked_at_once(tmp_path: Path) -> None:
    asked: list[list[str]] = []

    async def some(asks: Sequence[Ask]) -> Sequence[Answer]:
        asked.append([ask.called.arguments["text"] for ask in asks])
        return [Yes("Ann"), No("Ann", "Not him."), Yes("Ann")]

    scene, ledger = stage(
        tmp_path, {"calls": [call("post", text=t) for t in ("a", "b", "c")]}, approve=some
    )
    events = await scene.play()

    assert asked == [["a", "b", "c"]]
    assert ledger.texts() == ["a", "c"]
    assert "Not him." in next(e.text for e in of(Returned, events) if not e.ok)


async def test_a_declined_step_reaches_the_model_as_words_and_is_not_called_done(
    tmp_path: Path,
) -> None:
    async def no(asks: Sequence[Ask]) -> Sequence[Answer]:
        return [No("Ann", "Wrong person.") for _ in asks]

    scene, ledger = stage(
        tmp_path, {"calls": [call("post", text="x")]}, {"text": "Ok."}, approve=no
    )
    events = await scene.play()

    assert ledger.texts() == []
    assert of(Declined, events)[0].reason == "Wrong person."
    assert ended(events).exit_code == 7


async def test_what_a_rule_denies_never_starts(tmp_path: Path) -> None:
    rules = Rules([Rule("deny", "ledger_put", reason="The ledger is closed.")])
    scene, ledger = stage(tmp_path, {"calls": [call("put", text="x")]}, rules=rules)

    events = await scene.play()

    assert ledger.texts() == []
    assert of(Started, events) == []
    assert "The ledger is closed." in of(Returned, events)[0].text


async def test_no_rule_allows_what_cannot_be_undone(tmp_path: Path) -> None:
    scene, ledger = stage(
        tmp_path, {"calls": [call("burn", text="x")]}, rules=Rules([Rule("allow")])
    )
    events = await scene.play()

    assert ended(events).exit_code == 4
    assert ledger.texts() == []


async def test_wrong_calls_come_back_as_words_and_the_run_goes_on(tmp_path: Path) -> None:
    scene, _ = stage(
        tmp_path,
        {"calls": [call("putt", text="x"), call("put", txt="x"), call("put", text="refused")]},
        {"calls": [call("put", text="mended")]},
    )
    events = await scene.play("Put what is mended.")

    words = [e.text for e in of(Returned, events)]
    assert "Did you mean ledger_put?" in words[0]
    assert "text: is required and missing." in words[1]
    assert "Did you mean 'text'?" in words[1]
    assert words[2].startswith("The ledger does not take that.")
    assert words[3] == "Written: mended"


async def test_a_long_result_is_cut_and_read_on_in_its_artifact(tmp_path: Path) -> None:
    scene, _ = stage(
        tmp_path,
        {"calls": [call("page", size=20_000)]},
        {"calls": [{"tool": "read_artifact", "arguments": {"name": "{{1.name}}", "offset": 8000}}]},
    )
    events = await scene.play()
    returned, page = of(Returned, events)

    assert "[12,200 more characters: read_artifact" in returned.text
    assert "[4,200 more characters: read_artifact" in page.text
    assert len(returned.text) < 8_200
    (name,) = returned.artifacts
    (whole,) = tmp_path.glob(f"runs/*/artifacts/{name}")
    assert whole.read_text() == "0123456789" * 2_000


async def test_the_limit_of_turns_ends_the_run_and_resuming_goes_on(tmp_path: Path) -> None:
    turns = [{"calls": [call("put", text=str(n))]} for n in range(5)]
    scene, ledger = stage(tmp_path, *turns, {"text": "Ok."}, limits=Limits(turns=3))

    first = await scene.play()
    assert ended(first).exit_code == 5
    assert ledger.texts() == ["0", "1", "2"]

    events = await scene.go_on()
    assert ended(events).exit_code == 0
    assert ledger.texts() == ["0", "1", "2", "3", "4"]


async def test_the_model_is_told_when_a_limit_is_near(tmp_path: Path) -> None:
    turns = [{"calls": [call("look", word=str(n))]} for n in range(12)]
    scene, _ = stage(tmp_path, *turns, limits=Limits(turns=10))

    events = await scene.play()

    (note,) = of(Noted, events)
    assert "at most 1 turns" in note.text


async def test_an_unproven_claim_goes_back_three_times_and_then_ends_unverified(
    tmp_path: Path,
) -> None:
    scene, _ = stage(tmp_path, *[{"text": "I sent the mail."}] * 5)

    events = await scene.play()

    assert ended(events).exit_code == 7
    assert len(of(Judged, events)) == 3
    assert len(of(Turned, events)) == 3


async def test_a_claim_with_its_receipt_is_done(tmp_path: Path) -> None:
    scene, _ = stage(
        tmp_path,
        {"calls": [call("post", text="x")]},
        {"text": "I sent the mail."},
        approve=yes,
    )
    assert ended(await scene.play()).exit_code == 0


async def test_a_message_in_mid_run_reaches_the_model_before_its_next_turn(
    tmp_path: Path,
) -> None:
    steering = Steering()
    model = Script([{"calls": [call("look")]}, {"text": "Ok."}])
    scene = Stage(tmp_path, model, {"ledger": Ledger(tmp_path / "l")}, steering=steering)
    steering.say("Only this year's.")

    await scene.play()

    assert [e.text for e in of(Asked, model.saw[0])] == ["Do it.", "Only this year's."]


async def test_stopping_ends_the_run_after_the_step_and_loses_nothing(tmp_path: Path) -> None:
    steering = Steering()

    async def stop(asks: Sequence[Ask]) -> Sequence[Answer]:
        steering.stop()
        return [Yes("Ann") for _ in asks]

    scene, ledger = stage(
        tmp_path,
        {"calls": [call("post", text="a"), call("post", text="b")]},
        {"text": "Ok."},
        approve=stop,
        steering=steering,
    )
    first = await scene.play()
    assert ended(first).exit_code == 130
    assert ledger.texts() == ["a"]

    steering.go_on()
    events = await scene.go_on()
    assert ended(events).exit_code == 0
    assert ledger.texts() == ["a", "b"]


async def test_a_model_that_fails_ends_the_run_with_its_words_and_can_be_resumed(
    tmp_path: Path,
) -> None:
    scene, ledger = stage(
        tmp_path,
        {"calls": [call("put", text="a")]},
        {"calls": [call("put", text="{{9.nothing}}")]},
    )
    events = await scene.play()

    assert ended(events).exit_code == 6
    assert ledger.texts() == ["a"]
    scene.model = Script([{}, {"text": "Ok."}])
    assert ended(await scene.go_on()).exit_code == 0


async def test_thinking_without_acting_is_said_to_the_model_and_then_ends_the_run(
    tmp_path: Path,
) -> None:
    scene, _ = stage(tmp_path, *[{"thinking": "Hm."}] * 6)

    events = await scene.play()

    assert ended(events).exit_code == 6
    assert len(of(Noted, events)) == 3


async def test_a_lost_answer_is_looked_up_and_not_repeated(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.jsonl", lost=frozenset({"a"}))
    scene, _ = stage(
        tmp_path, {"calls": [call("post", text="a")]}, {"text": "Ok."}, approve=yes, ledger=ledger
    )
    events = await scene.play()

    assert ledger.texts() == ["a"]
    assert of(Returned, events)[0].text == "Written: a"
    assert ended(events).exit_code == 0


async def test_what_cannot_be_looked_up_is_asked_and_never_guessed(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.jsonl", lost=frozenset({"a"}))
    scene, _ = stage(
        tmp_path, {"calls": [call("shout", text="a")]}, {"text": "Ok."}, approve=yes, ledger=ledger
    )
    events = await scene.play()
    assert ended(events).exit_code == 4
    assert len(of(Unsettled, events)) == 1

    events = await scene.go_on()
    assert ended(events).exit_code == 4
    assert len(of(Unsettled, events)) == 1
    assert ledger.texts() == ["a"]


async def test_no_name_of_the_model_s_own_collides_with_another_call(tmp_path: Path) -> None:
    scene, _ = stage(tmp_path, *[{"calls": [call("look"), call("look")]}] * 3)

    ids = [e.id for e in of(Called, await scene.play())]

    assert ids == ["1.1", "1.2", "2.1", "2.2", "3.1", "3.2"]
