"""How llama-cpp-python is got: which ready-made wheel fits, and what is said without a compiler."""

import runpy
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "packaging/llama.py"


@pytest.fixture
def commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is the whole PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    for name in ("CMAKE_ARGS", "CXX", "PIP_FIND_LINKS"):
        monkeypatch.delenv(name, raising=False)
    return folder


def command(file: Path, text: str) -> None:
    file.write_text(f"#!/bin/sh\n{text}\n")
    file.chmod(0o755)


@pytest.mark.skipif(sys.platform == "darwin", reason="there it is Metal")
@pytest.mark.parametrize(
    ("driver", "shelves"),
    [
        ("echo '| Driver Version: 550.54   CUDA Version: 12.4  |'", ["cu124", "cpu"]),
        ("echo '| Driver Version: 590.10   CUDA Version: 13.1  |'", ["cu130", "cpu"]),
        ("echo '| Driver Version: 470.42   CUDA Version: 11.4  |'", ["cpu"]),
        ("echo 'NVIDIA-SMI has failed'; exit 9", ["cpu"]),
    ],
)
def test_the_newest_wheel_that_the_driver_runs_is_tried_first(
    driver: str, shelves: list[str], commands: Path
) -> None:
    command(commands / "nvidia-smi", driver)

    assert runpy.run_path(str(SCRIPT))["shelves"]() == shelves


def test_without_a_compiler_the_command_that_installs_one_is_named(commands: Path) -> None:
    command(commands / "apt-get", "exit 1")

    done = subprocess.run([sys.executable, SCRIPT], capture_output=True, text=True)

    assert done.returncode == 1
    assert done.stderr == (
        "llama.cpp has to be built here, and there is no C++ compiler."
        " Install one (sudo apt-get install g++), then run make again.\n"
    )
