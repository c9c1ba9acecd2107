"""Names, facts and sentences for a task, drawn from a seed, so that hardly any two are alike.

Training draws from one half of the names and sentences and never sees the other: `Part` says which
half a task is made of. Half the names are real, half are made up of syllables, because a model that
has learnt names by heart miscopies the first one it does not know.
"""

import random
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cache
from typing import Literal

from m2agent.office import prose
from m2agent.office.names import names

Part = Literal["train", "fresh", "unseen"]
"""`train` is for training. `fresh` has other names in the same sentences, `unseen` both anew."""

NOW = date(2026, 11, 23)

_COUNTRIES = ("IE", "DE", "FR", "IT", "DK")
_HEADS = "b br ch cl d dr f g gl h j k kr l m n p qu r s sk st t th tr v w z"
_HEARTS = "a e i o u ai ea ie oo ou"
_TAILS = "b ck d f g k l ll m n nd ng nk r rd rt s sh st t th x z"
_LETTERS = "ABCDEFGHJKLMNPRSTUVWXZ"
_IN_LOWER_CASE = 0.15
"""How many sentences begin as they were typed."""
_OTHERS_SHARE = 5
"""One in so many names is kept from training."""


@dataclass(frozen=True)
class Person:
    first: str
    last: str
    firm: str

    @property
    def name(self) -> str:
        return f"{self.first} {self.last}"

    @property
    def address(self) -> str:
        return f"{plain(self.first)}@{plain(self.firm.split()[0])}.example"

    @property
    def sender(self) -> str:
        return f"{self.name} <{self.address}>"


@dataclass
class Wording:
    """The source of one task's words."""

    family: str
    seed: int
    part: Part
    rng: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self.rng = random.Random(f"{self.family} {self.seed} {self.part}")

    def say(self, text: str, **slots: object) -> str:
        """A sentence with its choices made, `[Find|Look up] the mail`, and its slots filled."""
        return prose.fill(text, slots, self.rng)

    def ask(self, known: Sequence[str], unseen: Sequence[str], **slots: object) -> str:
        """What the person says, in a form that training knows, or in one that it never saw."""
        text = self.say(self.rng.choice(unseen if self.part == "unseen" else known), **slots)
        if "@" in text.split()[0] or self.rng.random() < _IN_LOWER_CASE:
            return text
        return text[0].upper() + text[1:]

    def one_of(self, words: str) -> str:
        return self.rng.choice(words.split("|"))

    def first(self) -> str:
        return self._name("first")

    def last(self) -> str:
        return self._name("last")

    def person(self) -> Person:
        return Person(self.first(), self.last(), self.firm())

    def people(self, count: int) -> list[Person]:
        """So many people of whom no two share a name."""
        found: list[Person] = []
        while len(found) < count:
            person = self.person()
            taken = {word for p in found for word in (p.first, p.last, p.firm)}
            if not taken & {person.first, person.last, person.firm}:
                found.append(person)
        return found

    def firm(self) -> str:
        stem = self._made() if self.rng.random() < 0.5 else self._name("last")
        return f"{stem} {self.one_of(_TRADES)}"

    def word(self) -> str:
        """A thing that mails are about."""
        return self.one_of(_THINGS)

    def title(self) -> str:
        """A title of a note: two or three words."""
        return f"{self.one_of(_QUALITIES)} {self.one_of(_THINGS)}".capitalize()

    def code(self) -> str:
        """An invoice's, an order's or a room's sign: R-4471, KX20931, 88/213."""
        rng = self.rng
        letters = "".join(rng.choice(_LETTERS) for _ in range(rng.randint(1, 3)))
        digits = "".join(str(rng.randrange(10)) for _ in range(rng.randint(3, 5)))
        return rng.choice((f"{letters}-{digits}", f"{letters}{digits}", f"{digits[:2]}/{digits}"))

    def number(self, low: int, high: int) -> int:
        return self.rng.randint(low, high)

    def cents(self) -> int:
        return self.rng.choice((self.rng.randint(150, 99_999), self.rng.randint(10, 900) * 10))

    def day(self) -> date:
        return NOW + timedelta(self.rng.randint(1, 90))

    def spoken_day(self) -> str:
        """A day as a letter has it: "Thursday 14 January"."""
        day = self.day()
        return f"{day:%A} {day.day} {day:%B}"

    def hour(self) -> str:
        return f"{self.rng.randint(7, 18)}:{self.rng.choice(('00', '15', '30', '45'))}"

    def phone(self) -> str:
        return f"{self.rng.randint(100, 999)} {self.rng.randint(1000, 9999)}"

    def some(self, most: int, least: int = 0) -> int:
        return self.rng.randint(least, most)

    def _name(self, kind: str) -> str:
        if self.rng.random() < 0.5:
            return self._made()
        return self.rng.choice(_real(kind, self.part == "train"))

    def _made(self) -> str:
        while True:
            syllables = "".join(
                self.rng.choice(_HEADS.split()) + self.rng.choice(_HEARTS.split())
                for _ in range(self.rng.randint(1, 2))
            )
            name = (syllables + self.rng.choice(_TAILS.split())).capitalize()
            if _for_training(name) == (self.part == "train"):
                return name


