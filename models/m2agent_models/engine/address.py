"""Where the engine of a model file is found: one socket, lock and log for each file and person."""

import contextlib
import hashlib
import os
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path

from m2agent.errors import SetupError
from m2agent.home import home, private
from m2agent_models.engine import wire


@dataclass(frozen=True)
class Address:
    """`log` is appended to by the engine, and by llama.cpp inside it; `kept` is for its states."""

    socket: Path
    lock: Path
    log: Path
    kept: Path


def address(model: Path) -> Address:
    """The engine's address for this very file: another content is another engine.

    Raises SetupError where the folder of sockets belongs to somebody else.
    """
    real = model.resolve()
    about = real.stat()
    identity = f"{wire.VERSION}\n{home()}\n{real}\n{about.st_size}\n{about.st_mtime_ns}"
    key = hashlib.sha256(identity.encode()).hexdigest()[:16]
    folder = _runtime()
    return Address(
        socket=folder / f"{key}.sock",
        lock=folder / f"{key}.lock",
        log=_logs() / f"{real.stem[:60]}.log",
        kept=home() / "kept",
    )


def _runtime() -> Path:
    """A short private folder: a Unix socket's path holds about a hundred bytes."""
    given = os.environ.get("XDG_RUNTIME_DIR")
    base = Path(given) if given and len(given) < 60 else Path(tempfile.gettempdir())
    if len(str(base)) >= 60:
        base = Path("/tmp")
    folder = base / f"m2agent-{os.getuid()}"
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    about = folder.lstat()
    if not stat.S_ISDIR(about.st_mode) or about.st_uid != os.getuid() or about.st_mode & 0o077:
        raise SetupError(
            f"{folder} should be a folder that only you can look into, and is not.",
            fix=f"Move it away: mv {folder} {folder}.old",
        )
    return folder


def _logs() -> Path:
    return private(home() / "logs")
