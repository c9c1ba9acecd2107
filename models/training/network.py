"""SmolLM2 in plain torch, with a thin trainable pair beside every group of frozen weights.

Written for a CPU: the pair is merged into the weights once a step, so that forward and backward
cost one large product each, and of the vocabulary only what the model wrote is ever looked at.
"""

# pyright: basic, reportMissingImports=false

import math
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import torch
from gguf.quants import dequantize
from torch import Tensor
from torch.nn import functional as F

from m2agent_models.starter.build import GROUPS
from m2agent_models.starter.vocabulary import ROWS

LAYERS, WIDTH, HEADS, KV_HEADS, HEAD, HIDDEN = 30, 576, 9, 3, 64, 1536
BASE, EPS = 100_000.0, 1e-5
_Q, _KV = HEADS * HEAD, KV_HEADS * HEAD

Cache = list[tuple[Tensor, Tensor]]
"""Keys and values of a beginning, for each layer."""


class Merged(torch.autograd.Function):
    """x W' with W' = W + B A: the gradient goes to x, A and B, never to W."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, whole: Tensor, a: Tensor, b: Tensor) -> Tensor:
        ctx.save_for_backward(x, whole, a, b)
        return x @ whole.t()

    @staticmethod
    def backward(ctx: Any, grad: Tensor):
        x, whole, a, b = ctx.saved_tensors
        return grad @ whole, None, (grad @ b).t() @ x, grad.t() @ (x @ a.t())


class Norm(torch.autograd.Function):
    """Root-mean-square norm with a frozen weight."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor) -> Tensor:
        scale = torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + EPS)
        normed = x * scale
        ctx.save_for_backward(normed, scale, weight)
        return normed * weight

    @staticmethod
    def backward(ctx: Any, grad: Tensor):
        normed, scale, weight = ctx.saved_tensors
        grad = grad * weight
        return (grad - normed * (grad * normed).mean(-1, keepdim=True)) * scale, None


class Gated(torch.autograd.Function):
    """silu(gate) * up, from both in one."""

    @staticmethod
    def forward(ctx: Any, both: Tensor) -> Tensor:
        ctx.save_for_backward(both)
        return F.silu(both[:, :HIDDEN]) * both[:, HIDDEN:]

    @staticmethod
    def backward(ctx: Any, grad: Tensor):
        (both,) = ctx.saved_tensors
        gate, up = both[:, :HIDDEN], both[:, HIDDEN:]
        sigmoid = torch.sigmoid(gate)
        silu = gate * sigmoid
        out = torch.empty_like(both)
        torch.mul(grad, up, out=out[:, :HIDDEN])
        out[:, :HIDDEN].mul_(sigmoid + silu * (1 - sigmoid))
        torch.mul(grad, silu, out=out[:, HIDDEN:])
        return out


