"""How fast a model reads and writes here, and how much of llama.cpp's own speed gets through.

The bare loop is llama_decode and a C sampler chain with nothing around them. It runs in a process
of its own that has ended before the engine starts, so the model is never in memory twice.
"""

import asyncio
import json
import subprocess
import sys
import time
from array import array
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path

import msgspec

from m2agent.errors import M2Error, ModelError, SetupError
from m2agent_models.engine import Tokens, gguf, wire
from m2agent_models.engine.address import address
from m2agent_models.engine.client import Engine, error_from
from m2agent_models.engine.line import Line
from m2agent_models.engine.llama import Llama, library
from m2agent_models.engine.lookup import GUESSES
from m2agent_models.engine.machine import this_machine
from m2agent_models.engine.placement import Wishes, plan
from m2agent_models.engine.sampling import chain
from m2agent_models.engine.schedule import failure
from m2agent_models.engine.threads import Threads

_TEXT = "The total of invoice {0} from Ann is {0}0.50 and was due on day {0} of the month. "
_WARM = 8
_BATCH = 512
"""Tokens that are read before anything is measured: a GPU makes ready for them at the first."""
_ROUNDS = 3
"""How often writing is measured; the quickest counts, since other programs only ever slow it."""

_REFUSED = 3
"""The exit code with which the bare loop's process says why it could not be."""


@dataclass(frozen=True)
class Rates:
    """Tokens a second."""

    reading: float
    writing: float


@dataclass(frozen=True)
class Bench:
    """What was measured; `looked_up` is the writing of a text that repeats itself, with guesses."""

    plan: str
    bare: Rates
    engine: Rates
    repeating: float
    looked_up: float


async def bench(model: Path, wish: Wishes, *, reading: int, writing: int) -> Bench:
    """Measure a model file: so many tokens read and written, by the bare loop and the engine.

    Raises SetupError where it does not fit or an engine holds it already, ModelError where
    llama.cpp refuses.
    """
    await asyncio.to_thread(gguf.read, model)
    if running := await Line.open(address(model), silence=1.0):
        await running.close()
        raise SetupError(
            f"An engine has {model.name} in memory already, and would share the machine with it.",
            fix=f"Wait until it has ended by itself, or end it: kill {running.pid}",
        )
    bare, text = await asyncio.to_thread(_in_a_process, model, wish, reading, writing)
    engine = await Engine.attach(model, wish)
    try:
        await _turn(engine, "Warm", text[: len(text) * _BATCH // max(reading, _BATCH)], _WARM)
        first, *again = [await _turn(engine, "", text, writing) for _ in range(_ROUNDS)]
        same = _TEXT.format(3) * 10
        repeating = await _turn(engine, "Repeat", same, writing, repeat=True)
        looked_up = await _turn(engine, "Repeat", same, writing, repeat=True, guesses=GUESSES)
    finally:
        await engine.close()
    quickest = max(_written(turn) for turn in (first, *again))
    through = Rates(first.evaluated / first.prefill_seconds, quickest)
    return Bench(engine.ready.plan, bare, through, _written(repeating), _written(looked_up))


def _written(turn: wire.Turn) -> float:
    return (turn.generated - 1) / turn.decode_seconds


async def _turn(
    engine: Engine, name: str, text: str, writing: int, *, repeat: bool = False, guesses: int = 0
) -> wire.Turn:
    request = wire.Reply(
        0,
        name,
        [wire.Segment("text", name + text)],
        wire.Sampling(temperature=0) if repeat else wire.Sampling(seed=1),
        max_tokens=writing,
        max_thinking=writing,
        guesses=guesses,
    )
    async with aclosing(engine.reply(request)) as answers:
        async for answer in answers:
            if isinstance(answer, wire.Turn):
                return answer
    raise AssertionError("unreachable: a turn ends with Turn or raises")


def _text(tokens: int) -> str:
    """So many tokens at least, whatever the vocabulary."""
    return "".join(_TEXT.format(n) for n in range(1, tokens // 12 + 2))


def _in_a_process(model: Path, wish: Wishes, reading: int, writing: int) -> tuple[Rates, str]:
    """The bare loop's rates, and the text of as many tokens as were asked for."""
    command = [sys.executable, "-P", "-m", "m2agent_models.engine.bench", str(model.resolve())]
    command += [msgspec.json.encode(wish).decode(), str(reading), str(writing)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode == _REFUSED:
        raise error_from(msgspec.json.decode(done.stdout, type=wire.Failed))
    if done.returncode:
        last = done.stderr.strip().rpartition("\n")[2]
        raise ModelError(f"The bare loop ended with code {done.returncode}: {last[:300]}")
    read, written, text = json.loads(done.stdout)
    return Rates(read, written), text


def _bare(path: Path, wish: Wishes, reading: int, writing: int) -> tuple[float, float, str]:
    machine, header = this_machine(), gguf.read(path)
    offload = bool(machine.gpu) and bool(library().llama_supports_gpu_offload())
    placed = plan(header, machine, wish, offload=offload)
    llama = Llama(path, placed, lambda share: None)
    samplers = chain(llama.lib, wire.Sampling(seed=1))
    tokens = llama.plain(_text(reading))[:reading]
    text = b"".join(map(llama.piece, tokens)).decode("utf-8", "replace")

    own = wish.threads or placed.whole
    threads = None if own else Threads(placed.threads, llama.use_threads)

    def decode(at: int, tokens: Tokens) -> None:
        began = time.perf_counter()
        if llama.decode([(0, at, tokens, 1)]):
            raise ModelError("llama.cpp failed to evaluate a batch.")
        if threads and len(tokens) == 1:
            threads.note(time.perf_counter() - began)

    def sample() -> int:
        return llama.lib.llama_sampler_sample(samplers, llama.context, -1)

    def write(at: int, count: int) -> float:
        """Seconds that so many tokens take, after some that nobody measures."""
        began = 0.0
        for step in range(_WARM + count):
            if step == _WARM:
                began = time.perf_counter()
            decode(at + step, array("i", [sample()]))
        return time.perf_counter() - began

    decode(0, tokens[:_BATCH])
    write(min(reading, _BATCH), _WARM)
    llama.remove(0, 0)
    began = time.perf_counter()
    for at in range(0, len(tokens), placed.ubatch):
        decode(at, tokens[at : at + placed.ubatch])
    sample()
    read = len(tokens) / (time.perf_counter() - began)
    seconds: list[float] = []
    for _ in range(_ROUNDS):
        seconds.append(write(len(tokens), writing))
        llama.remove(0, len(tokens))
    return read, writing / min(seconds), text


if __name__ == "__main__":
    file, wished, *counts = sys.argv[1:]
    wish = msgspec.json.decode(wished.encode(), type=Wishes)
    try:
        rates = _bare(Path(file), wish, *map(int, counts))
    except M2Error as refused:
        print(msgspec.json.encode(failure(refused)).decode())
        sys.exit(_REFUSED)
    print(json.dumps(rates))
