"""Sub-agents: runs of their own that share their parent's rules, its person and what it knows."""

import asyncio
import os
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

import pytest
from ledger import Ledger

from m2agent.events import (
    Approved,
    Began,
    Called,
    Decided,
    Event,
    Receipt,
    Record,
    Reported,
    Returned,
    Spawned,
    Started,
    Turned,
)
from m2agent.loop import Answer, Ask, Limits, Steering, Yes
from m2agent.loop.run import carry_on
from m2agent.testing.stage import Stage, ended
from m2agent.tool import Operation, Result
from m2agent.transcript import messages
from m2agent_models.script import Script

T = TypeVar("T")


def call(tool: str, **arguments: Any) -> dict[str, Any]:
    return {"tool": f"ledger_{tool}", "arguments": arguments}


def delegate(task: str, **more: Any) -> dict[str, Any]:
    return {"tool": "delegate", "arguments": {"task": task, **more}}


TWO: list[dict[str, Any]] = [
    {"thinking": "Both at once.", "calls": [delegate("Enter a and b."), delegate("Enter c.")]},
    {"agent": "Enter a", "thinking": "First a.", "calls": [call("put", text="a")]},
    {"agent": "Enter a", "calls": [call("look"), call("put", text="b")]},
    {"agent": "Enter a", "text": "Entered both."},
    {"agent": "Enter c", "calls": [call("put", text="c")]},
    {"agent": "Enter c", "text": "Entered c."},
    {"text": "All are entered."},
]


def stage(folder: Path, *turns: dict[str, Any], **more: Any) -> tuple[Stage, Ledger]:
    ledger = more.pop("ledger", None) or Ledger(folder / "ledger.jsonl")
    return Stage(folder, Script(list(turns)), {"ledger": ledger}, **more), ledger


def of(kind: type[T], events: Sequence[Event]) -> list[T]:
    return [event for event in events if isinstance(event, kind)]


def children(scene: Stage) -> dict[str, list[Event]]:
    """The histories of all sub-agents of the last run, by the call they stand for."""
    journal = scene.journal()
    run = journal.find("last")
    histories = {
        record.event.id: [r.event for r in journal.read(record.event.child)]
        for record in journal.read(run)
        if isinstance(record.event, Spawned)
    }
    journal.close()
    return histories


async def test_two_work_side_by_side_and_each_report_answers_its_call(tmp_path: Path) -> None:
    scene, ledger = stage(tmp_path, *TWO)

    events = await scene.play("Enter a, b and c.")

    assert ended(events).exit_code == 0
    assert sorted(ledger.texts()) == ["a", "b", "c"]
    assert ledger.texts() != ["a", "b", "c"], "the second waited for the first"
    first, second = of(Returned, events)
    assert (first.id, second.id) == ("1.1", "1.2")
    assert first.text == "Entered both." and second.text == "Entered c."
    keys = [entry["key"] for entry in ledger.entries() if entry["text"] != "c"]
    assert first.receipts == [Receipt("message", key) for key in keys]


async def test_its_prompt_begins_as_its_runs_does_and_holds_nothing_else_of_it(
    tmp_path: Path,
) -> None:
    model = Script(TWO)
    await Stage(tmp_path, model, {"ledger": Ledger(tmp_path / "l")}).play("Enter a, b and c.")

    own, (child, *_) = model.saw[0], [h for h in model.saw if h[0] != model.saw[0][0]]
    assert messages(child)[0] == messages(own)[0]
    assert len(messages(child)) == 2
    assert "Enter a, b and c." in repr(messages(child)[1]), "the person's words as background"


async def test_events_say_who_began_whom_with_what_and_what_it_took(tmp_path: Path) -> None:
    scene, _ = stage(
        tmp_path,
        {"calls": [delegate("Count them.", tools=["ledger_look"], role="researcher")]},
        {"agent": "Count", "calls": [call("look")]},
        {"agent": "Count", "text": "None."},
    )
    events = await scene.play()

    (spawned,), (reported,) = of(Spawned, events), of(Reported, events)
    history = children(scene)["1.1"]
    assert (spawned.role, spawned.tools, spawned.task) == (
        "researcher",
        ["ledger_look"],
        "Count them.",
    )
    assert (reported.child, reported.status, reported.turns) == (spawned.child, "done", 2)
    assert reported.generated == sum(turn.generated for turn in of(Turned, history)) > 0
    assert isinstance(history[0], Began) and spawned.child.startswith(history[0].parent)


