"""Plays a scene to its end, wherever an earlier process left it: the run, then undoing it.

    python tests/crash/player.py SCENE FOLDER [--every N]

kills a process at each kind of boundary that playing has, and goes on with another one. The
process that does so has one thread, so that it can fork safely.
"""

import asyncio
import difflib
import json
import os
import re
import shutil
import signal
import sys
import traceback
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Any

import click
import msgspec
from _pytest.outcomes import Skipped

sys.path.insert(0, str(Path(__file__).parents[1] / "connectors"))

from boundaries import Boundaries
from scenes import SCENES, GmailScene, Scene

from m2agent.events import Approved, Began, Ended, Event, Part, Settled, ToolSpec, Turned
from m2agent.journal import Run
from m2agent.loop import carry_on
from m2agent.loop.steps import last_turn
from m2agent.loop.undo import go_on_undoing, undo, ways_back
from m2agent.model import ModelSettings, Piece
from m2agent.testing.stage import Stage
from m2agent_models.m2 import render
from m2agent_models.script import Script

_CONTEXT = 1_400


class Cramped(Script):
    """The script in a context so small that it is folded on the way."""

    def __init__(self, turns: Sequence[dict[str, Any]]) -> None:
        super().__init__(turns)
        self.context: int | None = _CONTEXT

    async def reply(
        self, history: Sequence[Event], tools: Sequence[ToolSpec], settings: ModelSettings
    ) -> AsyncGenerator[Piece, None]:
        used = len(render(history, [])) // 4
        async with aclosing(super().reply(history, tools, settings)) as pieces:
            async for piece in pieces:
                if isinstance(piece, Turned):
                    piece = msgspec.structs.replace(piece, context_used=used, context_size=_CONTEXT)
                yield piece


async def play(scene: Scene, folder: Path, boundaries: Boundaries) -> dict[str, Any]:
    """Carry everything to its end, and tell how that is."""
    model = Cramped(scene.turns)
    connectors = await scene.open(folder)
    stage = Stage(folder, model, connectors)
    toolbox = stage.crew().toolbox
    journal = stage.journal()

    def read(id: str) -> list[Event]:
        return [record.event for record in journal.read(id)]

    boundaries.watch()
    runs = [run for run in journal.ids() if read(run)]
    run = journal.open(runs[0]) if runs else stage.begin(journal, "Do all of it.")
    boundaries.doing = lambda: _last(run)
    asked = 0
    if len(runs) > 1:
        undoing = journal.open(runs[1])
        records = go_on_undoing(undoing, toolbox, folder / "work", read)
    else:
        asked = await _to_the_end(scene, folder, stage, run)
        (folder / "done.json").write_text(json.dumps(_plain(scene.world(folder), run.id)))
        undoing = journal.create()
        ways = ways_back(run.events, toolbox)
        records = undo(undoing, ways, run.id, toolbox, folder / "work")
    boundaries.doing = lambda: f"undo, {_last(undoing)}"
    async for _ in records:
        pass
    boundaries.rest()
    ended = undoing.events[-1]
    assert isinstance(ended, Ended)
    told = {
        "done": json.loads((folder / "done.json").read_text()),
        "ended": msgspec.to_builtins(run.events[-1]),
        "undone": _plain(scene.world(folder), run.id, undoing.id),
        "undoing": ended.status,
        "integrity": journal.check(),
        "prompts": [_plain(prompt, run.id) for prompt in _prompts(run.events)],
        "comparable": not isinstance(scene, GmailScene),  # its ids are made up anew
        "asked": asked,
        "settled": sum(isinstance(event, Settled) for event in run.events),
        "places": boundaries.places,
    }
    journal.close()
    for connector in connectors.values():
        await connector.close()
    return told


def _last(run: Run) -> str:
    return type(run.events[-1]).__name__ if run.events else "begin"


def _prompts(history: Sequence[Event]) -> list[str]:
    """What the model read before each of its turns: a prompt is made of nothing but the history."""
    began = history[0]
    assert isinstance(began, Began)
    found: list[str] = []
    begin = 0
    for at, event in enumerate(history):
        if isinstance(event, Turned):
            found.append(render(history[:begin], began.tools))
        if not isinstance(event, Part | Turned):
            begin = at + 1
    return found


