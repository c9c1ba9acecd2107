"""Tasks that generate themselves: solved with the real tools, judged by what was really done."""

import random
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path

import pytest

from m2agent.events import Called, Event, Said, Thought, ToolSpec, Turned
from m2agent.model import ModelSettings, Piece
from m2agent.office.tasks import FAMILIES, draw
from m2agent.office.tasks.episode import Setting, play
from m2agent.office.tasks.expert import Solver
from m2agent.office.tasks.scaffold import BENDS, Bend, bent
from m2agent.office.tasks.task import Task
from m2agent.office.tasks.wording import Part, Wording

PARTS: tuple[Part, ...] = ("train", "fresh", "unseen")


@pytest.mark.parametrize("family", FAMILIES)
async def test_the_expert_solves_every_family_with_the_real_tools(
    family: str, tmp_path: Path
) -> None:
    for part in PARTS:
        task = draw(family, 2, part)

        episode = await play(task, Solver(task), tmp_path / part)

        assert (episode.wrong, episode.unasked) == ("", []), (part, task.ask)


@pytest.mark.parametrize("family", FAMILIES)
async def test_a_model_that_only_says_it_is_done_solves_nothing(
    family: str, tmp_path: Path
) -> None:
    task = draw(family, 1)

    episode = await play(task, _Idle(), tmp_path)

    assert episode.wrong


@pytest.mark.parametrize("family", FAMILIES)
async def test_what_nobody_asked_for_makes_a_right_outcome_wrong(
    family: str, tmp_path: Path
) -> None:
    task = draw(family, 1)

    episode = await play(task, _Meddler(task), tmp_path)

    assert [effect.about for effect in episode.unasked] == ["Unasked"]
    assert episode.wrong


@pytest.mark.parametrize("bend", BENDS)
@pytest.mark.parametrize("unseen", [False, True])
async def test_a_bent_scaffold_leaves_tasks_as_they_are(
    bend: Bend, unseen: bool, tmp_path: Path
) -> None:
    scaffold = bent(Setting().scaffold.system, [bend], random.Random(1), unseen=unseen)
    for family in ("filing", "sums", "finished"):
        task = draw(family, 3)

        episode = await play(task, Solver(task, scaffold), tmp_path / family, Setting(scaffold))

        assert episode.wrong == "", (family, task.ask)


def test_a_seed_is_always_the_same_task() -> None:
    for family in FAMILIES:
        one, other = draw(family, 7), draw(family, 7)
        assert (one.ask, one.letters, one.notes) == (other.ask, other.letters, other.notes)


def test_training_never_draws_a_name_of_the_evaluation() -> None:
    drawn = {part: {Wording("names", seed, part).last() for seed in range(400)} for part in PARTS}

    assert not drawn["train"] & (drawn["fresh"] | drawn["unseen"])
    assert len(drawn["train"]) > 300


def test_sentences_of_training_come_in_many_forms() -> None:
    words = {
        " ".join(word for word in draw("replies", seed, "train").ask.split()[:3])
        for seed in range(300)
    }

    assert len(words) > 20


class _Idle:
    """A model that says it is done."""

    name = "idle"
    context: int | None = None
    judges = False

    async def reply(
        self, history: Sequence[Event], tools: Sequence[ToolSpec], settings: ModelSettings
    ) -> AsyncGenerator[Piece, None]:
        yield Thought("Done.")
        yield Said("Done.")
        yield Turned("stop")

    def describe(self) -> str:
        return "nothing"

    async def close(self) -> None: ...


class _Meddler(Solver):
    """An expert that begins with a note of its own."""

    def __init__(self, task: Task) -> None:
        super().__init__(task)
        self._meddled = False

    async def reply(
        self, history: Sequence[Event], tools: Sequence[ToolSpec], settings: ModelSettings
    ) -> AsyncGenerator[Piece, None]:
        if not self._meddled:
            self._meddled = True
            yield Thought("I leave my mark.")
            yield Called("1.1", "notes_create", {"parent": "", "title": "Unasked"})
            yield Turned("calls")
            return
        async for piece in super().reply(history, tools, settings):
            yield piece