class Loss(torch.autograd.Function):
    """Cross-entropy over the whole vocabulary; the gradient goes to x and the trained rows."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, rows: Tensor, frozen: Tensor, wanted: Tensor) -> Tensor:
        logits = x @ frozen.t()
        logits[:, :ROWS] = x @ rows.t()
        top = logits.max(-1, keepdim=True).values
        logits.sub_(top)
        at = logits.gather(1, wanted[:, None]).squeeze(1)
        right = (at == 0).float().mean()
        logits.exp_()
        total = logits.sum(-1, keepdim=True)
        loss = (total.log().squeeze(1) - at).sum()
        logits.div_(total)
        ctx.save_for_backward(x, rows, frozen, wanted, logits)
        return torch.stack((loss, right))

    @staticmethod
    def backward(ctx: Any, grad: Tensor):
        x, rows, frozen, wanted, chances = ctx.saved_tensors
        chances.scatter_add_(1, wanted[:, None], torch.full((len(wanted), 1), -1.0))
        chances.mul_(grad[0])
        first = chances[:, :ROWS].contiguous()
        into_x = first @ rows
        chances[:, :ROWS] = 0
        into_x += chances @ frozen
        return into_x, first.t() @ x, None, None


class Network(torch.nn.Module):
    """The whole model; its parameters are the thin pairs and the rows of the new tokens."""

    def __init__(self, path: Path, rank: int, alpha: float, seed: int) -> None:
        super().__init__()
        torch.manual_seed(seed)
        tensors = {t.name: t for t in gguf.GGUFReader(path).tensors}

        def weight(name: str) -> Tensor:
            tensor = tensors[name]
            return torch.from_numpy(np.array(dequantize(tensor.data, tensor.tensor_type)))

        self.scale = alpha / rank
        self.embedding = weight("token_embd.weight")
        self.last_norm = weight("output_norm.weight")
        self.norms = [
            (weight(f"blk.{n}.attn_norm.weight"), weight(f"blk.{n}.ffn_norm.weight"))
            for n in range(LAYERS)
        ]
        self.frozen: dict[str, Tensor] = {}
        self.pairs = torch.nn.ParameterDict()
        for n in range(LAYERS):
            for group, parts in GROUPS.items():
                whole = torch.cat([weight(f"blk.{n}.{part}.weight") for part, _ in parts])
                name = f"{n}-{group}"
                self.frozen[name] = whole
                out, into = whole.shape
                a = torch.empty(rank, into)
                torch.nn.init.kaiming_uniform_(a, a=math.sqrt(5))
                self.pairs[f"{name}-a"] = torch.nn.Parameter(a)
                self.pairs[f"{name}-b"] = torch.nn.Parameter(torch.zeros(out, rank))
        self.rows = torch.nn.Parameter(self.embedding[:ROWS].clone())
        self.merged: dict[str, Tensor] = {}

    def merge(self) -> None:
        """Take the pairs as they are now; call it after every change of them."""
        with torch.no_grad():
            for name, whole in self.frozen.items():
                a, b = self.pairs[f"{name}-a"], self.pairs[f"{name}-b"]
                target = self.merged.setdefault(name, torch.empty_like(whole))
                torch.addmm(whole, b, a, alpha=self.scale, out=target)

    def embedded(self, tokens: Tensor) -> Tensor:
        """Frozen rows, and the trained ones where there are some."""
        x = self.embedding[tokens]
        ours = (tokens < ROWS).nonzero().squeeze(1)
        return x.index_copy(0, ours, self.rows[tokens[ours]])

    def linear(self, name: str, x: Tensor) -> Tensor:
        whole = self.merged[name]
        if not torch.is_grad_enabled():
            return x @ whole.t()
        return Merged.apply(x, whole, self.pairs[f"{name}-a"], self.pairs[f"{name}-b"] * self.scale)

    def forward(
        self, texts: list[Tensor], cache: Cache | None, keep: Cache | None = None
    ) -> Tensor:
        """The last layer's output for several texts, one after another, that share a beginning."""
        sizes = [len(text) for text in texts]
        past = cache[0][0].shape[1] if cache else 0
        x = self.embedded(torch.cat(texts))
        places = torch.cat([torch.arange(past, past + size) for size in sizes])
        turn = _turns(places)
        hides = [_mask(past, size) for size in sizes]
        for n in range(LAYERS):
            before, after = self.norms[n]
            qkv = self.linear(f"{n}-attn_qkv", Norm.apply(x, before))
            q, k, v = qkv.split((_Q, _KV, _KV), -1)
            q = _turned(q.view(-1, HEADS, HEAD), turn)
            k = _turned(k.view(-1, KV_HEADS, HEAD), turn)
            v = v.reshape(-1, KV_HEADS, HEAD)
            if keep is not None:
                keep.append((k.transpose(0, 1).contiguous(), v.transpose(0, 1).contiguous()))
            seen, start = [], 0
            for size, hide in zip(sizes, hides, strict=True):
                part = slice(start, start + size)
                keys, values = k[part].transpose(0, 1), v[part].transpose(0, 1)
                if cache:
                    keys = torch.cat((cache[n][0], keys), 1)
                    values = torch.cat((cache[n][1], values), 1)
                seen.append(_attend(q[part].transpose(0, 1), keys, values, hide))
                start += size
            x = x + self.linear(f"{n}-attn_output", torch.cat(seen))
            both = self.linear(f"{n}-ffn_gate_up", Norm.apply(x, after))
            x = x + self.linear(f"{n}-ffn_down", Gated.apply(both))
        return Norm.apply(x, self.last_norm)

    def beginning(self, tokens: Tensor) -> Cache:
        """What later texts see of a beginning; no gradient flows into it."""
        keep: Cache = []
        with torch.no_grad():
            self.forward([tokens], None, keep)
        return keep

    def adapter(self) -> dict[str, np.ndarray]:
        """The trained part, as `build` takes it."""
        found = {"rows": self.rows.detach().numpy().astype(np.float32)}
        for name in self.frozen:
            layer, group = name.split("-")
            found[f"{layer}.{group}.a"] = self.pairs[f"{name}-a"].detach().numpy() * self.scale
            found[f"{layer}.{group}.b"] = self.pairs[f"{name}-b"].detach().numpy()
        return {name: value.astype(np.float16) for name, value in found.items()}


def _attend(q: Tensor, k: Tensor, v: Tensor, hide: Tensor) -> Tensor:
    """q is [heads, n, head]; three heads share a key. Returns [n, heads * head]."""
    size = q.shape[1]
    grouped = q.reshape(KV_HEADS, HEADS // KV_HEADS * size, HEAD)
    scores = torch.bmm(grouped, k.transpose(1, 2)).view(KV_HEADS, -1, size, k.shape[1])
    scores = torch.softmax(scores * HEAD**-0.5 + hide, -1)
    out = torch.bmm(scores.view(KV_HEADS, -1, k.shape[1]), v)
    return out.view(HEADS, size, HEAD).transpose(0, 1).reshape(size, _Q)


def _mask(past: int, size: int) -> Tensor:
    own = torch.full((size, size), -torch.inf).triu(1)
    return torch.cat((torch.zeros(size, past), own), 1)


def _turns(places: Tensor) -> tuple[Tensor, Tensor]:
    speeds = BASE ** (-torch.arange(0, HEAD, 2).float() / HEAD)
    angles = places.float()[:, None] * speeds
    return angles.cos()[:, None], angles.sin()[:, None]


def _turned(x: Tensor, turn: tuple[Tensor, Tensor]) -> Tensor:
    """Rotary positions, with neighbouring numbers as a pair: the order of rows in a GGUF."""
    cos, sin = turn
    even, odd = x[..., 0::2], x[..., 1::2]
    return torch.stack((even * cos - odd * sin, even * sin + odd * cos), -1).flatten(-2)
