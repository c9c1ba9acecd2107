"""A disk that commands may fill, but not to its end."""

import asyncio
import shutil
from collections.abc import Sequence
from pathlib import Path

_CHECK_SECONDS = 0.25
_RESERVE = 2**30  # bytes that stay free, or half of what is free at first


async def nearly_full(folders: Sequence[Path]) -> None:
    """Return as soon as too little is free where these folders lie; wait until then."""
    reserved = [min(_RESERVE, _free(folder) // 2) for folder in folders]
    while True:
        await asyncio.sleep(_CHECK_SECONDS)
        if any(_free(folder) < kept for folder, kept in zip(folders, reserved, strict=True)):
            return


def _free(folder: Path) -> int:
    return shutil.disk_usage(folder).free
