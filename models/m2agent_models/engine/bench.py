"""How fast a model reads and writes here, and how much of llama.cpp's own speed gets through.

The bare loop is llama_decode and a C sampler chain with nothing around them. It runs in a process
of its own that has ended before the engine starts, so the model is never in memory twice.
"""

import asyncio
import json
import subprocess
import sys
import time
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path

import msgspec

from m2agent.errors import M2Error, ModelError, SetupError
from m2agent_models.engine import gguf, wire
from m2agent_models.engine.address import address
from m2agent_models.engine.client import Engine, error_from
from m2agent_models.engine.line import Line
from m2agent_models.engine.llama import Llama, library
from m2agent_models.engine.lookup import GUESSES
from m2agent_models.engine.machine import this_machine
from m2agent_models.engine.placement import Wishes, plan
from m2agent_models.engine.sampling import Sampler
from m2agent_models.engine.schedule import failure

_TEXT = "The total of invoice {0} from Ann is {0}0.50 and was due on day {0} of the month. "
_WARM = 8

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
    bare = await asyncio.to_thread(_in_a_process, model, wish, reading, writing)
    engine = await Engine.attach(model, wish)
    try:
        await _turn(engine, "warm", 64, _WARM)
        whole = await _turn(engine, "whole", reading, writing)
        repeating = await _turn(engine, "repeat", 256, writing, repeat=True)
        looked_up = await _turn(engine, "repeat", 256, writing, repeat=True, guesses=GUESSES)
    finally:
        await engine.close()
    through = Rates(whole.evaluated / whole.prefill_seconds, _written(whole))
    return Bench(engine.ready.plan, bare, through, _written(repeating), _written(looked_up))


def _written(turn: wire.Turn) -> float:
    return (turn.generated - 1) / turn.decode_seconds


async def _turn(
    engine: Engine, name: str, reading: int, writing: int, *, repeat: bool = False, guesses: int = 0
) -> wire.Turn:
    request = wire.Reply(
        0,
        name,
        [wire.Segment("text", f"{name} {_text(reading, repeat=repeat)}")],
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


def _text(tokens: int, *, repeat: bool = False) -> str:
    """About so many tokens."""
    return "".join(_TEXT.format(3 if repeat else n) for n in range(1, tokens // 24 + 2))


def _in_a_process(model: Path, wish: Wishes, reading: int, writing: int) -> Rates:
    command = [sys.executable, "-P", "-m", "m2agent_models.engine.bench", str(model.resolve())]
    command += [msgspec.json.encode(wish).decode(), str(reading), str(writing)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode == _REFUSED:
        raise error_from(msgspec.json.decode(done.stdout, type=wire.Failed))
    if done.returncode:
        last = done.stderr.strip().rpartition("\n")[2]
        raise ModelError(f"The bare loop ended with code {done.returncode}: {last[:300]}")
    return Rates(**json.loads(done.stdout))


def _bare(path: Path, wish: Wishes, reading: int, writing: int) -> Rates:
    machine, header = this_machine(), gguf.read(path)
    offload = bool(machine.gpu) and bool(library().llama_supports_gpu_offload())
    placed = plan(header, machine, wish, offload=offload)
    llama = Llama(path, placed, lambda share: None)
    sampler = Sampler(llama, wire.Sampling(seed=1))
    tokens = llama.opening + llama.plain(_text(reading))
    at = 0

    def decode(count: int) -> int:
        nonlocal at
        chunk = tokens[at : at + count]
        if llama.decode([(0, at, chunk, 1)]):
            raise ModelError("llama.cpp failed to evaluate a batch.")
        at += len(chunk)
        return len(chunk) - 1

    decode(1)
    llama.decode([(0, 1, tokens[1:9], 1)])
    llama.remove(0, 1)
    began = time.perf_counter()
    row = 0
    while at < len(tokens):
        row = decode(placed.ubatch)
    read = (at - 1) / (time.perf_counter() - began)
    for step in range(_WARM + writing):
        if step == _WARM:
            began = time.perf_counter()
        token = sampler.sample(row)
        assert token is not None
        tokens.append(token)
        row = decode(1)
    return Rates(read, writing / (time.perf_counter() - began))


if __name__ == "__main__":
    file, wished, *counts = sys.argv[1:]
    wish = msgspec.json.decode(wished.encode(), type=Wishes)
    try:
        rates = _bare(Path(file), wish, *map(int, counts))
    except M2Error as refused:
        print(msgspec.json.encode(failure(refused)).decode())
        sys.exit(_REFUSED)
    print(json.dumps(rates.__dict__))
