"""Who owns a run: a lock that the system lets go of when its holder dies.

A heartbeat would make the next owner wait, and a clock that jumps or a machine that sleeps would
take a run away from a living owner. A lock held on an open file does neither: after kill -9 it is
free at once. Where such locks do not reach (some network folders), the fencing token in the
journal still refuses every write of an owner that was replaced: see `Run.add`.
"""

import fcntl
import os
from contextlib import suppress
from pathlib import Path
from typing import IO

from m2agent.errors import RunBusy
from m2agent.home import private


class Lease:
    """A run's lock file, held from `take` to `release`."""

    def __init__(self, file: IO[str]) -> None:
        self._file = file

    @classmethod
    def take(cls, folder: Path, run: str) -> "Lease":
        """Own the run whose folder this is. Raises RunBusy, naming the process that does."""
        file = (private(folder) / "lock").open("a+")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            file.seek(0)
            owner = file.read().strip() or "another process"
            file.close()
            raise RunBusy(
                f"Run {run} is being worked on by {owner}. Wait until that is done, or end it."
            ) from error
        file.truncate(0)
        file.write(f"process {os.getpid()}")
        file.flush()
        return cls(file)

    @property
    def released(self) -> bool:
        return self._file.closed

    def release(self) -> None:
        """Let go; a second time does nothing."""
        if self.released:
            return
        with suppress(OSError):
            self._file.truncate(0)
        self._file.close()


def is_held(folder: Path) -> bool:
    """Whether some process owns the run whose folder this is."""
    try:
        with (folder / "lock").open("r") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return False
