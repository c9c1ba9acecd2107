"""A model on a machine with a GPU, by the clock: the figures of bench_engine, and its placement.

    python tests/bench/gpu.py wide.gguf 4096

The number is the length of the prompt. `[engine]` of the configuration holds, so other placements
are measured by setting them there. The engine is started once, after the bare loop has ended.
"""

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import psutil
from bench_engine import cancel_times, endless, together, turn

from m2agent.errors import M2Error
from m2agent.events import Asked, Began, Event, Turned
from m2agent.home import config_file
from m2agent.settings import read_settings
from m2agent_models.engine.bench import bench
from m2agent_models.engine.machine import this_machine
from m2agent_models.engine.placement import wishes
from m2agent_models.local import Local

PATIENCE = 120.0
"""Seconds after which a figure is given up."""

LENGTHS = (200, 8_000)
WRITTEN = 100


def occupied() -> float:
    """Gigabytes of the GPU that are taken."""
    machine = this_machine()
    return (machine.gpu_memory - (machine.gpu_free or machine.gpu_memory)) / 1e9


async def rates(path: Path, table: Mapping[str, Any], tokens: int) -> None:
    """What `m2agent models bench` says."""
    found = await bench(path, wishes(table), reading=tokens, writing=WRITTEN)
    for what, bare, engine in (
        ("read", found.bare.reading, found.engine.reading),
        ("written", found.bare.writing, found.engine.writing),
    ):
        share = f"{engine / bare:.3f} of the bare loop's {bare:,.1f}"
        print(f"tokens {what} in a second: {engine:,.1f}, {share}")
    print(f"the same text, looked up / written: {found.looked_up / found.repeating:.2f}")


async def lengths(model: Local) -> None:
    """Writing after a short prompt and after a long one."""
    seconds: list[float] = []
    for length in LENGTHS:
        history: list[Event] = [Began("local", "You help.", []), Asked("x " * (length // 2))]
        turns = [await turn(model, history, endless(WRITTEN)) for _ in range(3)]
        ends = [pieces[-1] for pieces in turns]
        taken = [end.decode_seconds for end in ends if isinstance(end, Turned)]
        context = [end.context_used for end in ends if isinstance(end, Turned)]
        seconds.append(min(taken) / WRITTEN)
        print(f"a token at {context[0]:,} tokens: {seconds[-1] * 1e3:.2f} ms")
    print(f"long / short: {seconds[1] / seconds[0]:.2f}, llama_decode's own share included")


async def cancels(model: Local, prompt: str) -> None:
    taken = await cancel_times(model, prompt, 20)
    what = "reading" if prompt else "writing"
    worst = quantiles(taken, n=20)[-1]
    print(f"stopped while {what}: {median(taken) * 1e3:.0f} ms, 95th percentile {worst * 1e3:.0f}")


async def four(model: Local) -> None:
    gain = await together(model, 64, time.perf_counter)
    print(f"four at once / one after another: {gain:.2f}")


async def main(path: Path, tokens: int) -> None:
    table = {"idle": 5.0, **read_settings(config_file()).engine}
    print(f"{this_machine()}; {occupied():.1f} GB of the GPU taken before", flush=True)
    before = occupied()
    await tried("rates", lambda: rates(path, table, tokens))
    began = time.perf_counter()
    model = await Local.open(str(path), table)
    try:
        print(f"{model.describe()}")
        print(f"opened in {time.perf_counter() - began:.1f} s", end=", ")
        print(f"GPU taken by it: {occupied() - before:.1f} GB", flush=True)
        await tried("lengths", lambda: lengths(model))
        await tried("stopped while writing", lambda: cancels(model, ""))
        await tried("stopped while reading", lambda: cancels(model, "x " * 2 * tokens))
        await tried("four at once", lambda: four(model))
        print(f"GPU taken at last: {occupied() - before:.1f} GB")
    finally:
        await model.close()
        for engine in psutil.Process().children():
            await asyncio.to_thread(engine.wait)


async def tried(what: str, figure: Callable[[], Awaitable[None]]) -> None:
    """Measure one thing; where that fails or takes too long, say so and go on."""
    began = time.perf_counter()
    try:
        async with asyncio.timeout(PATIENCE):
            await figure()
    except TimeoutError:
        print(f"{what}: given up after {PATIENCE:.0f} s")
    except M2Error as error:
        print(f"{what}: {error}")
    print(f"    ({time.perf_counter() - began:.0f} s)", flush=True)


if __name__ == "__main__":
    file, *count = sys.argv[1:]
    asyncio.run(main(Path(file), int(count[0]) if count else 4096))