@cache
def _real(kind: str, training: bool) -> list[str]:
    every = sorted({name for country in _COUNTRIES for name in names(f"{kind} {country}")})
    return [name for name in every if " " not in name and _for_training(name) == training]


def _for_training(name: str) -> bool:
    return zlib.crc32(name.encode()) % _OTHERS_SHARE != 0


def plain(name: str) -> str:
    """A name as an address has it."""
    kept = (char for char in name.casefold() if char.isascii() and char.isalnum())
    return "".join(kept) or "office"


def money(cents: int) -> str:
    return f"{cents / 100:.2f}"


_TRADES = (
    "Timber|Paints|Glass|Steel|Tools|Freight|Print|Foods|Hire|Joinery|Supplies|Electric|Stone|"
    "Roofing|Plumbing|Floors|Doors|Garden|Cleaning|Insurance|Consulting|Software|Textiles|Logistics"
)
_THINGS = (
    "delivery|order|kitchen|staircase|window|parking|meeting|visit|heating|contract|survey|sample|"
    "van|scaffold|roof|floor|veneer|varnish|hinge|lock|alarm|printer|insurance|training|audit|"
    "brochure|lease|deposit|repair|shelving|oak|walnut|plywood|desk|counter|gate|fence|pump|boiler|"
    "lamp|carpet|tile|drill|saw|glue|door|bench|invoice archive|site plan|inspection|catering|"
    "warranty|permit|crane|forklift|skip|ladder|sink|tap|radiator|thermostat|chimney|gutter|cellar|"
    "attic|balcony|terrace|garage|driveway|hedge|lawn|pond|sofa|armchair|wardrobe|bookcase|bed|"
    "mattress|curtain|blinds|mirror|oven|fridge|dishwasher|washing machine|server|laptop|phone|"
    "projector|website|newsletter|logo|flyer|banner|trade fair|workshop|seminar|interview|"
    "business trip|hotel|flight|rental car|bus|ferry|parcel|pallet|container|licence|"
    "tax return|budget|loan|payroll|pension|holiday list|rota|party|anniversary|lunch|first aid|"
    "fire drill|smoke detector|key|badge|uniform|toolbox|generator|compressor|paint|primer|screws|"
    "timber list|price list|offer|quote|complaint|refund|return|spare part|blueprint|drawing|model|"
    "mock-up|photo shoot|video|translation|manual|report|minutes|agenda|survey of the yard"
)
_QUALITIES = (
    "new|old|north|south|spring|winter|main|second|spare|red|blue|small|large|urgent|annual|monthly"
    "|"
    "final|first|back|front|upper|lower|office|workshop|client|supplier|staff|guest|site|public|"
    "weekly|yearly|autumn|summer|east|west|green|yellow|white|black|long|short|early|late|third|"
    "next|last|open|closed|special|general|internal|joint|local|regional|paid|free|digital|printed"
)
