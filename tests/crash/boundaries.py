"""Where a process can die so that it leaves something else behind: found, not listed.

While a run is played, every call that leaves the interpreter (to the system, a file, a socket,
SQLite) is looked at when it returns. Where the files have changed since the last look, or bytes
have left for a server, there is a boundary. A process can be told to kill itself at the nth.
"""

import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

_OUTSIDE = {"posix", "_io", "_socket", "socket", "sqlite3", "_posixsubprocess", "_ssl"}
_SENDING = {"send", "sendall", "sendmsg"}
_LOOKING = {"stat", "lstat", "fstat", "scandir", "listdir", "fspath", "getpid", "isatty", "tell"}
"""Calls after which nothing can have changed by them; left out to save time."""


class Boundaries:
    """Counts boundaries in a folder, and dies at one of them; 0 means to live.

    `doing` names what the run is at; `places` tells each boundary by that, and by the lines of
    m2agent's own that led to it.
    """

    def __init__(self, folder: Path, die_at: int) -> None:
        self._folder = str(folder)
        self._die_at = die_at
        self._sent = 0
        self._last = self._state()
        self.count = 0
        self.doing: Callable[[], str] = lambda: "begin"
        self.places: list[str] = []

    def watch(self) -> None:
        """From here on, in this thread and in all that are begun later."""
        threading.setprofile(self._look)
        sys.setprofile(self._look)

    def rest(self) -> None:
        sys.setprofile(None)
        threading.setprofile(None)

    def _look(self, frame: FrameType, event: str, what: Any) -> None:
        if event != "c_return" or what.__name__ in _LOOKING or not _leaves(what):
            return
        self._sent += what.__name__ in _SENDING
        state = self._state()
        if state == self._last:
            return
        self._last = state
        self.count += 1
        self.places.append(f"{self.doing()}: {_place(frame, what.__name__)}")
        if self.count == self._die_at:
            os.kill(os.getpid(), signal.SIGKILL)

    def _state(self) -> tuple[Any, ...]:
        return (self._sent, *_files(self._folder))


def _leaves(function: Callable[..., Any]) -> bool:
    owner = getattr(function, "__self__", None)
    return (getattr(function, "__module__", None) or type(owner).__module__) in _OUTSIDE


def _place(frame: FrameType | None, name: str) -> str:
    lines = [name]
    while frame:
        path = frame.f_code.co_filename
        if "/m2agent" in path and "site-packages" not in path:
            lines.append(f"{Path(path).stem}:{frame.f_lineno}")
        frame = frame.f_back
    return " < ".join(lines)


def _files(folder: str) -> list[tuple[str, int, int]]:
    """Every file with its length and time, but for what SQLite only shares between processes."""
    found: list[tuple[str, int, int]] = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    found += _files(entry.path)
                elif not entry.name.endswith("-shm"):
                    status = entry.stat(follow_symlinks=False)
                    found.append((entry.path, status.st_size, status.st_mtime_ns))
    except FileNotFoundError:
        pass
    return found
