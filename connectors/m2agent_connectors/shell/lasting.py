"""What a command did to files is on the disk before anybody hears that it is done.

Programs leave their files to the system, which writes them down within half a minute or so. A loss
of power in between would take them away, while the journal says that they were made.
"""

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from m2agent.durable import sync

_EACH = 200  # more files than that are quicker written down with all that the system holds
_COARSE = 2.0  # seconds by which the times of files may be behind


def see_on_disk(work: Path, since: float) -> None:
    """Write down all that changed in the work folder since then, seconds of the clock."""
    changed = list(_changed(work, since - _COARSE))
    if len(changed) > _EACH:
        os.sync()
        return
    for path in changed:
        with suppress(OSError):  # gone by now, or not to be read
            sync(path)


def _changed(folder: Path, since: float) -> Iterator[Path]:
    """Files before the folder that names them; links are not followed."""
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            with suppress(OSError):
                status = entry.stat(follow_symlinks=False)
                if stat.S_ISDIR(status.st_mode):
                    yield from _changed(Path(entry.path), since)
                elif stat.S_ISREG(status.st_mode) and status.st_ctime >= since:
                    yield Path(entry.path)
    with suppress(OSError):
        if folder.stat().st_ctime >= since:
            yield folder
