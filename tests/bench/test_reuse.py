from pathlib import Path

import pytest
from bench_reuse import LIKELY, reuse

from m2agent_models import tiny

pytestmark = pytest.mark.local


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return tiny.write(tmp_path / "tiny.gguf", likely=LIKELY)


async def test_every_token_is_evaluated_once_whatever_comes_in_between(model: Path) -> None:
    ledger = await reuse(model, 30)
    assert len(ledger.logs) == 30 + 2 * 3 + 1
    assert 0.98 < ledger.evaluated / ledger.new <= 1.01


async def test_an_engine_that_is_killed_and_kept_state_evaluates_next_to_nothing_again(
    model: Path,
) -> None:
    ledger = await reuse(model, 30, keep=0.1, killed=2)
    assert ledger.evaluated / ledger.new <= 1.05


async def test_without_kept_state_a_killed_engine_reads_everything_again(model: Path) -> None:
    ledger = await reuse(model, 20, killed=1)
    assert ledger.evaluated / ledger.new > 1.2
