"""Of a large vocabulary the likeliest tokens are enough: the same ones are chosen."""

from array import array
from pathlib import Path

import pytest
import tiny

from m2agent_models.engine import wire

pytestmark = pytest.mark.local
LARGE = 20_000


@pytest.mark.parametrize(
    "sampling",
    [
        wire.Sampling(seed=3),
        wire.Sampling(seed=3, top_p=1.0, min_p=0.05, temperature=0.7),
        wire.Sampling(temperature=0),
    ],
)
def test_the_same_tokens_are_chosen_as_of_all(ggufs: Path, sampling: wire.Sampling) -> None:
    from m2agent_models.engine.llama import Llama
    from m2agent_models.engine.placement import Plan
    from m2agent_models.engine.sampling import Sampler, chain

    tiny.needs_llama_cpp()
    plan = Plan(1024, 0, 0, "f16", 1, 64, 1, "")
    llama = Llama(tiny.m2(ggufs, vocab=LARGE), plan, lambda share: None)
    sampler, whole = Sampler(llama, sampling), chain(llama.lib, sampling)
    ours: list[int | None] = []
    theirs: list[int | None] = []
    tokens = llama.frame("Once")
    at = 0
    for _ in range(60):
        assert llama.decode([(0, at, tokens, 1)]) == 0
        ours.append(sampler.sample(len(tokens) - 1))
        theirs.append(llama.lib.llama_sampler_sample(whole, llama.context, -1))
        at += len(tokens)
        tokens = array("i", [theirs[-1] or 0])
    assert ours == theirs
    assert len(set(ours)) > 5
    sampler.close()
    llama.close()


def test_where_no_few_stand_out_all_are_candidates() -> None:
    tiny.needs_llama_cpp()
    import numpy as np
    from llama_cpp import llama_cpp as lib

    from m2agent_models.engine.candidates import Likeliest
    from m2agent_models.engine.sampling import chain

    likeliest, samplers = Likeliest(lib, LARGE, 40), chain(lib, wire.Sampling(seed=1))
    flat = np.zeros(LARGE, np.float32)
    assert likeliest.choose(samplers, flat) is None
    assert likeliest.choose(samplers, np.full(LARGE, np.nan, np.float32)) is None
    steep = np.arange(LARGE, dtype=np.float32)
    assert (likeliest.choose(samplers, steep) or 0) > LARGE - 40
    assert (likeliest.choose(samplers, steep + 1e6) or 0) > LARGE - 40
    assert not Likeliest(lib, LARGE, 0).pays
    assert not Likeliest(lib, 500, 40).pays
