"""Every screen reached by keys, and compared with the gallery that packaging/pictures.py draws."""

import re
from pathlib import Path

from tour import Tour, in_sample_office

DOCS = Path(__file__).parents[2] / "docs"
SAME = {"start", "approval", "approval-80x24", "approval-200x60", "change"}
"""What shows no more than what the tour has just done: no speed, no sandbox, no place in a list."""


def shown(svg: str) -> str:
    """What a picture shows, however wide its letters are."""
    return re.sub(r' (?:textLength|x)="[^"]*"', "", svg)


async def test_every_screen_is_reached_by_keys_and_looks_as_in_the_gallery() -> None:
    taken: dict[str, str] = {}
    async with in_sample_office() as scene:
        await Tour(scene, taken.__setitem__).whole()
    kept = {path.stem: path.read_text("utf-8") for path in (DOCS / "gallery").glob("*.svg")}
    assert sorted(taken) == sorted(kept)
    assert [name for name in sorted(SAME) if shown(taken[name]) != shown(kept[name])] == []


def test_the_gallery_shows_every_picture() -> None:
    page = (DOCS / "gallery.md").read_text("utf-8")
    named = sorted(re.findall(r"\(gallery/(.+?)\.svg\)", page))
    assert named == sorted(path.stem for path in (DOCS / "gallery").glob("*.svg"))
