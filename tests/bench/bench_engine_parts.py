"""What single parts of the engine cost, each as a ratio to something measured beside it.

A fork, a grammar, the way through the socket, and what a state on the disk saves a new engine.
Models are those of `bench_engine`.
"""

import asyncio
import os
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from statistics import median

import bench_engine as whole
import psutil
from bench_engine import ENGINE, M2_VOCABULARY, START, Bare, cpu, endless, engine_cpu, turn

from m2agent.events import Asked, Began, Turned
from m2agent_models import tiny
from m2agent_models.engine import wire
from m2agent_models.engine.sampling import Sampler
from m2agent_models.local import Local

FORKED = 8_000
OPENING = "Every tool, and what it is for, is told here in some words. " * 150
ANYTHING, NOTHING = r"root ::= [^\x00]*", r'root ::= "\x01"*'


def fork(path: Path) -> float:
    """A fork of so many tokens, as a share of the evaluation of one."""
    llama = whole.opened(path)
    letter = llama.frame("x")
    for start in range(0, FORKED, 512):
        llama.decode([(0, start, letter * min(512, FORKED - start), 0)])

    def written() -> None:
        llama.decode([(0, FORKED, letter, 1)])
        llama.remove(0, FORKED)

    def copied() -> None:
        llama.copy(0, 7, FORKED)
        llama.remove(7, 0)

    return median(cpu(copied, 1) for _ in range(30)) / median(cpu(written, 1) for _ in range(30))


def grammar(path: Path, count: int) -> tuple[float, float]:
    """Choosing a token under a grammar that allows it, and under one that does not, over free."""
    bare = Bare(path)

    def chosen(text: str) -> float:
        sampler = Sampler(bare.llama, wire.Sampling(seed=1), text)
        if text:
            sampler.start_grammar()
        taken: list[float] = []
        for _ in range(count):
            bare.step()
            taken.append(cpu(lambda: sampler.sample(-1), 1))
        sampler.close()
        return median(taken)

    free = chosen("")
    return chosen(ANYTHING) / free, chosen(NOTHING) / free


async def crossing(path: Path, count: int) -> float:
    """CPU of whoever reads a turn, as a share of the engine's that writes it."""
    model = await Local.open(str(path), ENGINE)
    await turn(model, START, endless(8))
    before, began = engine_cpu(), time.process_time()
    await turn(model, START, endless(count))
    share = (time.process_time() - began) / (engine_cpu() - before)
    await model.close()
    return share


async def first_token(path: Path) -> tuple[float, float, int]:
    """A new engine's seconds to the first token: with the opening on the disk over without.

    And the same with the opening still in memory, and the number of tokens it has.
    """
    history = [Began("local", OPENING, []), Asked("Go.")]
    seconds: list[float] = []
    tokens = 0
    for run in range(2):
        model = await Local.open(str(path), {**ENGINE, "openings": 1.0})
        for task in ("Go.", "Go on.")[: run + 1]:
            asked = [history[0], Asked(task)]
            end = (await turn(model, asked, replace(endless(1), temperature=0)))[-1]
            assert isinstance(end, Turned)
            seconds.append(end.prefill_seconds)
            tokens = max(tokens, end.evaluated)
        await model.close()
        await _ended()
    cold, kept, warm = seconds
    return kept / cold, warm / cold, tokens


async def _ended() -> None:
    """Until the engine, whose last user has left, is gone."""
    for engine in psutil.Process().children():
        await asyncio.to_thread(engine.wait)


def row(what: str, figure: float) -> None:
    print(f"{what:<68} {figure:8.4f}", flush=True)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        os.environ["M2AGENT_HOME"] = folder
        small = tiny.write(Path(folder) / "tiny.gguf")
        wide = tiny.write(Path(folder) / "wide.gguf", vocab=M2_VOCABULARY)
        row(f"a fork of {FORKED:,} tokens / one token of the smallest model", fork(small))
        checked, refused = grammar(wide, 100)
        row(f"a token that the grammar allows / a free one ({M2_VOCABULARY:,})", checked)
        row("a token that it does not allow, chosen anew / a free one", refused)
        for path in [Path(name) for name in sys.argv[1:]] or whole.found():
            print(path.stem)
            row("    CPU of who reads a turn / the engine's", asyncio.run(crossing(path, 100)))
            kept, warm, tokens = asyncio.run(first_token(path))
            row(f"    first token of a new engine, {tokens:,} tokens on disk / read", kept)
            row("    first token of another run beside it / read", warm)


if __name__ == "__main__":
    main()
