"""Where a model goes: how many layers on the GPU, experts in main memory, how much context.

The plan is made from the file's header before a byte of weights is read, so that too little memory
is found by arithmetic and not by the kernel. Every number can be set in `[engine]`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from m2agent.errors import SetupError
from m2agent_models.engine import gguf
from m2agent_models.engine.machine import Machine

Cache = Literal["f16", "q8_0", "q4_0"]
_CACHE_BYTES: dict[Cache, float] = {"f16": 2.0, "q8_0": 34 / 32, "q4_0": 18 / 32}

_SMALLEST, _LARGEST = 4_096, 131_072
_HEADROOM = 0.92
"""The share of a memory that is planned with; the rest is for the system and for what it shows."""


class Wishes(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The table `[engine]`: numbers the person sets. None is for the plan to choose.

    `cpu_moe` layers keep their experts in main memory; `ubatch` tokens are read at a time;
    `idle` seconds after its last user the engine ends. `model` says what `local` stands for.
    """

    model: str = "starter"
    context: int | None = None
    gpu_layers: int | None = None
    cpu_moe: int | None = None
    cache: Cache | None = None
    threads: int | None = None
    ubatch: int = 512
    sequences: int = 8
    idle: float = 300.0


def wishes(table: Mapping[str, Any]) -> Wishes:
    """Check the table `[engine]`. Raises SetupError that names what is wrong in it."""
    try:
        return msgspec.convert(dict(table), Wishes)
    except msgspec.ValidationError as error:
        known = ", ".join(Wishes.__struct_fields__)
        raise SetupError(
            f"The table [engine] of the configuration is wrong: {error}.",
            fix=f"Correct it in config.toml. Its keys are: {known}",
        ) from error


@dataclass(frozen=True)
class Plan:
    """What the engine is told, and `why` in words."""

    context: int
    gpu_layers: int
    cpu_moe: int
    cache: Cache
    threads: int
    ubatch: int
    sequences: int
    why: str


@dataclass(frozen=True)
class _Sizes:
    """Bytes: of each layer without its experts, of its experts, and of what is in no layer."""

    dense: list[int]
    experts: list[int]
    outside: int
    per_token: float

    @property
    def weights(self) -> int:
        return sum(self.dense) + sum(self.experts) + self.outside


def cache_values(header: gguf.Header) -> int:
    """The numbers that the cache holds for each token, keys and values of all layers."""
    heads = header.number("attention.head_count", 1)
    kv_heads = header.number("attention.head_count_kv", heads)
    width = header.number("embedding_length") // max(heads, 1)
    key = header.number("attention.key_length", width)
    value = header.number("attention.value_length", width)
    return header.number("block_count") * kv_heads * (key + value)


def plan(header: gguf.Header, machine: Machine, wish: Wishes, *, offload: bool) -> Plan:
    """Place a model on a machine; `offload` says whether this llama.cpp can use a GPU at all.

    Raises SetupError where it does not fit, with what would.
    """
    gpu = machine.gpu_memory if offload else 0
    layers = header.number("block_count")
    trained = header.number("context_length", _LARGEST)
    caches: list[Cache] = [wish.cache] if wish.cache else ["f16", "q8_0"]
    for context in _contexts(wish, trained):
        for cache in caches:
            sizes = _sizes(header, cache)
            fit = _fit(sizes, context, machine, gpu, wish, layers)
            if fit is None:
                continue
            gpu_layers, cpu_moe = fit
            threads = wish.threads or _threads(machine, gpu_layers)
            words = _words(header, sizes, context, cache, machine, gpu, gpu_layers, cpu_moe)
            return Plan(
                context, gpu_layers, cpu_moe, cache, threads, wish.ubatch, wish.sequences, words
            )
    needed = _sizes(header, caches[-1]).weights
    have = machine.memory if machine.unified else machine.memory + gpu
    raise SetupError(
        f"{header.path.name} needs {needed / 1e9:.1f} GB for its weights alone and more for its "
        f"context; this machine has {have / 1e9:.1f} GB it could use.",
        fix="Choose one that fits: m2agent models",
    )


