"""Every screen reached by keys, and compared with the gallery that packaging/pictures.py draws."""

import re
from pathlib import Path

import pytest
from tour import Keep, impatient_way, newcomers_way

DOCS = Path(__file__).parents[2] / "docs"
WAYS = {"newcomer": newcomers_way, "impatient": impatient_way}
IMPATIENT = {"steering", "plan", "unproven", "helper"}


def shown(svg: str) -> str:
    """What a picture shows, however wide its letters are and however long a step took."""
    return re.sub(r' (?:textLength|x|width)="[^"]*"', "", svg)


@pytest.mark.parametrize("way", WAYS)
async def test_every_screen_is_reached_by_keys_and_is_in_the_gallery_as_it_looks(way: str) -> None:
    taken: dict[str, str] = {}
    keep: Keep = taken.__setitem__
    await WAYS[way](keep)
    kept = {
        path.stem: path.read_text("utf-8")
        for path in (DOCS / "gallery").glob("*.svg")
        if (path.stem.partition("-")[0] in IMPATIENT) == (way == "impatient")
    }
    assert sorted(taken) == sorted(kept)
    assert [name for name in sorted(taken) if shown(taken[name]) != shown(kept[name])] == []


def test_the_gallery_shows_every_picture() -> None:
    page = (DOCS / "gallery.md").read_text("utf-8")
    named = sorted(re.findall(r"\(gallery/(.+?)\.svg\)", page))
    assert named == sorted(path.stem for path in (DOCS / "gallery").glob("*.svg"))
