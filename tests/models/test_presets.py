from pathlib import Path
from typing import Any

import pytest

from m2agent.model import ModelSettings
from m2agent_models.engine.gguf import Header
from m2agent_models.engine.placement import wishes
from m2agent_models.presets import preset, sampled


def settings(
    architecture: str,
    asked: ModelSettings | None = None,
    file: dict[str, Any] | None = None,
    **engine: float,
) -> tuple[float, float, int, float]:
    """Temperature, top_p, top_k and min_p for a file of this architecture, with keys of its own."""
    keys = {"general.architecture": architecture, **(file or {})}
    found = preset(Header(Path("m.gguf"), (), keys, ()), wishes(engine))
    used = sampled(asked or ModelSettings(), found)
    return used.temperature, used.top_p, used.top_k, used.min_p


@pytest.mark.parametrize(
    ("architecture", "expected"),
    [
        ("minimax-m2", (1.0, 0.95, 40, 0.0)),
        ("qwen3moe", (0.7, 0.8, 20, 0.0)),
        ("gemma3", (1.0, 0.95, 64, 0.0)),
        ("something new", (1.0, 0.95, 40, 0.0)),
    ],
)
def test_a_model_is_sampled_as_its_makers_say(
    architecture: str, expected: tuple[float, ...]
) -> None:
    assert settings(architecture) == expected


def test_what_the_file_says_goes_before_its_makers_and_the_person_before_both() -> None:
    file = {"general.sampling.temp": 0.5, "general.sampling.top_k": 7}
    assert settings("qwen3", file=file) == (0.5, 0.8, 7, 0.0)
    assert settings("qwen3", file=file, temperature=0.1, min_p=0.05) == (0.1, 0.8, 7, 0.05)


def test_nonsense_in_a_file_is_left_alone() -> None:
    assert settings("minimax-m2", file={"general.sampling.temp": "hot"}) == (1.0, 0.95, 40, 0.0)


def test_what_is_asked_for_is_never_changed() -> None:
    assert settings("qwen3", ModelSettings(temperature=0.0), temperature=0.9)[0] == 0.0
