from pathlib import Path

import pytest

from m2agent.errors import SetupError
from m2agent_models.engine.bench import bench
from m2agent_models.engine.client import Engine
from m2agent_models.engine.placement import Wishes

WISH = Wishes(threads=1, idle=0.2, context=1024, openings=0)


async def test_a_model_is_measured_bare_and_through_the_engine(tiny_m2: Path) -> None:
    found = await bench(tiny_m2, WISH, reading=100, writing=24)
    rates = [found.bare.reading, found.bare.writing, found.engine.reading, found.engine.writing]
    assert min(*rates, found.repeating, found.looked_up) > 0
    assert tiny_m2.name in found.plan


async def test_nothing_is_measured_while_an_engine_has_the_model(tiny_m2: Path) -> None:
    engine = await Engine.attach(tiny_m2, WISH)
    with pytest.raises(SetupError, match=r"in memory already[^$]*kill \d+"):
        await bench(tiny_m2, WISH, reading=100, writing=24)
    await engine.close()
