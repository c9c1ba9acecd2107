"""SmolLM2 in plain torch, with a thin trainable pair beside every group of frozen weights."""

# pyright: basic, reportMissingImports=false

import math
from pathlib import Path

import gguf
import numpy as np
import torch
from gguf.quants import dequantize
from torch import Tensor, nn
from torch.nn import functional as F

from m2agent_models.starter.build import GROUPS
from m2agent_models.starter.vocabulary import ROWS

LAYERS, WIDTH, HEADS, KV_HEADS, HEAD, HIDDEN = 30, 576, 9, 3, 64, 1536
BASE, EPS = 100_000.0, 1e-5
_Q, _KV = HEADS * HEAD, KV_HEADS * HEAD


class Paired(nn.Module):
    """x W' with W' = W + s B A. W is frozen and may be in 16 bits; A and B are trained in 32."""

    whole: Tensor

    def __init__(self, whole: Tensor, rank: int, scale: float) -> None:
        super().__init__()
        self.register_buffer("whole", whole, persistent=False)
        out, into = whole.shape
        self.a = nn.Parameter(torch.empty(rank, into))
        self.b = nn.Parameter(torch.zeros(out, rank))
        self.scale = scale
        nn.init.kaiming_uniform_(self.a, a=math.sqrt(5))

    def forward(self, x: Tensor) -> Tensor:
        x = x.to(self.whole.dtype)
        a, b = self.a.to(x.dtype), (self.b * self.scale).to(x.dtype)
        return x @ self.whole.t() + (x @ a.t()) @ b.t()


class Network(nn.Module):
    """The whole model; its parameters are the thin pairs and the rows of the new tokens."""

    embedding: Tensor
    norms: Tensor
    last_norm: Tensor

    def __init__(self, path: Path, rank: int, alpha: float, seed: int) -> None:
        super().__init__()
        torch.manual_seed(seed)
        tensors = {t.name: t for t in gguf.GGUFReader(path).tensors}

        def weight(name: str) -> Tensor:
            tensor = tensors[name]
            return torch.from_numpy(np.array(dequantize(tensor.data, tensor.tensor_type)))

        kinds = ("attn_norm", "ffn_norm")
        norms = [[weight(f"blk.{n}.{kind}.weight") for kind in kinds] for n in range(LAYERS)]
        self.register_buffer("embedding", weight("token_embd.weight"), persistent=False)
        self.register_buffer("last_norm", weight("output_norm.weight"), persistent=False)
        self.register_buffer("norms", torch.stack([torch.stack(n) for n in norms]), False)
        self.rows = nn.Parameter(self.embedding[:ROWS].clone())
        self.pairs = nn.ModuleDict()
        for n in range(LAYERS):
            for group, parts in GROUPS.items():
                whole = torch.cat([weight(f"blk.{n}.{part}.weight") for part, _ in parts])
                self.pairs[f"{n}-{group}"] = Paired(whole, rank, alpha / rank)

    def forward(self, tokens: Tensor) -> Tensor:
        """The last layer's output for texts that begin together, [texts, tokens, width]."""
        count, size = tokens.shape
        x = self._embedded(tokens).float()
        turn = _turns(size, x.device)
        for n in range(LAYERS):
            qkv = self.pairs[f"{n}-attn_qkv"](_normed(x, self.norms[n, 0]))
            q, k, v = (
                part.view(count, size, -1, HEAD).transpose(1, 2)
                for part in qkv.split((_Q, _KV, _KV), -1)
            )
            q, k = _turned(q, turn), _turned(k, turn)
            k, v = (part.repeat_interleave(HEADS // KV_HEADS, 1) for part in (k, v))
            seen = F.scaled_dot_product_attention(q, k, v, is_causal=True)
            seen = seen.transpose(1, 2).reshape(count, size, _Q)
            x = x + self.pairs[f"{n}-attn_output"](seen)
            both = self.pairs[f"{n}-ffn_gate_up"](_normed(x, self.norms[n, 1]))
            x = x + self.pairs[f"{n}-ffn_down"](F.silu(both[..., :HIDDEN]) * both[..., HIDDEN:])
        return _normed(x, self.last_norm)

    def logits(self, x: Tensor) -> Tensor:
        """Of the whole vocabulary, in 32 bits; the first rows are the trained ones."""
        x = x.to(self.embedding.dtype)
        rows = torch.cat((self.rows.to(x.dtype), self.embedding[ROWS:]))
        return (x @ rows.t()).float()

    def halve(self) -> None:
        """Keep the frozen weights, and multiply, in 16 bits. What is added up stays in 32."""
        self.embedding = self.embedding.bfloat16()
        for pair in self.pairs.values():
            pair.whole = pair.whole.bfloat16()

    def adapter(self) -> dict[str, np.ndarray]:
        """The trained part, as `build` takes it."""
        found = {"rows": self.rows.detach().cpu().numpy().astype(np.float32)}
        for name, pair in self.pairs.items():
            layer, group = name.split("-")
            found[f"{layer}.{group}.a"] = pair.a.detach().cpu().numpy() * pair.scale
            found[f"{layer}.{group}.b"] = pair.b.detach().cpu().numpy()
        return found

    def _embedded(self, tokens: Tensor) -> Tensor:
        ours = (tokens < ROWS)[..., None]
        rows = self.rows.to(self.embedding.dtype)[tokens.clamp(max=ROWS - 1)]
        return torch.where(ours, rows, self.embedding[tokens])


def _normed(x: Tensor, weight: Tensor) -> Tensor:
    return F.rms_norm(x, (WIDTH,), weight, EPS)


def _turns(size: int, device: torch.device) -> tuple[Tensor, Tensor]:
    speeds = BASE ** (-torch.arange(0, HEAD, 2, device=device).float() / HEAD)
    angles = torch.arange(size, device=device).float()[:, None] * speeds
    return angles.cos(), angles.sin()


def _turned(x: Tensor, turn: tuple[Tensor, Tensor]) -> Tensor:
    """Rotary positions, with neighbouring numbers as a pair: the order of rows in a GGUF."""
    cos, sin = turn
    even, odd = x[..., 0::2], x[..., 1::2]
    turned = torch.stack((even * cos - odd * sin, even * sin + odd * cos), -1)
    return turned.flatten(-2).to(x.dtype)