async def test_a_stream_carries_the_sub_agents_records_too_under_their_own_run(
    tmp_path: Path,
) -> None:
    scene, _ = stage(tmp_path, *TWO)
    journal = scene.journal()
    run = scene.begin(journal)
    seen = [piece async for piece in carry_on(run, scene.crew()) if isinstance(piece, Record)]
    histories = children(scene)
    journal.close()

    for call, history in histories.items():
        assert [r.event for r in seen if r.run == f"{run.id}-{call}"] == history
    assert [r.event for r in seen if r.run == run.id] == run.events[2:]


@pytest.mark.parametrize(
    ("order", "words"),
    [
        (delegate("x", tools=["ledger_lok"]), "Did you mean ledger_look?"),
        (delegate("x", role="cook"), "The roles are: researcher, writer, checker."),
        (delegate(""), "at least 1 character"),
    ],
)
async def test_a_wrong_order_comes_back_as_words_and_begins_nobody(
    tmp_path: Path, order: dict[str, Any], words: str
) -> None:
    scene, _ = stage(tmp_path, {"calls": [order]})
    events = await scene.play()

    assert words in of(Returned, events)[0].text
    assert not of(Spawned, events)


async def test_it_has_no_tool_that_was_not_given_and_its_role_narrows_what_these_do(
    tmp_path: Path,
) -> None:
    scene, ledger = stage(
        tmp_path,
        {
            "calls": [
                delegate("Only look.", tools=["ledger_look"]),
                delegate("Research.", role="researcher"),
                delegate("Write.", role="writer"),
            ]
        },
        *[
            {"agent": who, "calls": [call("put", text=who), call("post", text=f"to all: {who}")]}
            for who in ("Only look", "Research", "Write")
        ],
        {"agent": "Write", "calls": [delegate("Somebody else.")]},
    )
    await scene.play()

    assert ledger.texts() == ["Write"]
    failed = [e.text for h in children(scene).values() for e in of(Returned, h) if not e.ok]
    assert len(failed) == 6
    assert all("There is no tool" in text for text in failed)


async def test_where_one_needs_a_yes_the_run_waits_and_goes_on_from_there(tmp_path: Path) -> None:
    scene, ledger = stage(
        tmp_path,
        {"calls": [delegate("Tell everybody."), delegate("Enter c.")]},
        {"agent": "Tell", "calls": [call("put", text="a"), call("post", text="hello")]},
        {"agent": "Tell", "text": "Told."},
        {"agent": "Enter c", "calls": [call("put", text="c")]},
        {"agent": "Enter c", "text": "Entered c."},
    )
    first = await scene.play()

    assert ended(first).exit_code == 4
    assert "ledger_post (1.1/1.2)" in ended(first).reason
    assert sorted(ledger.texts()) == ["a", "c"]

    (decided,) = [d for d in of(Decided, children(scene)["1.1"]) if d.decision == "ask"]
    journal = scene.journal()
    child = journal.open(f"{journal.find('last')}-1.1")
    child.add(Approved("1.2", decided.hash, "Ann", decided.content))
    journal.close()
    events = await scene.go_on()

    assert ended(events).exit_code == 0
    assert sorted(ledger.texts()) == ["a", "c", "hello"]
    assert len(of(Spawned, events)) == 2


async def test_the_person_is_asked_by_one_of_them_at_a_time(tmp_path: Path) -> None:
    asking = most = 0

    async def slow(asks: Sequence[Ask]) -> Sequence[Answer]:
        nonlocal asking, most
        asking += 1
        most = max(most, asking)
        await asyncio.sleep(0.01)
        asking -= 1
        return [Yes("Ann") for _ in asks]

    scene, ledger = stage(
        tmp_path,
        {"calls": [delegate(f"Tell {n}.") for n in "abc"]},
        *[{"agent": f"Tell {n}", "calls": [call("post", text=n)]} for n in "abc"],
        approve=slow,
    )
    await scene.play()

    assert (most, sorted(ledger.texts())) == (1, ["a", "b", "c"])


