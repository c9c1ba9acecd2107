"""Where a model goes: how many layers on the GPU, experts in main memory, how much context.

The plan is made from the file's header before a byte of weights is read, so that too little memory
is found by arithmetic and not by the kernel. Every number can be set in `[engine]`.
"""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import msgspec

from m2agent.errors import SetupError
from m2agent_models.engine import gguf
from m2agent_models.engine.machine import ROOM, Machine

Cache = Literal["f16", "q8_0", "q4_0"]
_CACHE_BYTES: dict[Cache, float] = {"f16": 2.0, "q8_0": 34 / 32, "q4_0": 18 / 32}

_CONTEXTS = (131_072, 98_304, 65_536, 49_152, 32_768, 16_384, 8_192, 4_096)
_COMFORTABLE = 32_768
"""Tokens of context below which long work suffers more than from slower layers."""

_Q4_K_AND_Q5_K = (12, 13)

Stage = Literal["memory", "whole", "experts", "layers"]
"""All in main memory; all on the GPU; all but experts; as many layers as it takes."""

_UBATCH, _UBATCH_OFFLOADED = 512, 2048
"""Tokens read at a time. Experts in main memory cross to the GPU once for each such batch, however
long it is; where they do not, a shorter one makes no difference and can be cancelled sooner."""

_OTHERS = 300e6
"""Bytes of what is free on a GPU that are left for programs that come later."""


_DRIVERS = 0.01
"""The share of a GPU that its driver itself takes, at most."""


def _says(description: str) -> msgspec.Meta:
    return msgspec.Meta(description=description)


_Count = Annotated[int, msgspec.Meta(ge=1)]
_Sequences = Annotated[int, msgspec.Meta(ge=1, le=255)]
_Number = Annotated[int, msgspec.Meta(ge=0)]
_Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
_Amount = Annotated[float, msgspec.Meta(ge=0)]


