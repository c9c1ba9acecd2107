"""The names that people and firms are drawn from: hundreds, so that two seeds share few."""

from functools import cache

from m2agent.office.prose import pieces

ROADS = ("Street", "Street", "Street", "Road", "Lane", "Quay", "Row", "Place", "Hill")


def names(kind: str) -> list[str]:
    """All names of a kind: "first IE", "last DE", "towns FR", "streets IT", "stems"."""
    return _lists()[kind]


@cache
def _lists() -> dict[str, list[str]]:
    return {
        piece.title: piece.text.replace(",\n", ", ").split(", ") for piece in pieces("names.txt")
    }