async def test_stopping_the_run_stops_them_after_their_step_and_nothing_is_lost(
    tmp_path: Path,
) -> None:
    steering = Steering()

    async def stop(asks: Sequence[Ask]) -> Sequence[Answer]:
        steering.stop()
        return [Yes("Ann") for _ in asks]

    scene, ledger = stage(
        tmp_path,
        {"calls": [delegate("Tell all.")]},
        {"agent": "Tell", "calls": [call("post", text="a"), call("post", text="b")]},
        approve=stop,
        steering=steering,
    )
    assert ended(await scene.play()).exit_code == 130
    assert ledger.texts() == ["a"]

    steering.go_on()
    assert ended(await scene.go_on()).exit_code == 0
    assert ledger.texts() == ["a", "b"]


async def test_one_that_meets_its_limit_reports_so_with_what_it_did(tmp_path: Path) -> None:
    scene, _ = stage(
        tmp_path,
        {"calls": [delegate("Go on and on.")]},
        *[{"agent": "Go on", "calls": [call("put", text=str(n))]} for n in range(9)],
        limits=Limits(turns=4),
    )
    events = await scene.play()

    (reported,) = of(Reported, events)
    assert reported.status == "limit"
    assert len(reported.receipts) == 4
    assert "before it was done" in of(Returned, events)[0].text


async def test_it_may_use_up_what_its_run_has_left_and_no_more(tmp_path: Path) -> None:
    scene, _ = stage(
        tmp_path,
        {"thinking": "Hm. " * 100, "calls": [delegate("Go on and on.")]},
        *[{"agent": "Go on", "calls": [call("put", text=str(n))]} for n in range(9)],
        limits=Limits(tokens=130),
    )
    events = await scene.play()

    (own,), (reported,) = of(Turned, events), of(Reported, events)
    assert reported.status == "limit"
    assert 1 <= reported.turns < 9
    assert ended(events).exit_code == 5
    assert own.generated + reported.generated < 160


class Mortal(Ledger):
    """A ledger whose process dies before or after it writes a certain entry."""

    def __init__(self, file: Path, when: str, text: str) -> None:
        super().__init__(file)
        self._when, self._text = when, text

    def _write(self, op: Operation, text: str) -> Result:
        if (self._when, self._text) == ("before", text):
            os.kill(os.getpid(), signal.SIGKILL)
        result = super()._write(op, text)
        if (self._when, self._text) == ("after", text):
            os.kill(os.getpid(), signal.SIGKILL)
        return result


def in_a_fork(folder: Path, ledger: Ledger) -> int:
    """Play the run in a process of its own; returns how that ended."""
    pid = os.fork()
    if pid == 0:
        scene, _ = stage(folder, *TWO, ledger=ledger)
        asyncio.run(scene.play("Enter a, b and c."))
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


@pytest.mark.parametrize("text", ["a", "b", "c"])
@pytest.mark.parametrize("when", ["before", "after"])
def test_killed_with_two_under_way_both_are_carried_on_and_nothing_is_written_twice(
    tmp_path: Path, when: str, text: str
) -> None:
    assert in_a_fork(tmp_path, Mortal(tmp_path / "ledger.jsonl", when, text)) == -signal.SIGKILL

    scene, ledger = stage(tmp_path, *TWO)
    events = asyncio.run(scene.go_on())

    assert ended(events).exit_code == 0
    assert sorted(ledger.texts()) == ["a", "b", "c"]
    assert [len(of(Began, history)) for history in children(scene).values()] == [1, 1]
    assert len(of(Spawned, events)) == 2
    for history in children(scene).values():
        started = [e.id for e in of(Started, history)]
        effects = [e.id for e in of(Called, history) if e.tool == "ledger_put"]
        assert [started.count(id) for id in effects] <= [2] * len(effects)


async def test_long_results_are_read_on_by_whoever_is_told_of_them(tmp_path: Path) -> None:
    scene, _ = stage(tmp_path)
    journal = scene.journal()
    run = scene.begin(journal)
    journal.close()
    name = f"{run.id}-1.1.1.1.txt"
    scene.model = Script(
        [
            {"calls": [delegate("Print it.")]},
            {"agent": "Print", "calls": [call("page", size=20_000)]},
            {"agent": "Print", "text": "See {{1.name}}"},
            {"calls": [{"tool": "read_artifact", "arguments": {"name": name, "offset": 8_000}}]},
        ]
    )
    report, page = of(Returned, await scene.go_on())

    assert report.text == f"See {name}"
    assert page.ok and "[4,200 more characters: read_artifact" in page.text
