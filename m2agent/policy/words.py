"""Text as the policy compares it: words with their bounds, addresses, and what names a thing.

Comparison forgives case, width, quotes and blanks, and nothing else. Addresses forgive case alone:
one that merely looks like another is another.
"""

import functools
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

_EDGE = "\"'`“”\u2018\u2019«»\u2039\u203a„\u201a.,;:!?()[]{}<>*…/\\|"
_REST = r"[^\s<>\"'`)\]}|\\]"
_URL = re.compile(
    rf"(?:[a-z][a-z0-9+.-]{{1,20}}://|www\.){_REST}+"
    rf"|(?<![\w:/\\])(?://|\\\\)[\w-]+(?:\.[\w-]+)+{_REST}*"
    rf"|\b(?:https?|ftps?|wss?|file|smb|ssh|tel|sms|callto|javascript|data):[^\s,]{_REST}*"
    rf"|(?<![\w.@/-])\d{{1,3}}(?:\.\d{{1,3}}){{3}}(?![\w.])(?:[:/]{_REST}*)?",
    re.IGNORECASE,
)
_PART = r"[^\s<>\"'`(),;:\[\]{}|\\=/@]"
_MAIL = re.compile(rf"{_PART}{{1,128}}(?:@{_PART}{{1,255}})+")
_HANDLE = re.compile(r"(?<![\w@.])@[\w.-]{2,64}")
_ACCOUNT = re.compile(
    r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{2,4}){3,8}\b"
    r"|(?<![\w.])(?!\d{4}-\d\d-\d\d)\+?\d(?:[ -]?\d){8,18}\b"
)
_DOMAIN = re.compile(
    r"(?<![\w@./-])(?:[\w-]{1,63}\.)+(?:[^\W\d_]{2,24})(?![\w@])(?:/[^\s<>\"'`)\]}|\\]*)?", re.I
)
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_LOOSE = re.compile(r"[^\W_]+")
_FILES = re.compile(r"\.(?:docx?|xlsx?|pptx?|pdf|txt|csv|md|png|jpe?g|eml|json|zip|html?)$", re.I)


def listed(words: str) -> frozenset[str]:
    """A set, written as words with blanks between them."""
    return frozenset(words.split())


FOREIGN = listed(
    "der das den dem des ein eine einen einem einer eines und oder bitte mir mich mein meine meinen"
    " meinem meiner für von vom mit bei beim im zum zur auf aus nach über dass ist sind hat haben"
    " nicht kein keine keinen nichts ins alle allen kannst könntest wird werden"
    " le la les un une des du dans au aux pour mon ma mes sur avec chez qui que est sont ne pas moi"
    " el los las una unos unas del en al para mi mis con por como que es son lo se"
    " il gli della delle dei degli nel nella nei di per che sono"
    " os um uma do da dos das na nos nas ao meu minha com não"
    " het een van voor mijn naar op met niet geen"
)
"""Words that other languages than English are full of, and that tell nothing."""

_FOREIGN_TOO = listed(
    "die diese dieser dieses diesen alles ihr ihre sein seine noch nur auch wie wenn dann doch"
    " wir sie ich mais cette ces tout tous toute toutes leur vous nous elle ils este esta esto"
    " todo todos todas muy más pero questo questa tutto tutti anche isso tudo deze dit dat alle"
    " ook"
)
_ENGLISH = listed(
    "a about after again all also am an and any are as at be been before being but by can could"
    " did do does each every for from get give go going had has have he her here him his how i if"
    " in into is it its just last let like made make many may me more most must my need new next"
    " no not now of off on once one only or other our out over please put same she should since so"
    " some than that the their them then there these they this those through to today too under"
    " until up us use very via want was we week were what when where which while who whose why"
    " will with would yes you your s t d ll re ve m based according using"
)
_STOP = _ENGLISH | FOREIGN | _FOREIGN_TOO


def plain(text: str) -> str:
    """Text without differences of case and width."""
    return unicodedata.normalize("NFKC", text).casefold().replace("\u2019", "'")


def tokens(text: str) -> list[str]:
    """Words between blanks, without the punctuation around them: "Notes/Plan.md" is one."""
    return [word for raw in plain(text).split() if (word := raw.strip(_EDGE))]


def spaced(text: str) -> str:
    """Tokens with one blank around each, so that `in` compares whole ones."""
    return f" {' '.join(tokens(text))} "


def stem(word: str) -> str:
    """A noun without its plural; "news" is none of "new"."""
    if len(word) > 4 and word.endswith("ies"):
        return f"{word[:-3]}y"
    if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        return word if word[:-1] in _STOP else word[:-1]
    return word


def stems(text: str) -> list[str]:
    """Every word by itself, however the text joins them: "grocery-list.docx" has three."""
    return [stem(word) for word in _LOOSE.findall(plain(text).replace("'s", " "))]


def telling(found: Iterable[str]) -> list[str]:
    """The stems that say what something is about."""
    return [one for one in found if one not in _STOP and (len(one) > 2 or one.isdigit())]


def pairs(found: list[str]) -> frozenset[tuple[str, str]]:
    """Neighbours that together name something, such as ("grocery", "list")."""
    return frozenset(
        (one, two) for one, two in pairwise(found) if one not in _STOP and two not in _STOP
    )


@functools.lru_cache(512)
def addresses(text: str) -> frozenset[str]:
    """Everything through which somebody can be reached or paid: mail, web, handles, accounts."""
    found: set[str] = set()
    if "@" in text:
        found |= {one.rstrip(".").casefold() for one in _MAIL.findall(text)}
        found |= {one.casefold() for one in _HANDLE.findall(text)}
    if "." in text or ":" in text:
        found |= {one.rstrip(".,;:!?").casefold() for one in _URL.findall(text)}
        found |= {
            one.rstrip(".").casefold() for one in _DOMAIN.findall(text) if not _FILES.search(one)
        }
    found |= {re.sub(r"[ -]", "", one).casefold() for one in _ACCOUNT.findall(text)}
    return frozenset(found)


def reaches(text: str) -> bool:
    """Whether a value can lead somewhere: an address, or anything that could be read as one."""
    return "@" in text or "://" in text or "\uff20" in text or bool(addresses(text))


def only_addresses(value: str, found: frozenset[str]) -> bool:
    """Whether a value is a lone address, one with a plain name before it, or a list of these."""
    if value.strip().casefold() in found:
        return True
    if not value.isascii() or hides(value):
        return False
    rest = value.casefold()
    for one in sorted(found, key=len, reverse=True):
        rest = rest.replace(one, " ")
    return re.fullmatch(r"[\w ,;<>\"'()-]*", rest) is not None


def hides(text: str) -> bool:
    """Whether a value has characters that nobody sees."""
    if text.isascii():
        return bool(_CONTROL.search(text))
    return any(
        unicodedata.category(char) in ("Cc", "Cf", "Co", "Cs") and char not in "\n\t\r"
        for char in text
    )


@dataclass(frozen=True)
class Subject:
    """What a text is about, for comparing what a record is called with what was asked."""

    stems: frozenset[str]
    pairs: frozenset[tuple[str, str]]

    @classmethod
    def of(cls, text: str) -> "Subject":
        found = stems(text)
        return cls(frozenset(telling(found)), pairs(found))
