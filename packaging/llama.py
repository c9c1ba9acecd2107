"""Puts llama-cpp-python into .venv: a wheel kept from last time, one ready-made, or one built here.

PyPI has only its source. A wheel that was fetched or built is kept in the user's cache, on one
shelf for each kind of machine, and serves every later clone. With CMAKE_ARGS in the environment
it is always built, as they say:

    CMAKE_ARGS=-DGGML_VULKAN=on make run
"""

import os
import platform
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

HERE = Path(__file__).resolve().parent
LOCK = HERE / "lock"
READY_MADE = "https://abetlen.github.io/llama-cpp-python/whl"
CUDA_SHELVES = ("cu118", "cu121", "cu122", "cu123", "cu124", "cu125", "cu130", "cu132")
COMPILER = {
    "apt-get": "sudo apt-get install g++",
    "dnf": "sudo dnf install gcc-c++",
    "pacman": "sudo pacman -S gcc",
    "zypper": "sudo zypper install gcc-c++",
    "apk": "sudo apk add g++ linux-headers",
}


def main() -> None:
    """Install llama-cpp-python as locked; where that fails, end with a sentence saying why."""
    own_flags = os.environ.get("CMAKE_ARGS")
    if own_flags:
        installed = install(build(cache() / "own", own_flags))
    else:
        installed = any(install_from(shelf) for shelf in shelves())
    if not installed:
        sys.exit("llama.cpp was built and does not load. Try again with: make clean run")


def say(text: str) -> None:
    print(f"llama.cpp: {text}", flush=True)


def cache() -> Path:
    """Where the shelves are."""
    if sys.platform == "darwin":
        return Path.home() / "Library/Caches/m2agent/wheels"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "m2agent/wheels"


def shelves() -> list[str]:
    """The kinds of wheel that fit this machine, the fastest first."""
    if sys.platform == "darwin" and platform.machine() == "arm64":
        return ["metal"]
    driver = cuda_of_the_driver()
    return [*[shelf for shelf in CUDA_SHELVES if int(shelf[2:]) <= driver][-1:], "cpu"]


def cuda_of_the_driver() -> int:
    """The newest CUDA that the NVIDIA driver runs, 12.4 as 124; 0 where there is none."""
    try:
        told = subprocess.run(["nvidia-smi"], capture_output=True, text=True, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return 0
    version = re.search(r"CUDA Version: (\d+)\.(\d)", told.stdout)
    return int(version[1] + version[2]) if version else 0


def install_from(shelf: str) -> bool:
    """Install a wheel of this kind, got in the cheapest way there is."""
    folder, cuda = cache() / shelf, shelf.startswith("cu")
    if any(install(wheel) for wheel in kept(folder)):
        return True
    say(f"looking for a ready-made copy ({shelf}).")
    if any(install(wheel) for wheel in fetch(folder)):
        return True
    if cuda and not shutil.which("nvcc"):
        say("there is none, nor a CUDA toolkit (nvcc) to build one with. The GPU stays unused")
        say("until you install the toolkit and run: make clean run")
        return False
    return install(build(folder, "-DGGML_CUDA=on" if cuda else ""))


def locked() -> str:
    version = re.search(r"llama-cpp-python==(\S+)", (LOCK / "llama.txt").read_text())
    assert version
    return version[1]


def kept(folder: Path) -> list[Path]:
    return sorted(folder.glob(f"llama_cpp_python-{locked()}-*.whl"))


def pip(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", *arguments]
    return subprocess.run(command, capture_output=True, text=True)


def install(wheel: Path) -> bool:
    """Install a wheel. One that does not load here is taken out again and thrown away."""
    done = pip("install", "--no-index", "--no-deps", "--force-reinstall", wheel)
    if done.returncode:
        say(done.stderr.strip())
        return False
    loading = "import llama_cpp; llama_cpp.llama_print_system_info()"
    if subprocess.run([sys.executable, "-c", loading], capture_output=True).returncode:
        pip("uninstall", "--yes", "llama-cpp-python")
        wheel.unlink()
        return False
    say(f"installed from {wheel}")
    return True


def fetch(folder: Path) -> list[Path]:
    """Fetch a wheel from llama-cpp-python's author; an index out of reach is soon given up.

    No lock can hold the hashes of what is published there: it is trusted as its author is.
    """
    index = ("--index-url", f"{READY_MADE}/{folder.name}", "--timeout", "5", "--retries", "0")
    only = ("--only-binary", ":all:", "--no-deps", "--dest", folder)
    pip("download", *only, *index, f"llama-cpp-python=={locked()}")
    return kept(folder)


def build(folder: Path, flags: str) -> Path:
    """Build a wheel into `folder`, from the source that has the lock's hash."""
    if not (os.environ.get("CXX") or any(map(shutil.which, ("c++", "g++", "clang++")))):
        known = (command for tool, command in COMPILER.items() if shutil.which(tool))
        sys.exit(
            "llama.cpp has to be built here, and there is no C++ compiler. Install one"
            f" ({next(known, 'g++ or clang++')}), then run make again."
        )
    say("building it from source. This happens once, and takes 3 to 15 minutes on two cores.")
    log = cache() / "build.log"
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="m2agent-llama-") as scratch:
        tools = Path(scratch, "tools")
        locked_as = ("--require-hashes", "--no-deps", "-r")
        got = pip("install", "--target", tools, *locked_as, LOCK / "llama-build.txt")
        if got.returncode:
            sys.exit(f"What builds llama.cpp could not be installed.\n{got.stderr.strip()}")
        # Not mtmd (pictures and sound), nor `common`: together most of the time, and not used.
        common = shlex.quote(f"-DCMAKE_PROJECT_llama.cpp_INCLUDE={HERE / 'llama.cmake'}")
        environment = {
            **os.environ,
            "CMAKE_ARGS": f"-DLLAVA_BUILD=OFF {common} {flags}",
            "PATH": f"{tools / 'bin'}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(tools),
        }
        command = [sys.executable, "-m", "pip", "wheel", "--verbose", "--no-build-isolation"]
        options = ["--no-cache-dir", "--no-binary", ":all:", "--wheel-dir", str(folder)]
        with log.open("w") as output:
            building = subprocess.Popen(
                [*command, *options, *locked_as, LOCK / "llama.txt"],
                stdout=output,
                stderr=subprocess.STDOUT,
                env=environment,
            )
            seconds = wait(building, log)
    if building.returncode:
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-15:])
        sys.exit(f"{tail}\nllama.cpp could not be built. All of what was said is in {log}")
    say(f"built in {clock(seconds)}.")
    return max(kept(folder), key=lambda wheel: wheel.stat().st_mtime)


def wait(building: subprocess.Popen[bytes], log: Path) -> float:
    """Wait for the build and say how far it is: all the time on a terminal, else once a minute."""
    terminal = sys.stdout.isatty()
    began = time.monotonic()
    while building.poll() is None:
        with suppress(subprocess.TimeoutExpired):
            building.wait(1 if terminal else 60)
        steps = re.findall(r"\[(\d+)/(\d+)\]", log.read_text(errors="replace"))
        far = "step {} of {}".format(*steps[-1]) if steps else "getting ready"
        line = f"llama.cpp: {far}, {clock(time.monotonic() - began)}"
        print(f"\r{line}" if terminal else line, end="" if terminal else "\n", flush=True)
    if terminal:
        print()
    return time.monotonic() - began


def clock(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02} minutes"


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
