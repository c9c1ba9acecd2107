"""What this machine has for a model: memory, cores, and graphics memory."""

import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_MIB = 1024 * 1024

ROOM = 0.92
"""The share of a memory that is planned with."""

_SPARE = 2e9
"""Bytes of a large card that are left over: what llama.cpp and CUDA take beside weights and cache
was 1 to 2 GB on an H200, and that is planned for."""

_COPIED = 64 * _MIB
_CONTAINER = (
    Path("/sys/fs/cgroup/memory.max"),
    Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
)


@dataclass(frozen=True)
class Machine:
    """Bytes of main memory and of all graphics cards together; `unified` where both are one.

    `free` and `gpu_free` are what no other program has of them right now, None where nobody says.
    """

    memory: int
    cores: int
    gpu: str = ""
    gpu_memory: int = 0
    unified: bool = False
    gpu_free: int | None = None
    free: int | None = None
    cards: int = 1

    @property
    def gpu_room(self) -> float:
        """Bytes of graphics memory to plan with: the rest is for drivers and what cards show."""
        spare = self.gpu_memory * (1 - ROOM)
        return self.gpu_memory - (spare if self.unified else min(spare, self.cards * _SPARE))

    def __str__(self) -> str:
        words = f"{self.memory / 1e9:.0f} GB of memory, {self.cores} cores"
        if self.unified:
            return f"{words}, shared with {self.gpu}"
        if self.gpu:
            return f"{words}, {self.gpu} with {self.gpu_memory / 1e9:.0f} GB"
        return f"{words}, no GPU"


def this_machine() -> Machine:
    """Look. Takes a tenth of a second where there is an NVIDIA card."""
    memory = main_memory()
    cores = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
    if sys.platform == "darwin" and platform.machine() == "arm64":
        # What Metal lets one program wire, unless somebody raised it.
        raised = _answer("sysctl", "-n", "iogpu.wired_limit_mb").strip()
        limit = int(raised) * _MIB if raised.isdigit() and int(raised) else memory * 3 // 4
        name = _answer("sysctl", "-n", "machdep.cpu.brand_string").strip() or "the GPU"
        return Machine(memory, cores, name, limit, unified=True)
    cards = _nvidia()
    if cards:
        names = " + ".join(sorted({name for name, _, _ in cards}))
        label = names if len(cards) == 1 else f"{len(cards)} x {names}"
        size, free = sum(size for _, size, _ in cards), sum(free for _, _, free in cards)
        if not size:  # as on a DGX Spark, whose GPU has no memory to itself
            return Machine(memory, cores, label, memory, unified=True, free=_free())
        return Machine(memory, cores, label, size, gpu_free=free, free=_free(), cards=len(cards))
    return Machine(memory, cores, free=_free())


def main_memory(limits: Iterable[Path] = _CONTAINER) -> int:
    """Bytes of main memory, or of what a container may use of it, where a file says so."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for file in limits:
        with suppress(OSError, ValueError):
            memory = min(memory, int(file.read_text()))
    return memory


def memory_speed() -> float:
    """Bytes a second that main memory gives one core, by copying some; a tenth of a second."""
    one, other = bytearray(_COPIED), bytearray(_COPIED)
    seconds: list[float] = []
    for _ in range(3):
        began = time.perf_counter()
        other[:] = one
        seconds.append(time.perf_counter() - began)
    return 2 * _COPIED / min(seconds)


def _free() -> int | None:
    """What programs can still get of main memory without anything being swapped out."""
    with suppress(OSError):
        for line in Path("/proc/meminfo").read_text().splitlines():
            name, _, rest = line.partition(":")
            if name == "MemAvailable":
                return int(rest.split()[0]) * 1024
    return None


def _nvidia() -> list[tuple[str, int, int]]:
    """Each card's name, its bytes, and how many of them are free; zeros where it has none."""
    asked = "--query-gpu=name,memory.total,memory.free"
    cards: list[tuple[str, int, int]] = []
    for line in _answer("nvidia-smi", asked, "--format=csv,noheader,nounits").splitlines():
        name, *sizes = line.rsplit(",", 2)
        if len(sizes) == 2:
            size, free = (int(s) * _MIB if s.strip().isdigit() else 0 for s in sizes)
            cards.append((name.strip(), size, free))
    return cards


def _answer(command: str, *arguments: str) -> str:
    """What a small program of the system prints; nothing where it is missing or fails."""
    path = shutil.which(command)
    if path is None:
        return ""
    try:
        done = subprocess.run(
            [path, *arguments], capture_output=True, text=True, timeout=10, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout
