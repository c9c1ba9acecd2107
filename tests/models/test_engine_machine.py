"""What is found out about a machine, from a program called nvidia-smi that says so."""

import os
from pathlib import Path

import pytest

from m2agent_models.engine.machine import Machine, main_memory, this_machine

MIB = 1024 * 1024


def seen(folder: Path, monkeypatch: pytest.MonkeyPatch, output: str) -> Machine:
    """This machine, as it would be with these cards."""
    program = folder / "nvidia-smi"
    program.write_text(f"#!/bin/sh\ncat <<'END'\n{output}\nEND\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    return this_machine()


@pytest.mark.skipif(os.uname().sysname != "Linux", reason="asks nvidia-smi on Linux only")
@pytest.mark.parametrize(
    ("output", "gpu", "memory", "free"),
    [
        ("NVIDIA GeForce RTX 4090, 24564, 23000", "NVIDIA GeForce RTX 4090", 24564, 23000),
        ("RTX 3090, 24576, 24000\nRTX 3090, 24576, 20000", "2 x RTX 3090", 49152, 44000),
        ("A, 100, 90\nB, 200, 90", "2 x A + B", 300, 180),
    ],
)
def test_the_cards_and_what_is_free_on_them_are_counted(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    output: str,
    gpu: str,
    memory: int,
    free: int,
) -> None:
    machine = seen(tmp_path, monkeypatch, output)
    assert (machine.gpu, machine.gpu_memory) == (gpu, memory * MIB)
    assert machine.gpu_free == free * MIB
    assert not machine.unified


@pytest.mark.skipif(os.uname().sysname != "Linux", reason="asks nvidia-smi on Linux only")
def test_a_card_without_memory_of_its_own_shares_the_machines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine = seen(tmp_path, monkeypatch, "NVIDIA GB10, [N/A], [N/A]")
    assert machine.unified
    assert (machine.gpu, machine.gpu_memory) == ("NVIDIA GB10", machine.memory)


@pytest.mark.skipif(os.uname().sysname != "Linux", reason="asks nvidia-smi on Linux only")
@pytest.mark.parametrize("output", ["", "No devices were found"])
def test_without_a_card_there_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, output: str
) -> None:
    assert seen(tmp_path, monkeypatch, output).gpu == ""


def test_a_container_may_have_less_memory_than_the_machine(tmp_path: Path) -> None:
    limited, unlimited = tmp_path / "limited", tmp_path / "unlimited"
    limited.write_text("1000000000\n")
    unlimited.write_text("max\n")
    whole = main_memory([])
    assert whole > 1_000_000_000
    assert main_memory([unlimited, tmp_path / "missing"]) == whole
    assert main_memory([unlimited, limited]) == 1_000_000_000
