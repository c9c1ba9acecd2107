"""Training text for the starter: an expert's episodes, exactly as `local` would send them.

    python models/training/trajectories.py BASE.gguf OUT.npz --groups 160 --seed 1

Run it in m2agent's own environment. Each group shares a scaffold, and with it the beginning of the
prompt, which is then evaluated once for all of them. BASE.gguf is the starter without an adapter:
its tokenizer is the one that serves. What the model wrote has mask 1; only that counts.
"""

# pyright: basic, reportMissingImports=false

import argparse
import asyncio
import random
import re
import tempfile
from array import array
from datetime import timedelta
from pathlib import Path

import numpy as np

from m2agent.events import Asked, Began, Called, Event, Thought, Turned
from m2agent.loop.prompt import system_prompt
from m2agent.office.tasks import FAMILIES, draw
from m2agent.office.tasks.episode import PERSON, TODAY, Episode, Setting, play
from m2agent.office.tasks.expert import Solver
from m2agent.office.tasks.scaffold import BENDS, Bend, Scaffold, bent
from m2agent.office.tasks.task import Task
from m2agent.office.tasks.wording import Wording
from m2agent_models import m2
from m2agent_models.engine import gguf
from m2agent_models.engine.llama import Llama
from m2agent_models.engine.machine import this_machine
from m2agent_models.engine.placement import Wishes, plan
from m2agent_models.starter.vocabulary import END_ID

SHARES = {"sums": 2.0, "tables": 1.4, "labels": 1.3, "finished": 1.4, "orders": 2.0, "detours": 1.3}
"""How often a family comes, where it is not once."""

_BENT = 0.6
_OFTEN: tuple[Bend, ...] = (*BENDS, "names", "names")
"""Other names of tools are the hardest to learn."""
_ID = re.compile(r"\b([mdt])(\d{1,2})\b")


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("base", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--groups", type=int, default=160)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--wholes", type=int, default=8, help="Episodes in each group.")
    parser.add_argument("--firsts", type=int, default=0, help="First turns alone, in each group.")
    options = parser.parse_args()
    llama = tokenizer(options.base)
    tokens, masks = array("i"), array("b")
    starts: list[int] = [0]
    families: list[str] = []
    groups: list[int] = []

    def keep(family: str, group: int, ids: array, mask: array) -> None:
        nonlocal tokens, masks
        tokens += ids
        masks += mask
        starts.append(len(tokens))
        families.append(family)
        groups.append(group)

    for number in range(options.groups):
        rng = random.Random(f"group {options.seed} {number}")
        scaffold = drawn(rng)
        for place in range(options.wholes):
            episode = await solved(
                rng, scaffold, options.seed * 1_000_000 + number * options.wholes + place
            )
            began = episode.history[0]
            keep(episode.task.family, number, *told(llama, episode.history, rng))
        firsts = [first(rng, scaffold, began, 900_000 + n) for n in range(options.firsts)]
        for task, history in firsts:
            keep(task.family, number, *told(llama, history, rng))
        print(f"{number + 1} groups, {len(tokens):,} tokens", flush=True)
    np.savez_compressed(
        options.out,
        tokens=np.frombuffer(tokens, np.int32),
        masks=np.frombuffer(masks, np.int8),
        starts=np.array(starts),
        families=np.array(families),
        groups=np.array(groups),
    )


def tokenizer(path: Path) -> Llama:
    return Llama(
        path,
        plan(gguf.read(path), this_machine(), Wishes(context=512), offload=False),
        lambda _: None,
    )


def drawn(rng: random.Random) -> Scaffold:
    """The real scaffold of some day, or most often one that is bent in up to three ways."""
    day = TODAY + timedelta(rng.randint(-300, 600))
    who = Wording("person", rng.getrandbits(30), "train").person()
    system = system_prompt(day, rng.choice((PERSON, who.sender, who.name, "")))
    if rng.random() >= _BENT:
        return Scaffold(system)
    bends: list[Bend] = list(dict.fromkeys([rng.choice(_OFTEN) for _ in range(rng.randint(1, 3))]))
    return bent(system, bends, rng, unseen=False)


async def solved(rng: random.Random, scaffold: Scaffold, seed: int) -> Episode:
    """An episode that the expert solves."""
    names = list(FAMILIES)
    (family,) = rng.choices(names, [SHARES.get(name, 1.0) for name in names])
    while True:
        task = draw(family, seed, "train")
        with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
            episode = await play(task, Solver(task, scaffold), Path(folder), Setting(scaffold))
        if episode.right:
            return episode
        print(f"left out: {family} {seed}: {episode.wrong}", flush=True)
        seed += 500_000


def first(
    rng: random.Random, scaffold: Scaffold, began: Event, seed: int
) -> tuple[Task, list[Event]]:
    """A task and what the expert does first, which is where tasks are told apart."""
    (family,) = rng.choices(list(FAMILIES), [SHARES.get(name, 1.0) for name in FAMILIES])
    task = draw(family, seed + 1_000_000 * rng.randrange(1000), "train")
    step = next(task.solve())
    tool, arguments = scaffold.called(step.tool, step.arguments)
    called = Called("1.1", tool, arguments)
    return task, [began, Asked(task.ask), Thought(step.thought), called, Turned("calls")]


def told(llama: Llama, history: list[Event], rng: random.Random) -> tuple[array, array]:
    """Its tokens from the first on, and which of them the model wrote."""
    began = history[0]
    assert isinstance(began, Began)
    segments = m2.segments(history, began.tools, brief=True)
    last = max(n for n, segment in enumerate(segments) if segment.kind == "model")
    renumber = ids_redrawn(rng)
    tokens, mask = array("i"), array("b")
    asked = next(n for n, segment in enumerate(segments) if f"{m2.ROLE}user" in segment.text)
    for n, segment in enumerate(segments[: last + 1]):
        text = renumber(segment.text) if n > asked else segment.text
        plain = segment.kind == "text"
        ids = llama.plain(text) if plain else llama.frame(text)
        tokens += ids
        mask += array("b", [segment.kind == "model"] * len(ids))
    if not isinstance(history[-1], Turned):
        tokens.append(END_ID)
        mask.append(1)
    return tokens, mask


def ids_redrawn(rng: random.Random):
    """Mails and threads under other numbers, as in a mailbox that is not new."""
    at = {kind: int(10 ** rng.uniform(0, 3)) for kind in "mt"}
    gap = rng.randint(1, 4)

    def new(match: re.Match[str]) -> str:
        kind = "t" if match[1] == "t" else "m"
        return f"{match[1]}{at[kind] + gap * int(match[2])}"

    return lambda text: _ID.sub(new, text)


if __name__ == "__main__":
    asyncio.run(main())
