"""`m2agent eval`: how well a model does office tasks that generate themselves."""

import asyncio
from contextlib import aclosing
from pathlib import Path
from typing import cast

import click
import msgspec

from m2agent.cli.completion import a_model
from m2agent.home import config_file, home, private
from m2agent.office.tasks.evaluation import Row, Trial, rows, trials
from m2agent.office.tasks.families import FAMILIES, LONG
from m2agent.office.tasks.scaffold import BENDS, Bend
from m2agent.office.tasks.wording import Part
from m2agent.settings import read_settings


@click.command
@click.option(
    "--model", shell_complete=a_model, help="What thinks: local, a name, a GGUF's path, server:URL."
)
@click.option("--family", "families", multiple=True, type=click.Choice([*FAMILIES, *LONG]))
@click.option("--seeds", type=click.IntRange(1), default=5, show_default=True, help="How many.")
@click.option("--first", type=int, default=0, show_default=True, help="The first seed.")
@click.option("--unseen", is_flag=True, help="Ask in words that no training has.")
@click.option(
    "--bend",
    "bends",
    multiple=True,
    type=click.Choice([*BENDS, "all"]),
    help="Change what the model is told: its prompt, the tools' names, ... ; may be given again.",
)
@click.option("--at-once", type=click.IntRange(1, 64), default=6, show_default=True)
@click.option("--export", type=click.Path(file_okay=False, path_type=Path), help="Keep episodes.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per episode.")
@click.option("-v", "--verbose", is_flag=True, help="Say of each episode how it went.")
def eval(
    model: str | None,
    families: tuple[str, ...],
    seeds: int,
    first: int,
    unseen: bool,
    bends: tuple[str, ...],
    at_once: int,
    export: Path | None,
    as_json: bool,
    verbose: bool,
) -> int:
    """Let a model do office tasks and judge each by what is in the office afterwards.

    Prints, for each family of tasks: episodes, share with the right outcome, turns compared with
    an expert's, tokens and seconds of an episode, questions to the person, and episodes that
    changed something nobody asked for.
    """
    chosen = BENDS if "all" in bends else cast(tuple[Bend, ...], bends)
    part: Part = "unseen" if unseen else "fresh"
    done: list[Trial] = []

    async def run() -> None:
        from m2agent.desk import open_model

        private(home())
        settings = read_settings(config_file())
        opened = await open_model(model or settings.model, settings.engine)
        try:
            numbers = range(first, first + seeds)
            names = families or list(FAMILIES)
            played = trials(opened, names, numbers, part, chosen or (None,), at_once)
            async with aclosing(played) as each:
                async for trial in each:
                    done.append(trial)
                    _tell(trial, as_json=as_json, verbose=verbose)
                    if export:
                        _keep(export, trial)
        finally:
            await opened.close()

    asyncio.run(run())
    if not as_json:
        click.echo(_table(rows(done)))
    return 0


def _tell(trial: Trial, *, as_json: bool, verbose: bool) -> None:
    episode = trial.episode
    told = {
        "family": episode.task.family,
        "seed": episode.task.seed,
        "bend": trial.bend,
        "right": episode.right,
        "wrong": episode.wrong,
        "turns": episode.turns,
        "par": trial.par,
        "tokens": episode.tokens,
        "questions": episode.questions,
        "unasked": [str(effect) for effect in episode.unasked],
        "seconds": round(episode.seconds, 2),
    }
    if as_json:
        click.echo(msgspec.json.encode(told).decode())
    elif verbose:
        how = "right" if episode.right else episode.wrong
        bend = f" with {trial.bend}" if trial.bend else ""
        click.echo(f"{episode.task.family} {episode.task.seed}{bend}: {how}", err=True)


def _keep(folder: Path, trial: Trial) -> None:
    """The episode as `export` prints a run, and as training text with its reward."""
    from m2agent.cli.training import example
    from m2agent.journal.export import line

    episode = trial.episode
    folder.mkdir(parents=True, exist_ok=True)
    name = "-".join([episode.task.family, str(episode.task.seed), *filter(None, [trial.bend])])
    lines = "".join(f"{line(record)}\n" for record in episode.records)
    (folder / f"{name}.jsonl").write_text(lines, "utf-8")
    told = example(episode.history, reward=float(episode.right), task=name)
    with (folder / "training.jsonl").open("a", encoding="utf-8") as file:
        file.write(msgspec.json.encode(told).decode() + "\n")


def _table(rows: list[Row]) -> str:
    head = ("", "episodes", "right", "turns", "tokens", "seconds", "questions", "unasked")
    lines = [f"{head[0]:<14}" + "".join(f"{word:>10}" for word in head[1:])]
    lines += [
        f"{row.name:<14}{row.count:>10}{row.share:>10.0%}{row.turns:>9.2f}x{row.tokens:>10.0f}"
        f"{row.seconds:>10.1f}{row.questions:>10.2f}{row.unasked:>10}"
        for row in rows
    ]
    return "\n".join(lines)
