"""Train the starter's adapter, repeatably, on one thread.

    OMP_NUM_THREADS=1 python models/training/train.py BASE.gguf DATA.npz OUT --minutes 75

Run it in an environment of its own with torch, gguf, numpy and msgspec, and PYTHONPATH at this
source (README.md beside this file has the commands). The same data, seed and number of steps give
the same adapter; `--minutes` only shapes the learning rate and the end, `--steps` fixes both.
"""

# pyright: basic, reportMissingImports=false

import argparse
import json
import time
from pathlib import Path

import numpy as np
import torch
from network import Cache, Network

from m2agent_models.starter.vocabulary import MARKERS, ROWS

_CHECKPOINT = 600.0
_CLIP = 1.0
_BATCH_TOKENS = 700
"""Of trajectories in one step: one or two."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("base", type=Path)
    parser.add_argument("data", type=Path, nargs="+")
    parser.add_argument("out", type=Path)
    parser.add_argument("--minutes", type=float, default=75)
    parser.add_argument("--steps", type=int, default=0)
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--floor", type=float, default=0.05)
    parser.add_argument("--warm", type=int, default=6)
    parser.add_argument("--rank", type=int, default=32)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--start", type=Path, help="Go on from a checkpoint's .pt file.")
    parser.add_argument("--first-group", type=int, default=0)
    options = parser.parse_args()
    torch.set_num_threads(1)
    options.out.mkdir(parents=True, exist_ok=True)

    net = Network(options.base, options.rank, 2.0 * options.rank, options.seed)
    _first_rows(net, options.base)
    trained = [*net.pairs.values(), net.rows]
    adam = torch.optim.Adam(trained, lr=options.rate, betas=(0.9, 0.98), eps=1e-8)
    if options.start:
        state = torch.load(options.start)
        net.load_state_dict(state["net"])
        adam.load_state_dict(state["adam"])
    log = (options.out / "log.jsonl").open("a")
    began = kept = time.monotonic()
    step = seen = 0
    net.merge()
    for prefix, batches in _groups(options.data, options.first_group):
        cache = net.beginning(prefix)
        for texts, masks, families in batches:
            spent = (time.monotonic() - began) / 60
            part = step / options.steps if options.steps else spent / options.minutes
            if part >= 1:
                _save(net, adam, options.out, step)
                return
            decay = options.floor + (1 - options.floor) * (1 - part)
            for group in adam.param_groups:
                group["lr"] = options.rate * decay * min(1.0, (step + 1) / options.warm)
            loss, right, norm = _step(net, adam, trained, cache, texts, masks)
            step, seen = step + 1, seen + sum(map(len, texts))
            told = {
                "step": step, "loss": round(loss, 4), "right": round(right, 4),
                "norm": round(norm, 3), "tokens": seen, "minutes": round(spent, 2),
                "cpu": round(time.process_time(), 1), "families": families,
            }  # fmt: skip
            log.write(json.dumps(told) + "\n")
            log.flush()
            if time.monotonic() - kept > _CHECKPOINT:
                _save(net, adam, options.out, step)
                kept = time.monotonic()
    _save(net, adam, options.out, step)


def _step(
    net: Network,
    adam: torch.optim.Adam,
    trained: list[torch.nn.Parameter],
    cache: Cache,
    texts: list[torch.Tensor],
    masks: list[torch.Tensor],
) -> tuple[float, float, float]:
    from network import Loss

    x = net(texts, cache)
    wanted = torch.cat([torch.cat((text[1:], text[:1])) for text in texts])
    # The token before a written one predicts it.
    counts = torch.cat([torch.cat((mask[1:], torch.zeros(1, dtype=torch.bool))) for mask in masks])
    told = Loss.apply(x[counts], net.rows, net.embedding, wanted[counts])
    loss = told[0] / counts.sum()
    loss.backward()
    norm = torch.nn.utils.clip_grad_norm_(trained, _CLIP)
    adam.step()
    adam.zero_grad()
    net.merge()
    return float(loss.detach()), float(told[1].detach()), float(norm)


def _groups(paths: list[Path], first: int):
    """Each group's common beginning, and its trajectories without it in small batches."""
    for path in paths:
        data = np.load(path)
        starts, groups = data["starts"], data["groups"]
        for group in np.unique(groups)[first:]:
            members = [int(n) for n in np.flatnonzero(groups == group)]
            texts = [data_of(data["tokens"], starts, n) for n in members]
            common = min(_common(texts[0], text) for text in texts)
            batches, batch = [], ([], [], [])
            for n, text in zip(members, texts, strict=True):
                batch[0].append(torch.from_numpy(text[common:].astype(np.int64)))
                mask = data_of(data["masks"], starts, n)[common:]
                batch[1].append(torch.from_numpy(mask.astype(bool)))
                batch[2].append(str(data["families"][n]))
                if sum(map(len, batch[0])) >= _BATCH_TOKENS:
                    batches.append(batch)
                    batch = ([], [], [])
            if batch[0]:
                batches.append(batch)
            yield torch.from_numpy(texts[0][:common].astype(np.int64)), batches


def data_of(values: np.ndarray, starts: np.ndarray, n: int) -> np.ndarray:
    return values[starts[n] : starts[n + 1]]


def _common(left: np.ndarray, right: np.ndarray) -> int:
    size = min(len(left), len(right))
    differs = np.flatnonzero(left[:size] != right[:size])
    return int(differs[0]) if len(differs) else size


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


def _save(net: Network, adam: torch.optim.Adam, folder: Path, step: int) -> None:
    np.savez(folder / f"{step:05}.npz", **net.adapter())
    torch.save({"net": net.state_dict(), "adam": adam.state_dict()}, folder / "last.pt.part")
    (folder / "last.pt.part").replace(folder / "last.pt")


if __name__ == "__main__":
    main()