def _contexts(wish: Wishes, trained: int) -> list[int]:
    """The sizes to try, largest first."""
    if wish.context:
        return [wish.context]
    sizes = [size for size in (131_072, 98_304, 65_536, 49_152, 32_768, 16_384, 8_192, _SMALLEST)]
    return [size for size in sizes if size <= trained] or [trained]


def _sizes(header: gguf.Header, cache: Cache) -> _Sizes:
    dense: list[int] = []
    experts: list[int] = []
    for _, tensors in gguf.layers(header):
        of_experts = sum(t.bytes for t in tensors if "_exps." in t.name)
        experts.append(of_experts)
        dense.append(sum(t.bytes for t in tensors) - of_experts)
    outside = header.bytes - sum(dense) - sum(experts)
    return _Sizes(dense, experts, outside, cache_values(header) * _CACHE_BYTES[cache])


def _scratch(header_bytes: int) -> int:
    """What llama.cpp needs to compute in: 2 GB beside M2's weights, little beside small ones."""
    return min(2_000_000_000, 100_000_000 + header_bytes // 20)


def _fit(
    sizes: _Sizes, context: int, machine: Machine, gpu: int, wish: Wishes, layers: int
) -> tuple[int, int] | None:
    """Layers on the GPU, and of these the ones whose experts stay in main memory; None if not."""
    cache = int(sizes.per_token * context)
    scratch = _scratch(sizes.weights)
    memory = int(machine.memory * _HEADROOM)
    if not gpu:
        if wish.gpu_layers:
            raise SetupError(
                "gpu_layers is set, but there is no GPU that this llama.cpp can use.",
                fix="Take gpu_layers out of [engine], or install llama-cpp-python for the GPU.",
            )
        return (0, 0) if sizes.weights + cache + scratch <= memory else None
    room = int(gpu * _HEADROOM) - scratch
    every_layer = layers + 1
    for gpu_layers in (
        [wish.gpu_layers] if wish.gpu_layers is not None else range(every_layer, -1, -1)
    ):
        offloaded = min(gpu_layers, layers)
        first = layers - offloaded
        on_gpu = sum(sizes.dense[first:]) + cache * offloaded // max(layers, 1)
        on_gpu += sizes.outside if gpu_layers > layers else 0
        experts = sizes.experts[first:]
        if wish.cpu_moe is not None:
            kept = min(wish.cpu_moe, offloaded)
            used = on_gpu + sum(experts[kept:])
            fits = used <= room
        else:
            kept, used = 0, on_gpu + sum(experts)
            while used > room and kept < offloaded and any(experts):
                used -= experts[kept]
                kept += 1
            fits = used <= room
        in_memory = sizes.weights + cache - used
        chosen = wish.gpu_layers is not None and wish.cpu_moe is not None
        if chosen or (fits and (in_memory <= memory or machine.unified)):
            return gpu_layers, first + kept if kept else 0
    return None


def _threads(machine: Machine, gpu_layers: int) -> int:
    """One for each core that computes; hyper-threads and the last core only get in the way."""
    return max(1, machine.cores if machine.cores <= 4 else machine.cores // 2)


def _words(
    header: gguf.Header,
    sizes: _Sizes,
    context: int,
    cache: Cache,
    machine: Machine,
    gpu: int,
    gpu_layers: int,
    cpu_moe: int,
) -> str:
    layers = header.number("block_count")
    where = (
        "all in main memory"
        if not gpu_layers
        else f"{min(gpu_layers, layers)} of {layers} layers on {machine.gpu}"
    )
    if cpu_moe:
        where += f", the experts of {cpu_moe} of them in main memory"
    notes = [
        f"{header.path.name}: {sizes.weights / 1e9:.1f} GB of weights, {where}; "
        f"{context:,} tokens of context take {sizes.per_token * context / 1e9:.1f} GB ({cache}).",
        f"This machine: {machine}.",
    ]
    if machine.gpu and not gpu:
        notes.append(
            "This llama-cpp-python was built without support for the GPU, which stays unused."
        )
    return " ".join(notes)
