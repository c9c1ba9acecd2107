from pathlib import Path

import pytest
from bench_reuse import LIKELY, reuse

from m2agent_models import tiny

pytestmark = pytest.mark.local


async def test_every_token_is_evaluated_once_whatever_comes_in_between(tmp_path: Path) -> None:
    ledger = await reuse(tiny.write(tmp_path / "tiny.gguf", likely=LIKELY), 30)
    assert len(ledger.logs) == 30 + 2 * 3 + 1
    assert 0.98 < ledger.evaluated / ledger.new <= 1.01
