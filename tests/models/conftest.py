"""What the tests of models share: one folder of GGUF files a session."""

from pathlib import Path

import pytest
import tiny


@pytest.fixture(scope="session")
def ggufs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("ggufs")


@pytest.fixture(scope="session")
def tiny_m2(ggufs: Path) -> Path:
    """The tiny MiniMax-M2 as it is: printable, endless, no calls."""
    tiny.needs_llama_cpp()
    return tiny.m2(ggufs)
