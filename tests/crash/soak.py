"""`make soak`: processes killed at random boundaries, up to three in one run, a thousand in all;
then power lost a hundred times.

Prints what came of it, scene by scene; its exit code says whether anything was lost or done twice.
"""

import random
import sys
import tempfile
from pathlib import Path

import click
from player import differences, kinds, played, ready
from power import lost
from scenes import SCENES


@click.command
@click.option("--kills", default=1_000, help="How many processes are killed, at least.")
@click.option("--losses", default=100, help="How many times power is lost.")
@click.option("--seed", default=1, help="Other numbers kill at other boundaries.")
@click.option("--scene", "names", multiple=True, help="Only this scene; repeatable.")
def main(kills: int, losses: int, seed: int, names: tuple[str, ...]) -> None:
    """Kill, go on, compare; first at each kind of boundary, then at random ones."""
    wrong = 0
    chosen = names or tuple(SCENES)
    print("| scene | boundaries | kinds | runs | kills | looked up | asked | prompts | wrong |")
    print("|---|---|---|---|---|---|---|---|---|", flush=True)
    with tempfile.TemporaryDirectory(prefix="m2agent-soak-") as folder:
        for name in chosen:
            row = _soaked(name, Path(folder) / name, -(-kills // len(chosen)), random.Random(seed))
            wrong += row[-1]
            print(f"| {name} | {' | '.join(f'{n:,}' for n in row)} |", flush=True)
        if losses:
            print("\n| scene | losses of power | wrong |\n|---|---|---|", flush=True)
        for name in chosen if losses else ():
            each = -(-losses // len(chosen))
            row = _unplugged(name, Path(folder) / f"{name}-power", each, random.Random(seed))
            wrong += row[-1]
            print(f"| {name} | {row[0]:,} | {row[1]:,} |", flush=True)
    sys.exit(wrong > 0)


def _soaked(name: str, folder: Path, kills: int, chance: random.Random) -> list[int]:
    scene = SCENES[name]
    prepared = ready(scene, folder)
    quiet = played(scene, prepared, folder / "quiet", [])
    places = quiet["places"]
    first = kinds(places)
    runs = killed = looked = asked = prompts = wrong = 0
    while killed < kills:
        plan = [first[runs]] if runs < len(first) else _random(chance, len(places))
        told = played(scene, prepared, folder / "killed", plan)
        runs += 1
        killed += told["killed"]
        looked += told["settled"] - told["asked"]
        asked += told["asked"]
        prompts += len(told["prompts"]) if told["comparable"] and not told["asked"] else 0
        if found := differences(quiet, told):
            wrong += 1
            print(f"{name}, killed at {plan}:", *found, sep="\n", file=sys.stderr, flush=True)
    return [len(places), len(first), runs, killed, looked, asked, prompts, wrong]


def _unplugged(name: str, folder: Path, losses: int, chance: random.Random) -> list[int]:
    wrong = 0
    for told in lost(name, folder, losses, chance):
        if told["differences"]:
            wrong += 1
            print(
                f"{name}, {told['at']}:",
                *told["differences"],
                sep="\n",
                file=sys.stderr,
                flush=True,
            )
    return [losses, wrong]


def _random(chance: random.Random, boundaries: int) -> list[int]:
    return [chance.randint(1, boundaries) for _ in range(chance.randint(1, 3))]


if __name__ == "__main__":
    main()