class Wishes(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The table `[engine]`: numbers the person sets. None is for the plan to choose."""

    model: Annotated[str, _says("What `local` stands for: a name or a GGUF's path.")] = "starter"
    context: Annotated[_Count | None, _says("Tokens of context.")] = None
    gpu_layers: Annotated[
        _Number | None, _says("Layers on the GPU, the last ones first; the output counts as one.")
    ] = None
    cpu_moe: Annotated[
        _Number | None, _says("Layers, from the first on, whose experts stay in main memory.")
    ] = None
    cache: Annotated[
        Cache | None, _says("How the context is stored, keys and values alike: f16, q8_0, q4_0.")
    ] = None
    threads: Annotated[
        _Count | None, _says("Threads that compute; unset, as many as help just then.")
    ] = None
    ubatch: Annotated[_Count | None, _says("Tokens of a prompt that are read at a time.")] = None
    sequences: Annotated[_Sequences, _says("Conversations that are held at once.")] = 8
    idle: Annotated[_Amount, _says("Seconds after its last user until the engine ends.")] = 300.0
    unload: Annotated[
        _Amount, _says("Seconds after its last turn until it ends even where it is still open.")
    ] = 3600.0
    keep: Annotated[
        _Amount,
        _says("Gigabytes of disk for what was read and written: none is read again."),
    ] = 0.0
    openings: Annotated[
        _Amount, _says("Without keep: gigabytes of disk for system text and tools alone.")
    ] = 1.0
    speculate: Annotated[
        bool, _says("Look up what is quoted and try several tokens at once, while that pays.")
    ] = False
    temperature: Annotated[
        _Amount | None, _says("How freely it writes; unset, these four are as its makers say.")
    ] = None
    top_p: Annotated[_Share | None, _says("The likeliest words up to this share.")] = None
    top_k: Annotated[_Number | None, _says("So many of the likeliest words; 0 for all.")] = None
    min_p: Annotated[_Share | None, _says("Words at least so likely beside the likeliest.")] = None
    copies: Annotated[
        bool, _says("Whether a small model's calls are held to names and numbers it has read.")
    ] = True


_ALL_KEYS = "Correct it in config.toml. All keys: m2agent doctor --settings"


def wishes(table: Mapping[str, Any]) -> Wishes:
    """Check the table `[engine]`. Raises SetupError that names what is wrong in it."""
    for key in table:
        if key not in Wishes.__struct_fields__:
            near = difflib.get_close_matches(key, Wishes.__struct_fields__, n=1)
            raise SetupError(
                f"There is no key {key!r} in [engine] of the configuration.",
                fix=f"Did you mean {near[0]!r}?" if near else _ALL_KEYS,
            )
    try:
        return msgspec.convert(dict(table), Wishes)
    except msgspec.ValidationError as error:
        what, _, key = str(error).partition(" - at `$.")
        raise SetupError(
            f"{key.rstrip('`')} in [engine] of the configuration is wrong: "
            f"{what[:1].lower()}{what[1:].replace('`', '').replace(' | null', '')}.",
            fix=_ALL_KEYS,
        ) from error


@dataclass(frozen=True)
class Plan:
    """What the engine is told, and `why` in words; `whole` where the GPU does all the computing."""

    context: int
    gpu_layers: int
    cpu_moe: int
    cache: Cache
    threads: int
    ubatch: int
    sequences: int
    why: str
    whole: bool = False


@dataclass(frozen=True)
class _Sizes:
    """Bytes: of each layer without its experts, of its experts, and of what is in no layer."""

    dense: list[int]
    experts: list[int]
    outside: int

    @property
    def weights(self) -> int:
        return sum(self.dense) + sum(self.experts) + self.outside

    @property
    def scratch(self) -> int:
        """What llama.cpp computes in: 2 GB beside M2's weights, little beside small ones."""
        return min(2_000_000_000, 100_000_000 + self.weights // 20)


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
    if wish.gpu_layers and not offload:
        raise SetupError(
            "gpu_layers is set, but there is no GPU that this llama.cpp can use.",
            fix="Take gpu_layers out of [engine], or install llama-cpp-python for the GPU.",
        )
    sizes = _sizes(header)
    for stage in _stages(wish, machine, offload=offload):
        for context, cache in _contexts(header, wish, stage):
            needed = int(cache_values(header) * _CACHE_BYTES[cache] * context)
            fit = _fit(sizes, needed, machine, wish, stage)
            if fit:
                gpu_layers, cpu_moe = fit
                why = _words(header, sizes, context, cache, needed, machine, fit, offload=offload)
                threads = wish.threads or _threads(machine)
                ubatch = wish.ubatch or (_UBATCH_OFFLOADED if gpu_layers and cpu_moe else _UBATCH)
                whole = gpu_layers > len(sizes.dense) and not cpu_moe
                return Plan(
                    context, gpu_layers, cpu_moe, cache, threads, ubatch, wish.sequences, why, whole
                )
    context, cache = _contexts(header, wish, "layers")[-1]
    needed = cache_values(header) * _CACHE_BYTES[cache] * context
    have = machine.memory + (machine.gpu_memory if offload and not machine.unified else 0)
    free = "" if machine.free is None else f", {machine.free / 1e9:.1f} GB of its memory free"
    raise SetupError(
        f"{header.path.name} has {sizes.weights / 1e9:.1f} GB of weights, and {context:,} tokens "
        f"of context take {needed / 1e9:.1f} GB; this machine has {have / 1e9:.1f} GB in all"
        f"{free}.",
        fix="Choose one that fits: m2agent models"
        if sizes.weights > have * ROOM
        else "Close other programs, or set a smaller context under [engine] in config.toml.",
    )


def _sizes(header: gguf.Header) -> _Sizes:
    dense: list[int] = []
    experts: list[int] = []
    for _, tensors in gguf.layers(header):
        of_experts = sum(t.bytes for t in tensors if t.experts)
        experts.append(of_experts)
        dense.append(sum(t.bytes for t in tensors) - of_experts)
    return _Sizes(dense, experts, header.bytes - sum(dense) - sum(experts))


def _stages(wish: Wishes, machine: Machine, *, offload: bool) -> list[Stage]:
    """What to try, best first. A shorter context is better than layers off the GPU."""
    if not offload:
        return ["memory"]
    if wish.gpu_layers is not None or wish.cpu_moe is not None:
        return ["layers"]
    return ["whole", "layers"] if machine.unified else ["whole", "experts", "layers"]


def _contexts(header: gguf.Header, wish: Wishes, stage: Stage) -> list[tuple[int, Cache]]:
    """Sizes of context with types of cache, best first."""
    trained = header.number("context_length", _CONTEXTS[0])
    sizes = [wish.context] if wish.context else [c for c in _CONTEXTS if c <= trained] or [trained]
    if stage in ("whole", "experts"):
        sizes = [size for size in sizes if size >= _COMFORTABLE] or sizes[:1]
    elif stage == "layers":
        sizes = [size for size in sizes if size <= _COMFORTABLE] or sizes
    caches: list[Cache] = [wish.cache] if wish.cache else ["f16", "q8_0"]
    return [(size, cache) for size in sizes for cache in caches]


def _fit(
    sizes: _Sizes, cache: int, machine: Machine, wish: Wishes, stage: Stage
) -> tuple[int, int] | None:
    """Layers on the GPU, and up to which layer experts stay in main memory; None if it cannot be.

    As llama.cpp counts, the output is one more layer, and the last layers are the first to move.
    """
    layers = len(sizes.dense)
    memory = machine.memory * ROOM
    # Weights can be read again from the disk; the cache has to find a place.
    free = memory if machine.free is None else min(memory, machine.free)
    if stage == "memory":
        fits = sizes.weights + cache + sizes.scratch <= memory and cache + sizes.scratch <= free
        return (0, 0) if fits else None
    room = _room_on(machine) - sizes.scratch
    wanted = range(layers + 1, -1, -1) if stage == "layers" else [layers + 1]
    for gpu_layers in [wish.gpu_layers] if wish.gpu_layers is not None else wanted:
        first = min(layers, max(0, layers + 1 - gpu_layers))
        used = sum(sizes.dense[first:]) + cache * (layers - first) // max(layers, 1)
        used += sizes.outside if gpu_layers else 0
        kept = first
        if wish.cpu_moe is not None:
            kept = min(max(wish.cpu_moe, first), layers)
        elif stage != "whole":
            while kept < layers and used + sum(sizes.experts[kept:]) > room:
                kept += 1
        used += sum(sizes.experts[kept:])
        # Where memory is one, what is not on the GPU still has to share it.
        total = machine.gpu_room if machine.unified else memory
        rest = sizes.weights + cache - (0 if machine.unified else used)
        if used <= room and rest <= total:
            return gpu_layers, kept if any(sizes.experts[first:kept]) else 0
    return None


def _room_on(machine: Machine) -> float:
    """What there is to plan with on the GPU: other programs' share is theirs."""
    room = machine.gpu_room
    return room if machine.gpu_free is None else min(room, machine.gpu_free - _OTHERS)


def _threads(machine: Machine) -> int:
    """All of few cores; of many only half, since hyper-threads get in each other's way."""
    return machine.cores if machine.cores <= 4 else machine.cores // 2


def _words(
    header: gguf.Header,
    sizes: _Sizes,
    context: int,
    cache: Cache,
    needed: int,
    machine: Machine,
    fit: tuple[int, int],
    *,
    offload: bool,
) -> str:
    gpu_layers, cpu_moe = fit
    layers = len(sizes.dense)
    where = "all in main memory"
    if gpu_layers:
        on_gpu = min(gpu_layers, layers)
        where = f"{on_gpu} of {layers} layers on {machine.gpu}"
    if cpu_moe:
        where += f", the experts of the first {cpu_moe} in main memory"
    words = [
        f"{header.path.name}: {sizes.weights / 1e9:.1f} GB of weights, {where}; "
        f"{context:,} tokens of context in {needed / 1e9:.1f} GB ({cache}).",
        f"This machine: {machine}.",
    ]
    taken = machine.gpu_memory - (
        machine.gpu_memory if machine.gpu_free is None else machine.gpu_free
    )
    if taken > max(_OTHERS, machine.gpu_memory * _DRIVERS):
        words.append(f"Other programs have {taken / 1e9:.1f} GB of the GPU.")
    first = min(layers, max(0, layers + 1 - gpu_layers))
    held = sum(sizes.dense[:first]) + sum(sizes.experts[: max(first, cpu_moe)])
    held += 0 if gpu_layers else sizes.outside + needed
    if machine.free is not None and not machine.unified and held > machine.free:
        words.append(
            f"Only {machine.free / 1e9:.1f} GB of memory are free, so it is read from the disk "
            "again and again: close other programs, or expect it to be very slow."
        )
    if machine.gpu and not offload:
        words.append("This llama-cpp-python was built without the GPU, which stays unused.")
    if gpu_layers and not machine.unified and _bad_on_cuda(header, layers):
        words.append(
            "This quantization is known to compute nonsense on some NVIDIA cards: if it does, "
            "build llama-cpp-python with GGML_CUDA_FORCE_CUBLAS or take another one."
        )
    return " ".join(words)


def _bad_on_cuda(header: gguf.Header, layers: int) -> bool:
    """M2.7's last layer overflows in llama.cpp's own kernels for Q4_K and Q5_K."""
    last = f"blk.{layers - 1}.ffn_down_exps.weight"
    return any(t.name == last and t.type in _Q4_K_AND_Q5_K for t in header.tensors)
