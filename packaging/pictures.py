"""Draw the pictures of the gallery and the README: the tour of the tests, screen by screen.

python packaging/pictures.py
"""

import asyncio
import os
import sys
import tempfile
from importlib import import_module
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
GALLERY = ROOT / "docs" / "gallery"


def keep(name: str, svg: str) -> None:
    (GALLERY / f"{name}.svg").write_text(svg, "utf-8")


async def drawn() -> None:
    sys.path.insert(0, str(ROOT / "tests" / "tui"))
    tour: Any = import_module("tour")
    for way in (tour.newcomers_way, tour.impatient_way):
        with tempfile.TemporaryDirectory() as folder:
            os.environ["M2AGENT_HOME"] = folder
            await way(keep)


def main() -> None:
    GALLERY.mkdir(exist_ok=True)
    for old in GALLERY.glob("*.svg"):
        old.unlink()
    asyncio.run(drawn())


if __name__ == "__main__":
    main()
