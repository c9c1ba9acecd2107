"""The adapter as it ships: bytes with a scale a row, half the size of 16-bit floats."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("adapter.npz")
"""What `models/training` made; its README says exactly how."""

_SCALE = ".scale"


def read(path: Path = FILE) -> dict[str, Any]:
    """The adapter by the names that `build` knows."""
    import numpy as np

    with np.load(path) as kept:
        arrays = {name: kept[name] for name in kept.files}
    return {
        name: value.astype(np.float32) * arrays[name + _SCALE][:, None]
        if name + _SCALE in arrays
        else value.astype(np.float32)
        for name, value in arrays.items()
        if not name.endswith(_SCALE)
    }


def digest() -> str:
    """Names the adapter that ships."""
    return hashlib.sha256(FILE.read_bytes()).hexdigest()[:16]


def write(path: Path, adapter: Mapping[str, Any]) -> None:
    """Keep an adapter; the rows of new tokens stay as they are."""
    import numpy as np

    kept: dict[str, Any] = {}
    for name, value in adapter.items():
        if name == "rows":
            kept[name] = np.asarray(value, np.float16)
            continue
        scale: Any = np.abs(np.asarray(value, np.float32)).max(1) / 127
        scale[scale == 0] = 1
        kept[name] = np.asarray(np.rint(value / scale[:, None]), np.int8)
        kept[name + _SCALE] = scale
    np.savez_compressed(path, **kept)
