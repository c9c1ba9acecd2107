"""How far each run was written, kept beside the journal, so that a lost end is noticed.

Who removes the file journal.db-wal, or puts an older copy of the journal back, takes away the
last entries of a run and leaves a sound file. Going on from there would do things twice.
"""

import os
from contextlib import suppress
from pathlib import Path

_FILE = "written"


class Witness:
    """The number of a run's last entry, in a file of its own; never ahead of the journal."""

    def __init__(self, folder: Path) -> None:
        self._file = os.open(folder / _FILE, os.O_WRONLY | os.O_CREAT, 0o600)

    def note(self, seq: int) -> None:
        """After the commit, and not fsynced: it may be behind, and must cost nothing."""
        with suppress(OSError):
            os.pwrite(self._file, b"%12d\n" % seq, 0)

    def close(self) -> None:
        os.close(self._file)


def written(folder: Path) -> int:
    """The last entry that is known to have been written; 0 if nothing is known."""
    try:
        return int((folder / _FILE).read_bytes() or b"0")
    except (OSError, ValueError):
        return 0