async def _to_the_end(scene: Scene, folder: Path, stage: Stage, run: Run) -> int:
    """Carry a run on, saying yes where it waits for one, and the truth where it cannot know."""
    asked = 0
    while True:
        async with aclosing(carry_on(run, stage.crew())) as pieces:
            async for _ in pieces:
                pass
        last = run.events[-1]
        assert isinstance(last, Ended)
        if last.status != "waiting":
            return asked
        turn = last_turn(run.events)
        for step in turn.open if turn else []:
            if step.unsettled and not step.settled:
                asked += 1
                truth = scene.happened(folder, step.called)
                run.add(Settled(step.called.id, step.unsettled.key, truth, "Ann"))
            elif step.decided and step.decided.decision == "ask" and not step.answer:
                decided = step.decided
                run.add(Approved(step.called.id, decided.hash, "Ann", decided.content))


def _plain(value: Any, *runs: str) -> Any:
    """Without the ids of the runs, and the seconds of commands, which are never the same."""
    text = re.sub(r"\b\d+\.\d s\b", "SECONDS", json.dumps(value))
    for name, run in zip(("RUN", "UNDO"), runs, strict=False):
        text = text.replace(run, name)
    return json.loads(text)


def in_a_fork(scene: Scene, folder: Path, die_at: int) -> dict[str, Any] | None:
    """What the played scene tells; None if its process was killed on the way."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            told = asyncio.run(play(scene, folder, Boundaries(folder, die_at)))
            (folder / "told.json").write_text(json.dumps(told))
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(status)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if code == -signal.SIGKILL:
        return None
    if code:
        raise SystemExit(f"Playing in {folder} failed.")
    return json.loads((folder / "told.json").read_text())


def played(scene: Scene, prepared: Path, place: Path, kills: Iterable[int]) -> dict[str, Any]:
    """Play with a process killed at each of these boundaries in turn, and a last one that lives."""
    shutil.copytree(prepared, place)
    scene.begin(place)
    try:
        killed = 0
        for die_at in kills:
            told = in_a_fork(scene, place, die_at)
            if told is not None:
                return {**told, "killed": killed}
            killed += 1
        told = in_a_fork(scene, place, 0)
        assert told is not None
        return {**told, "killed": killed}
    finally:
        scene.end(place)
        shutil.rmtree(place)


def differences(quiet: Mapping[str, Any], told: Mapping[str, Any]) -> list[str]:
    """In what a run that was killed is not as the one that was not."""
    same = ["done", "ended", "undone", "undoing", "integrity"]
    if not told["asked"] and told["comparable"]:  # the model is told that a person was
        same.append("prompts")
    return [_unlike(what, quiet[what], told[what]) for what in same if told[what] != quiet[what]]


def _unlike(what: str, quiet: Any, told: Any) -> str:
    """The lines in which two values differ."""
    was, now = (json.dumps(one, indent=1).replace("\\n", "\n").split("\n") for one in (quiet, told))
    return "\n".join([what, *difflib.unified_diff(was, now, n=0, lineterm="")])[:4_000]


def kinds(places: Sequence[str]) -> list[int]:
    """The number of the first boundary of each kind."""
    first: dict[str, int] = {}
    for number, place in enumerate(places, 1):
        first.setdefault(place, number)
    return list(first.values())


def ready(scene: Scene, folder: Path) -> Path:
    """Prepare a scene, and put all that m2agent keeps into the folder."""
    os.environ["M2AGENT_HOME"] = str(folder / "home")
    prepared = folder / "prepared"
    prepared.mkdir(parents=True)
    asyncio.run(scene.prepare(prepared))
    return prepared


@click.command
@click.argument("name")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--every", default=1, help="Only each so many-th kind of boundary.")
def main(name: str, folder: Path, every: int) -> None:
    """Kill at each kind of boundary that a scene has, and print what came of it."""
    scene = SCENES[name]
    prepared = ready(scene, folder)
    try:
        quiet = played(scene, prepared, folder / "quiet", [])
    except Skipped as skipped:
        print(json.dumps({"skipped": str(skipped)}))
        return
    print(json.dumps(quiet), flush=True)
    for at in kinds(quiet["places"])[every // 2 :: every]:
        told = played(scene, prepared, folder / f"killed-{at}", [at])
        told["differences"] = differences(quiet, told)
        told["at"] = quiet["places"][at - 1]
        print(json.dumps(told), flush=True)


if __name__ == "__main__":
    main()
