"""Tells a person when an address only looks like one that they know: that is easy to miss."""

# ruff: noqa: RUF001 letters that look alike are what this is about

import unicodedata
from collections.abc import Iterable

_FOREIGN = """
аa вb еe кk мm нh оo рp сc тt уy хx іi јj ѕs ӏl ԁd ԛq ԝw
αa βb εe ιi κk νv οo ρp τt υu χx ϲc ϳj ɑa ɡg ıi ʟl
"""
_LETTERS = {pair[0]: pair[1] for pair in _FOREIGN.split()}
_ALIKE = [("0", "o"), ("1", "l"), ("i", "l"), ("rn", "m"), ("vv", "w"), ("cl", "d")]
_JOINTS = str.maketrans("", "", ".-_")
_SHORTEST = 8  # of shapes in which one sign more or less is not seen


def looks_like(address: str, known: Iterable[str]) -> str:
    """The known mail address for which this other one could be taken; "" if there is none."""
    if "@" not in address:
        return ""
    seen = shape(address)
    others = (one for one in sorted(known) if one != address and "@" in one)
    return next((one for one in others if _is_near(seen, shape(one))), "")


def shape(address: str) -> str:
    """What is left of an address to an eye in a hurry."""
    apart = unicodedata.normalize("NFKD", address.casefold())
    text = "".join(_LETTERS.get(sign, sign) for sign in apart if _is_seen(sign))
    for sign, other in _ALIKE:
        text = text.replace(sign, other)
    return text.translate(_JOINTS)


def _is_seen(sign: str) -> bool:
    return unicodedata.category(sign)[0] not in "MC"  # no accents, nothing invisible


def _is_near(seen: str, known: str) -> bool:
    """The same but for one sign, or the known one with something behind it."""
    if seen == known:
        return True
    if min(len(seen), len(known)) < _SHORTEST or abs(len(seen) - len(known)) > 1:
        return len(known) >= _SHORTEST and seen.startswith(known)
    at = next((i for i, (a, b) in enumerate(zip(seen, known, strict=False)) if a != b), None)
    if at is None:
        return True
    return known[at + 1 :] in (seen[at + 1 :], seen[at:]) or known[at:] == seen[at + 1 :]
