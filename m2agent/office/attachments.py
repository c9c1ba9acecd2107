"""What hangs on mails: papers from the prose as PDF, CSV, calendar or contact, and pictures."""

import random
from functools import cache
from pathlib import PurePath

from m2agent.office import png, prose
from m2agent.office.mime import Leaf
from m2agent.office.pdf import pdf

_TYPES = {
    ".csv": 'text/csv; charset="utf-8"',
    ".ics": 'text/calendar; charset="utf-8"; method=REQUEST',
    ".vcf": 'text/vcard; charset="utf-8"',
    ".txt": 'text/plain; charset="utf-8"',
    ".pdf": "application/pdf",
    ".png": "image/png",
}


def attach(name: str, slots: prose.Slots, rng: random.Random) -> Leaf:
    """The file that a `#file:` mark names; a picture is drawn, all else is in papers.txt."""
    return file(name, _content(name, slots, rng))


def file(name: str, content: bytes) -> Leaf:
    """Any file as an attachment of the type that its name says."""
    return Leaf(_TYPES[PurePath(name).suffix], content, "base64", name=name)


def _content(name: str, slots: prose.Slots, rng: random.Random) -> bytes:
    if name.endswith(".png"):
        return png.plan(rng) if "plan" in name else png.photo(rng)
    piece = _papers()[name]
    text = prose.fill(piece.text, {**slots, **prose.draw(piece.lets, slots, rng)}, rng)
    match PurePath(name).suffix:
        case ".pdf":
            return pdf(text, title=PurePath(name).stem)
        case ".ics" | ".vcf":
            return (text.replace("\n", "\r\n") + "\r\n").encode()
        case _:
            return (text + "\n").encode()


@cache
def _papers() -> dict[str, prose.Piece]:
    return {piece.title: piece for piece in prose.pieces("papers.txt")}
