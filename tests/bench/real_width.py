"""Writes a MiniMax-M2 of real width with random weights, as many layers as a machine holds.

    python tests/bench/real_width.py 20 wide.gguf

Real are the width, the heads, 256 experts of which 8 work on each token, and the vocabulary. A
layer takes 2.1 GB (Q4_0), the vocabulary 0.7 GB; the real model has 62 layers. What it writes is
noise, at the price of the real thing: for `m2agent models bench` and llama-bench on the same file.
"""

import sys
from collections.abc import Iterator
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


def write(path: Path, layers: int) -> None:
    """Write the file, never holding more than one tensor."""
    file, _, _ = tiny.begin(path, replace(M2, layers=layers), vocab=VOCABULARY)
    tensors = list(_tensors(layers))
    for name, shape in tensors:
        small = len(shape) == 1 or "gate_inp" in name
        size = 4 * int(np.prod(shape)) if small else int(np.prod(shape)) // _VALUES * _BYTES
        kind = np.dtype(np.float32) if small else np.dtype(np.uint8)
        stored = shape if small else (*shape[:-1], shape[-1] // _VALUES * _BYTES)
        file.add_tensor_info(name, stored, kind, size, None if small else _Q4_0)
    file.write_header_to_file()
    file.write_kv_data_to_file()
    file.write_ti_data_to_file()
    random = np.random.default_rng(0)
    noise = _noise(random)
    for name, shape in tensors:
        count = int(np.prod(shape))
        if name.endswith("norm.weight"):
            file.write_tensor_data(np.ones(shape, np.float32))
        elif len(shape) == 1 or "gate_inp" in name:
            file.write_tensor_data((random.standard_normal(shape) * 0.02).astype(np.float32))
        else:
            file.write_tensor_data(np.resize(noise, count // _VALUES * _BYTES))
        print(f"\r{name:<40}", end="", file=sys.stderr, flush=True)
    file.close()
    print(file=sys.stderr)


def _tensors(layers: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    width, inner, experts = M2.width, M2.expert_width, M2.experts
    query, key = M2.heads * M2.head, M2.kv_heads * M2.head
    yield "token_embd.weight", (VOCABULARY, width)
    yield "output.weight", (VOCABULARY, width)
    yield "output_norm.weight", (width,)
    for layer in range(layers):
        for name, shape in (
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
            yield f"blk.{layer}.{name}", shape


def _noise(random: np.random.Generator) -> Any:
    """Blocks of Q4_0: a small scale, and 32 values of four bits."""
    blocks = random.integers(0, 256, (_STRETCH, _BYTES), np.uint8)
    blocks[:, :2] = np.array([0.005], np.float16).view(np.uint8)
    return blocks.reshape(-1)


if __name__ == "__main__":
    write(Path(sys.argv[2]), int(sys.argv[1]))
