"""Train the starter's adapter: minutes on a GPU, hours on a CPU.

    python models/training/train.py BASE.gguf OUT DATA.npz... --minutes 4

Run it in an environment of its own with torch, gguf, numpy and msgspec, and PYTHONPATH at this
source (README.md beside this file has the commands). `--minutes` shapes the learning rate and the
end; with `--steps` instead, the same data and seed give the same adapter on the same machine, but
for what a GPU adds up in another order.
"""

# pyright: basic, reportMissingImports=false

import argparse
import json
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from network import Network
from torch import Tensor
from torch.nn import functional as F

from m2agent_models.starter import adapter
from m2agent_models.starter.vocabulary import MARKERS, ROWS

_CLIP = 1.0
_WARM = 20
"""Steps in which the learning rate rises."""
_FLOOR = 0.02
"""What is left of the learning rate at the end."""
_POOL = 512
"""Texts that are sorted by length among each other, so that a step has little to fill up."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("base", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("data", type=Path, nargs="+")
    parser.add_argument("--minutes", type=float, default=300)
    parser.add_argument("--steps", type=int, default=0)
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--rank", type=int, default=48)
    parser.add_argument("--tokens", type=int, default=16_384, help="In a step, at most.")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--start", type=Path, help="Go on from a checkpoint's .pt file.")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)

    device = "cuda" if torch.cuda.is_available() else "cpu"
    net = Network(options.base, options.rank, 2.0 * options.rank, options.seed)
    _first_rows(net, options.base)
    if device == "cuda":
        net.halve()
    net.to(device)
    adam = torch.optim.Adam(net.parameters(), lr=options.rate, betas=(0.9, 0.98), eps=1e-8)
    if options.start:
        state = torch.load(options.start, map_location=device)
        net.load_state_dict(state["net"])
        adam.load_state_dict(state["adam"])
    log = (options.out / "log.jsonl").open("a")
    began = kept = time.monotonic()
    step = seen = 0
    for tokens, mask in _batches(options.data, options.tokens, options.seed):
        spent = (time.monotonic() - began) / 60
        part = step / options.steps if options.steps else spent / options.minutes
        if part >= 1:
            break
        rate = options.rate * max(_FLOOR, 1 - part) * min(1.0, (step + 1) / _WARM)
        for group in adam.param_groups:
            group["lr"] = rate
        loss, right = _loss(net, tokens.to(device), mask.to(device))
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(net.parameters(), _CLIP)
        adam.step()
        adam.zero_grad()
        step, seen = step + 1, seen + int((tokens >= 0).sum())
        if step % 20 == 1:
            told = {
                "step": step, "loss": round(float(loss.detach()), 4),
                "right": round(float(right), 4),
                "norm": round(float(norm), 3), "tokens": seen, "minutes": round(spent, 2),
            }  # fmt: skip
            print(json.dumps(told), file=log, flush=True)
            print(json.dumps(told), flush=True)
        if time.monotonic() - kept > 600:
            _save(net, adam, options.out)
            kept = time.monotonic()
    _save(net, adam, options.out)


def _loss(net: Network, tokens: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """Over what the model wrote; filling is -1."""
    x = net(tokens.clamp(min=0))
    counts = mask[:, 1:]  # the token before a written one predicts it
    logits = net.logits(x[:, :-1][counts])
    wanted = tokens[:, 1:][counts]
    return F.cross_entropy(logits, wanted), (logits.argmax(-1) == wanted).float().mean()


def _batches(paths: list[Path], most: int, seed: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Texts of about one length, and what the model wrote of them; all over, again and again."""
    texts: list[tuple[np.ndarray, np.ndarray]] = []
    for path in paths:
        data = np.load(path)
        tokens, masks, starts = data["tokens"], data["masks"], data["starts"]
        for start, end in pairwise(starts):
            texts.append((tokens[start:end], masks[start:end]))
    random = np.random.default_rng(seed)
    while True:
        order = random.permutation(len(texts))
        for first in range(0, len(order), _POOL):
            pool = sorted(order[first : first + _POOL], key=lambda n: len(texts[n][0]))
            batches: list[list[int]] = [[]]
            for n in pool:
                if batches[-1] and len(texts[n][0]) * (len(batches[-1]) + 1) > most:
                    batches.append([])
                batches[-1].append(int(n))
            for n in random.permutation(len(batches)):
                yield _filled([texts[member] for member in batches[n]])


def _filled(texts: list[tuple[np.ndarray, np.ndarray]]) -> tuple[Tensor, Tensor]:
    longest = max(len(tokens) for tokens, _ in texts)
    tokens = np.full((len(texts), longest), -1, np.int64)
    masks = np.zeros((len(texts), longest), bool)
    for n, (text, mask) in enumerate(texts):
        tokens[n, : len(text)], masks[n, : len(text)] = text, mask
    return torch.from_numpy(tokens), torch.from_numpy(masks)


def _first_rows(net: Network, base: Path) -> None:
    """A new token begins as the mean of its text's letters."""
    import gguf

    vocabulary = gguf.GGUFReader(base).fields["tokenizer.ggml.tokens"].contents()
    ids = {text: id for id, text in enumerate(vocabulary)}
    with torch.no_grad():
        for id, (text, _) in MARKERS.items():
            pieces = [ids[part] for part in _pieces(text, ids)]
            net.rows[id] = net.embedding[pieces].mean(0)
        assert len(net.rows) == ROWS


def _pieces(text: str, ids: dict[str, int]) -> list[str]:
    """The longest known pieces from the left."""
    found: list[str] = []
    text = text.replace(" ", "\u0120")
    while text:
        size = next(n for n in range(len(text), 0, -1) if text[:n] in ids and ids[text[:n]] >= ROWS)
        found.append(text[:size])
        text = text[size:]
    return found


def _save(net: Network, adam: torch.optim.Adam, folder: Path) -> None:
    """The adapter as it ships, and a checkpoint to go on from."""
    adapter.write(folder / "adapter.npz", net.adapter())
    torch.save({"net": net.state_dict(), "adam": adam.state_dict()}, folder / "last.pt.part")
    (folder / "last.pt.part").replace(folder / "last.pt")


if __name__ == "__main__":
    main()
