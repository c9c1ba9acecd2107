"""What a person can answer on a card of many calls: yes, no, a change first, and always."""

from collections.abc import Sequence
from pathlib import Path

from test_loop import call, of, stage

from m2agent import policy
from m2agent.canonical import hash_of
from m2agent.events import Approved, Called, Decided, Edited, Noted, Started
from m2agent.loop import Answer, Ask, Edit, No, Yes
from m2agent.policy import Always
from m2agent.policy.always import known, revoke
from m2agent.testing.stage import ended


async def test_a_change_is_asked_again_and_only_then_done(tmp_path: Path) -> None:
    asked: list[list[str]] = []

    async def person(asks: Sequence[Ask]) -> Sequence[Answer]:
        asked.append([ask.decided.preview for ask in asks])
        if len(asked) > 1:
            return [Yes("Ann") for _ in asks]
        return [Yes("Ann"), Edit("Ann", asks[1].text.replace("b", "better")), No("Ann", "Not c.")]

    scene, ledger = stage(
        tmp_path, {"calls": [call("post", text=t) for t in ("a", "b", "c")]}, approve=person
    )
    events = await scene.play()

    assert asked == [
        ["To everybody:\na", "To everybody:\nb", "To everybody:\nc"],
        ["To everybody:\nbetter"],
    ]
    assert ledger.texts() == ["a", "better"]
    (edited,) = of(Edited, events)
    assert edited == Edited("1.2", "Ann", {"text": "better"})
    bound = hash_of("ledger_post", {"text": "better"})
    assert next(e for e in of(Approved, events) if e.id == "1.2").hash == bound
    assert next(e for e in of(Started, events) if e.id == "1.2").hash == bound
    assert [c.arguments["text"] for c in of(Called, events)] == ["a", "b", "c"]


async def test_the_model_is_told_what_a_person_made_of_its_step(tmp_path: Path) -> None:
    async def person(asks: Sequence[Ask]) -> Sequence[Answer]:
        (ask,) = asks
        if ask.problem or "Bob" in ask.text:
            return [Yes("Ann")]
        return [Edit("Ann", ask.text.replace("Rob", "Bob"))]

    scene, _ = stage(tmp_path, {"calls": [call("post", text="Rob")]}, approve=person)

    (noted,) = [e for e in of(Noted, await scene.play()) if e.about == "edit"]

    assert "1.1" in noted.text
    assert "To everybody:\nBob" in noted.text


async def test_a_change_that_cannot_be_made_is_said_and_the_call_waits(tmp_path: Path) -> None:
    problems: list[str] = []

    async def person(asks: Sequence[Ask]) -> Sequence[Answer]:
        (ask,) = asks
        problems.append(ask.problem)
        return [[Edit("Ann", '{"txt": 1}'), Edit("Ann", "{"), None][len(problems) - 1]]

    scene, ledger = stage(tmp_path, {"calls": [call("post", text="x")]}, approve=person)
    events = await scene.play()

    assert ledger.texts() == []
    assert ended(events).exit_code == 4
    assert problems[0] == ""
    assert "txt" in problems[1]
    assert "no JSON object" in problems[2]
    assert of(Edited, events) == []


async def test_a_content_that_changes_while_the_card_is_open_is_asked_again(
    tmp_path: Path,
) -> None:
    asked: list[str] = []

    async def person(asks: Sequence[Ask]) -> Sequence[Answer]:
        asked.append(asks[0].decided.preview)
        (tmp_path / "ledger.stamp").write_text("!")
        return [Yes("Ann") for _ in asks]

    scene, ledger = stage(tmp_path, {"calls": [call("post", text="x")]}, approve=person)
    events = await scene.play()

    assert asked == ["To everybody:\nx", "To everybody:\nx!"]
    assert ledger.texts() == ["x"]  # the ledger writes its argument; what counts is who was asked
    assert of(Started, events)[0].content == of(Approved, events)[1].content


async def test_a_yes_to_other_bytes_counts_for_nothing(tmp_path: Path) -> None:
    scene, ledger = stage(tmp_path, {"calls": [call("post", text="x")]}, {"text": "Ok."})
    (decided,) = of(Decided, await scene.play())

    events = await scene.go_on(Approved("1.1", "0" * 64, "Ann", decided.content))

    assert ledger.texts() == []
    assert ended(events).exit_code == 4


async def test_a_changed_call_stays_changed_over_a_restart(tmp_path: Path) -> None:
    scene, ledger = stage(tmp_path, {"calls": [call("post", text="x")]}, {"text": "Ok."})
    await scene.play()
    events = await scene.go_on(Edited("1.1", "Ann", {"text": "y"}))
    assert of(Decided, events)[-1].preview == "To everybody:\ny"
    decided = of(Decided, events)[-1]

    await scene.go_on(Approved("1.1", decided.hash, "Ann", decided.content))

    assert ledger.texts() == ["y"]


async def test_always_in_this_run_is_asked_once_and_not_in_the_next(tmp_path: Path) -> None:
    asked: list[str] = []

    async def person(asks: Sequence[Ask]) -> Sequence[Answer]:
        asked.extend(ask.called.arguments["text"] for ask in asks)
        return [Yes("Ann", "run") for _ in asks]

    turns = [{"calls": [call("post", text=t)]} for t in ("a", "b")]
    always = Always(tmp_path / "always.toml")
    scene, ledger = stage(tmp_path, *turns, approve=person, always=always)
    events = await scene.play()
    again, _ = stage(tmp_path, *turns, approve=person, always=always, ledger=ledger)
    await again.play()

    assert asked == ["a", "a"]
    assert ledger.texts() == ["a", "b", "a", "b"]
    assert of(Approved, events)[0].always == "run"
    assert "You said always" in of(Decided, events)[-1].reason


def test_an_always_taken_back_elsewhere_holds_no_longer(tmp_path: Path) -> None:
    always = Always(tmp_path / "always.toml")
    always.add(policy.Call("post", "send", {}), "account")
    assert len(always.rules) == 1

    revoke(tmp_path / "always.toml", 1)

    assert always.rules == []


async def test_there_is_no_always_for_what_cannot_be_undone(tmp_path: Path) -> None:
    problems: list[str] = []

    async def person(asks: Sequence[Ask]) -> Sequence[Answer]:
        problems.append(asks[0].problem)
        return [Yes("Ann", "account") if len(problems) == 1 else Yes("Ann")]

    file = tmp_path / "always.toml"
    scene, ledger = stage(
        tmp_path, {"calls": [call("burn", text="x")]}, approve=person, always=Always(file)
    )
    await scene.play()

    assert "cannot be undone" in problems[1]
    assert ledger.texts() == ["x"]
    assert known(file).rule == []


async def test_the_arguments_can_be_changed_where_nothing_else_can(tmp_path: Path) -> None:
    asked: list[str] = []

    async def person(asks: Sequence[Ask]) -> Sequence[Answer]:
        asked.append(asks[0].text)
        return [None]

    scene, _ = stage(tmp_path, {"calls": [call("post", text="x")]}, approve=person)
    await scene.play()

    assert asked == ['{\n  "text": "x"\n}']
