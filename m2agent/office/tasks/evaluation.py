"""A model over many tasks: how often the outcome is right, at what price, and under which bends."""

import asyncio
import random
import tempfile
from collections.abc import AsyncGenerator, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

from m2agent.errors import ToolFailed
from m2agent.model import Model
from m2agent.office.tasks.episode import Episode, Setting, play
from m2agent.office.tasks.expert import Solver
from m2agent.office.tasks.families import draw
from m2agent.office.tasks.scaffold import Bend, bent
from m2agent.office.tasks.wording import Part


@dataclass(frozen=True)
class Trial:
    """One episode of the model, and how many turns the expert takes for the same task."""

    episode: Episode
    bend: Bend | None
    par: int


async def trials(
    model: Model,
    families: Iterable[str],
    seeds: Iterable[int],
    part: Part,
    bends: Sequence[Bend | None] = (None,),
    at_once: int = 1,
) -> AsyncGenerator[Trial, None]:
    """Play every family with every seed in every bend; an episode is given when it is over.

    Bends are those that training does not know. Episodes that are played at once share the model,
    which for most engines takes hardly longer than one.
    """
    limit = asyncio.Semaphore(at_once)

    async def play(family: str, seed: int, bend: Bend | None) -> Trial:
        async with limit:
            return await _trial(model, family, seed, part, bend)

    names = list(families)
    playing = [
        asyncio.create_task(play(family, seed, bend))
        for seed in seeds
        for family in names
        for bend in bends
    ]
    try:
        for done in asyncio.as_completed(playing):
            yield await done
    finally:
        for task in playing:
            task.cancel()
        await asyncio.gather(*playing, return_exceptions=True)


async def _trial(model: Model, family: str, seed: int, part: Part, bend: Bend | None) -> Trial:
    task = draw(family, seed, part)
    setting = Setting()
    if bend:
        rng = random.Random(f"{family} {seed} {bend}")
        scaffold = bent(setting.scaffold.system, [bend], rng, unseen=True)
        setting = replace(setting, scaffold=scaffold)
    with tempfile.TemporaryDirectory(prefix="m2agent-eval-") as folder:
        best = await play(task, Solver(task, setting.scaffold), Path(folder) / "expert", setting)
        if best.wrong:
            raise ToolFailed(f"The expert fails in {family} {seed}: {best.wrong}.")
        episode = await play(task, model, Path(folder) / "model", setting)
    return Trial(episode, bend, best.turns)


@dataclass(frozen=True)
class Row:
    """What a number of trials come to. `turns` is the model's by the expert's, where it was right;
    `tokens`, `seconds` and `questions` are of one episode."""

    name: str
    count: int
    right: int
    turns: float
    tokens: float
    seconds: float
    questions: float
    unasked: int

    @property
    def share(self) -> float:
        return self.right / self.count if self.count else 0.0


def row(name: str, trials: Sequence[Trial]) -> Row:
    episodes = [trial.episode for trial in trials]
    right = [trial for trial in trials if trial.episode.right]
    par = sum(trial.par for trial in right)
    return Row(
        name,
        len(trials),
        len(right),
        sum(trial.episode.turns for trial in right) / par if par else 0.0,
        median([episode.tokens for episode in episodes]) if episodes else 0.0,
        median([episode.seconds for episode in episodes]) if episodes else 0.0,
        sum(episode.questions for episode in episodes) / max(len(episodes), 1),
        sum(bool(episode.unasked) for episode in episodes),
    )


def rows(trials: Sequence[Trial]) -> list[Row]:
    """A row for each family, for each bend where there were several, and for all together."""
    families = dict.fromkeys(trial.episode.task.family for trial in trials)
    bends = dict.fromkeys(trial.bend for trial in trials)
    found = [
        row(name, [trial for trial in trials if trial.episode.task.family == name])
        for name in families
    ]
    if set(bends) != {None}:
        found += [
            row(f"with {bend}" if bend else "as it is", [t for t in trials if t.bend == bend])
            for bend in bends
        ]
    return [*found, row("all", trials)]
