"""How each model is best sampled: as the person says, else its file, else its makers.

What a caller asks for itself, such as the likeliest word each time, is never changed.
"""

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

from m2agent.model import ModelSettings
from m2agent_models.engine.gguf import Header
from m2agent_models.engine.placement import Wishes

_KEYS = {"temperature": "temp", "top_p": "top_p", "top_k": "top_k", "min_p": "min_p"}
"""What the settings and llama.cpp's keys `general.sampling.*` call the same."""

_QWEN = {"temperature": 0.7, "top_p": 0.8, "top_k": 20}
_MAKERS: dict[str, dict[str, float]] = {
    "qwen3": _QWEN,
    "qwen3moe": _QWEN,
    "gemma3": {"top_k": 64},
    "gpt-oss": {"top_p": 1.0, "top_k": 0},
}
"""By architecture. MiniMax-M2's are the defaults of `ModelSettings`."""


def preset(header: Header, wish: Wishes) -> dict[str, float]:
    """What differs from the defaults for this file."""
    chosen = dict(_MAKERS.get(header.architecture, {}))
    for name, key in _KEYS.items():
        for value in (header.keys.get(f"general.sampling.{key}"), getattr(wish, name)):
            if isinstance(value, int | float):
                chosen[name] = int(value) if name == "top_k" else float(value)
    return chosen


def sampled(settings: ModelSettings, preset: Mapping[str, Any]) -> ModelSettings:
    """The settings with the preset where the caller left the default."""
    default = {field.name: field.default for field in fields(ModelSettings)}
    left = {n: v for n, v in preset.items() if getattr(settings, n) == default[n]}
    return replace(settings, **left)
