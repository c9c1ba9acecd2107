"""Writes a MiniMax-M2 of real width with random weights, as many layers as a machine holds.

    python tests/bench/real_width.py 20 wide.gguf
    python tests/bench/real_width.py 8 dense.gguf 8

Real are the width, the heads, 256 experts of which 8 work on each token, and the vocabulary. A
layer takes 2.1 GB (Q4_0), the vocabulary 0.7 GB; the real model has 62 layers. With fewer experts,
as the third number says, all weights work on each token. What it writes is noise, at the price of
the real thing: for `m2agent models bench` and llama-bench on the same file.
"""

import os
import shutil
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import gguf
import numpy as np

from m2agent_models import tiny

M2 = tiny.Shape(62, 3072, 48, 8, 128, 256, 8, 1536)
VOCABULARY = 200_064
_Q4_0 = gguf.GGMLQuantizationType.Q4_0
_VALUES, _BYTES = 32, 18
_STRETCH = 1 << 20
"""Blocks of noise that are made; larger tensors repeat them."""


def write(path: Path, shape: tiny.Shape) -> None:
    """Write the file with all cores, into memory of its own size and no more."""
    file, _, _ = tiny.begin(path, shape, vocab=VOCABULARY)
    random = np.random.default_rng(0)
    noise = _noise(random)
    written: list[tuple[int, Any]] = []
    end = 0
    for name, shaped in _tensors(shape):
        count = int(np.prod(shaped))
        small = len(shaped) == 1 or "gate_inp" in name
        size = 4 * count if small else count // _VALUES * _BYTES
        kind = np.dtype(np.float32) if small else np.dtype(np.uint8)
        stored = shaped if small else (*shaped[:-1], shaped[-1] // _VALUES * _BYTES)
        file.add_tensor_info(name, stored, kind, size, None if small else _Q4_0)
        if small:
            norm = name.endswith("norm.weight")
            values = np.ones(count) if norm else random.standard_normal(count) * 0.02
            written.append((end, values.astype(np.float32).view(np.uint8)))
        else:
            starts = range(0, size, noise.size)
            written += [(end + start, noise[: size - start]) for start in starts]
        end = file.ggml_pad(end + size, file.data_alignment)
    file.write_header_to_file()
    file.write_kv_data_to_file()
    file.write_ti_data_to_file()
    file.close()
    begin = file.ggml_pad(path.stat().st_size, file.data_alignment)
    if shutil.disk_usage(path.parent).free < end:
        path.unlink()
        sys.exit(f"{path.parent} has no room for {(begin + end) / 1e9:.1f} GB.")
    os.truncate(path, begin + end)
    whole = np.memmap(path, np.uint8, "r+")

    def put(piece: tuple[int, Any]) -> None:
        start, values = piece
        whole[begin + start : begin + start + values.size] = values

    with ThreadPoolExecutor() as threads:
        for _ in threads.map(put, written):
            pass


def _tensors(shape: tiny.Shape) -> Iterator[tuple[str, tuple[int, ...]]]:
    width, inner, experts = shape.width, shape.expert_width, shape.experts
    query, key = shape.heads * shape.head, shape.kv_heads * shape.head
    yield "token_embd.weight", (VOCABULARY, width)
    yield "output.weight", (VOCABULARY, width)
    yield "output_norm.weight", (width,)
    for layer in range(shape.layers):
        for name, shaped in (
            ("attn_norm.weight", (width,)),
            ("attn_q.weight", (query, width)),
            ("attn_k.weight", (key, width)),
            ("attn_v.weight", (key, width)),
            ("attn_output.weight", (width, query)),
            ("attn_q_norm.weight", (query,)),
            ("attn_k_norm.weight", (key,)),
            ("ffn_norm.weight", (width,)),
            ("ffn_gate_inp.weight", (experts, width)),
            ("exp_probs_b.bias", (experts,)),
            ("ffn_gate_exps.weight", (experts, inner, width)),
            ("ffn_up_exps.weight", (experts, inner, width)),
            ("ffn_down_exps.weight", (experts, width, inner)),
        ):
            yield f"blk.{layer}.{name}", shaped


def _noise(random: np.random.Generator) -> Any:
    """Blocks of Q4_0: a small scale, and 32 values of four bits."""
    blocks = random.integers(0, 256, (_STRETCH, _BYTES), np.uint8)
    blocks[:, :2] = np.array([0.005], np.float16).view(np.uint8)
    return blocks.reshape(-1)


if __name__ == "__main__":
    layers, name, *experts = sys.argv[1:]
    count = int(experts[0]) if experts else M2.experts
    write(Path(name), replace(M2, layers=int(layers), experts=count))
