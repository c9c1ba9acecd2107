"""`m2agent eval` and what it counts, with experts and fools for models."""

from collections.abc import AsyncGenerator, Sequence

from m2agent.events import Event, Said, Thought, ToolSpec, Turned
from m2agent.model import ModelSettings, Piece
from m2agent.office.tasks.evaluation import Trial, rows, trials
from m2agent_models.script import Script


class Fool:
    """Says at once that all is done."""

    name = "fool"
    context: int | None = None
    judges = False

    async def reply(
        self, history: Sequence[Event], tools: Sequence[ToolSpec], settings: ModelSettings
    ) -> AsyncGenerator[Piece, None]:
        yield Thought("Easy.")
        yield Said("All is done.")
        yield Turned("stop", generated=3)

    def describe(self) -> str:
        return "a fool"

    async def close(self) -> None: ...


async def test_rows_count_families_and_bends_and_all() -> None:
    played = [
        trial
        async for trial in trials(Fool(), ["labels", "absent"], [1], "fresh", ["order", "names"])
    ]

    told = {row.name: (row.count, row.right) for row in rows(played)}
    assert told == {
        "labels": (2, 0),
        "absent": (2, 0),
        "with order": (2, 0),
        "with names": (2, 0),
        "all": (4, 0),
    }


async def test_episodes_played_at_once_are_all_given() -> None:
    seen: list[Trial] = []
    async for trial in trials(Fool(), ["absent"], range(4), "unseen", at_once=4):
        seen.append(trial)

    assert sorted(trial.episode.task.seed for trial in seen) == [0, 1, 2, 3]
    assert all(trial.episode.tokens == 3 for trial in seen)


async def test_what_a_model_does_unasked_is_counted() -> None:
    script = Script(
        [{"calls": [{"tool": "notes_create", "arguments": {"parent": "", "title": "X"}}]}]
    )

    (trial,) = [t async for t in trials(script, ["absent"], [1], "fresh")]

    assert [effect.about for effect in trial.episode.unasked] == ["X"]
    assert rows([trial])[-1].unasked == 1
