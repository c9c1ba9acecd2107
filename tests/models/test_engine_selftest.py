from pathlib import Path

from m2agent_models.engine.selftest import selftest


async def test_this_installation_can_serve_m2(tiny_m2: Path) -> None:
    checks = await selftest()
    assert {check.what: check.problem for check in checks if check.problem} == {}
    assert len(checks) == 6
