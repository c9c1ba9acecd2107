"""See files and names on the disk, so that they are there after a loss of power."""

import os
from pathlib import Path


def sync(path: Path) -> None:
    """The bytes of a file, or the names in a folder, are on the disk when this returns."""
    opened = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
