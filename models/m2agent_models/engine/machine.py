"""What this machine has for a model: memory, cores, and graphics memory."""

import os
import platform
import shutil
import subprocess
import sys
from dataclasses import dataclass

_MIB = 1024 * 1024


@dataclass(frozen=True)
class Machine:
    """Bytes of main memory and of all graphics cards together; `unified` where both are one."""

    memory: int
    cores: int
    gpu: str = ""
    gpu_memory: int = 0
    unified: bool = False

    def __str__(self) -> str:
        words = f"{self.memory / 1e9:.0f} GB of memory, {self.cores} cores"
        if self.unified:
            return f"{words}, shared with {self.gpu}"
        if self.gpu:
            return f"{words}, {self.gpu} with {self.gpu_memory / 1e9:.0f} GB"
        return f"{words}, no GPU"


def this_machine() -> Machine:
    """Look. Takes a tenth of a second where there is an NVIDIA card."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    cores = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
    if sys.platform == "darwin" and platform.machine() == "arm64":
        # What Metal lets one program wire, unless somebody raised it.
        raised = _answer("sysctl", "-n", "iogpu.wired_limit_mb").strip()
        limit = int(raised) * _MIB if raised.isdigit() and int(raised) else memory * 3 // 4
        name = _answer("sysctl", "-n", "machdep.cpu.brand_string").strip() or "the GPU"
        return Machine(memory, cores, name, limit, unified=True)
    cards = _nvidia()
    if cards:
        names = " + ".join(sorted({name for name, _ in cards}))
        label = names if len(cards) == 1 else f"{len(cards)} x {names}"
        return Machine(memory, cores, label, sum(size for _, size in cards))
    return Machine(memory, cores)


def _nvidia() -> list[tuple[str, int]]:
    lines = _answer("nvidia-smi", "--query-gpu=name,memory.total", "--format=csv,noheader,nounits")
    cards: list[tuple[str, int]] = []
    for line in lines.splitlines():
        name, _, size = line.rpartition(",")
        if size.strip().isdigit():
            cards.append((name.strip(), int(size) * _MIB))
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
