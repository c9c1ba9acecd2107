"""Texts with choices and slots, so that no two offices read the same.

    [Morning|Hello] {to}, the {wood} boards come on {day:+2}.

A choice is drawn from the seed. A slot is a name of the office, a date, or something that the
text itself drew in its head: `let wood = oak | ash`, `let n = 12..40`, `let sum = n * price`.
"""

import random
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files

Slots = Mapping[str, object]

_CHOICE = re.compile(r"\[([^\[\]]*\|[^\[\]]*)\]")
_RANGE = re.compile(r"(\d+)\.\.(\d+)(?: step (\d+))?")
_PRODUCT = re.compile(r"(\w+) \* (\w+)")


@dataclass(frozen=True)
class Piece:
    """One piece of a prose file: its title line, its `let` and other head lines, its text."""

    title: str
    head: dict[str, str]
    lets: dict[str, str]
    text: str


def pieces(name: str) -> Iterator[Piece]:
    """The pieces of a prose file, each under a line `=== TITLE`."""
    whole = files("m2agent.office").joinpath("prose", name).read_text("utf-8")
    for block in whole.split("\n=== ")[1:]:
        top, _, text = block.partition("\n\n")
        title, *lines = (line.removeprefix("let ") for line in top.strip().split("\n"))
        lets = dict(line.split(" = ", 1) for line in lines if " = " in line)
        others = dict(line.split(": ", 1) for line in lines if " = " not in line)
        yield Piece(title.strip(), others, lets, text.strip("\n"))


def draw(lets: Mapping[str, str], slots: Slots, rng: random.Random) -> dict[str, object]:
    """What the `let` lines of a piece stand for, drawn in their order."""
    drawn: dict[str, object] = {}
    for name, value in lets.items():
        if span := _RANGE.fullmatch(value):
            low, high, by = int(span[1]), int(span[2]), int(span[3] or 1)
            drawn[name] = rng.randrange(low, high + 1, by)
        elif product := _PRODUCT.fullmatch(value):
            drawn[name] = int(str(drawn[product[1]])) * int(str(drawn[product[2]]))
        else:
            drawn[name] = fill(rng.choice(value.split(" | ")), {**slots, **drawn}, rng)
    return drawn


def fill(text: str, slots: Slots, rng: random.Random) -> str:
    """Decide the choices, the inner ones first, and fill the slots."""
    while choice := _CHOICE.search(text):
        text = text[: choice.start()] + rng.choice(choice[1].split("|")) + text[choice.end() :]
    return text.format_map(slots)


def paragraphs(text: str) -> list[str]:
    """The text's paragraphs, each one line; lists, and lines set in, keep their lines."""
    return [
        block if _lines_matter(block) else " ".join(block.split("\n"))
        for block in re.split(r"\n{2,}", text.strip("\n"))
    ]


def _lines_matter(block: str) -> bool:
    return any(line.startswith(("- ", "  ", "* ", "#", "|", "1. ")) for line in block.split("\n"))
