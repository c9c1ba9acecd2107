"""What a person's own words allow: the things they name and the changes they ask for.

Verbs count where a verb can stand ("and label them"), not where the same word is a noun ("the
update from Ann"), not inside quotes, and not when they are negated ("do not send it yet").
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from m2agent.policy import tongues, words
from m2agent.policy.verbs import Kind, asked_kinds, base
from m2agent.policy.words import Subject

_PIECE = re.compile(r"\w+(?:['\u2019]\w+)?|[^\w\s]|\n")
_QUOTED = re.compile(
    r"\"[^\"\n]*\"|“[^”\n]*”|«[^»\n]*»|`[^`\n]*`|(?<!\w)['\u2018][^'\n]{1,200}['\u2019](?!\w)"
)
_FORGET = re.compile(
    r"\b(?:do not|don['\u2019]?t|never) (?:forget|hesitate|fail) to\b", re.IGNORECASE
)
_NO_VERB = re.compile(
    r"\b(?:add(?:s|ed|ing)? up|make sure|note that|mark my words|according to|due to)\b", re.I
)
_OPENS = words.listed(
    "and or then please to also you just now i we let's lets must should can could will would but"
    " first finally next not never only me it them be been get have after before by when"
)
_NOUNS_ARE_CAPITALS = re.compile(
    r"\b(?:der|das|dem|ein|eine|einen|einem|einer|und|bitte|mir|für|vom|beim|zum|zur)\b", re.I
)  # in German every noun is written like a name
_BREAKS = frozenset(".;:!?\n") | {"but", "then", "just", "only", "however"}
_NEGATORS = frozenset({"not", "never", "without", "no", "avoid", "dont", "cannot", "nothing"})
_ANYTHING = frozenset({"anything", "any", "nothing", "something", "thing", "else"})
_EVERY_KIND = frozenset({"change", "modify", "edit", "touch", "write", "do", "update"})
_ALL_KINDS: frozenset[Kind] = frozenset({"make", "change", "remove", "send"})
_GATHERS = words.listed("list summarise summarize collect gather compare describe outline show sum")
_NEW_PLACES = words.listed(
    "note file document doc page table sheet spreadsheet list report memo csv"
)
_DICTATES = re.compile(
    r"\b(?:set|change|switch|turn|raise|lower|increase|reduce|mark|update|move|shift"
    r"|reschedule|postpone|extend)\b[^.;:!?\n]{1,120}?"
    r" (?:to|as) (?:thing|[\w$€£+.,-]*\w[+%]?)(?=$|[.;:!?\n,]| (?:in|on|for|and|from|at)\b)",
    re.IGNORECASE,
)
_CLOCK = re.compile(r"(?<![\d:.])([01]?\d|2[0-3])(?::([0-5]\d))?(?: ?([ap])\.?m\b)?", re.IGNORECASE)
_SPAN = re.compile(
    r"\b(\d+|one|two|three|four|five|six|half an?|an?)[ -]?(?:(hour)|(minute|min)|(day)|(week))",
    re.IGNORECASE,
)
_NUMBERS = {"a": 1, "an": 1, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6}
_NUMBER = re.compile(
    r"(?<![\w.,-])[$€£]?(\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d{1,15}(?:\.\d+)?)(?![\w-])"
)
_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_DAY = re.compile(r"\b(\d{4})-(\d{2})-(\d{2})\b")
_NAMED_DAY = re.compile(
    r"\b([a-z]{3})[a-z]*\.? (\d{1,2})(?:st|nd|rd|th)?,? (\d{4})\b"
    r"|\b(\d{1,2})(?:st|nd|rd|th|\.)? (?:of )?([a-z]{3})[a-z]*\.?,? (\d{4})\b",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Grant:
    """A person's words, read once. `own` are the person's own addresses.

    `dictates` says that they give a value themselves: "set its status to confirmed".
    """

    raw: str = ""
    text: str = " "
    numbers: frozenset[float] = frozenset()
    addresses: frozenset[str] = frozenset()
    own: frozenset[str] = frozenset()
    subject: Subject = field(default_factory=lambda: Subject(frozenset(), frozenset()))
    names: frozenset[str] = frozenset()
    heads: frozenset[str] = frozenset()
    kinds: frozenset[Kind] = frozenset()
    refused: frozenset[str] = frozenset()
    refused_kinds: frozenset[Kind] = frozenset()
    days: frozenset[date] = frozenset()
    times: frozenset[int] = frozenset()
    dictates: bool = False

    @classmethod
    def of(cls, texts: Sequence[str], own: str = "") -> "Grant":
        """Read everything the person said; `own` is a text with their own addresses in it."""
        whole = "\n".join(texts)
        heads, refused, all_refused = _verbs(whole)
        days = _days(whole)
        return cls(
            whole,
            words.spaced(whole),
            frozenset(float(one.replace(",", "")) for one in _NUMBER.findall(whole)),
            words.addresses(whole),
            words.addresses(own),
            Subject.of(whole),
            _names(whole),
            heads,
            frozenset(kind for verb in heads for kind in asked_kinds(verb)),
            refused,
            all_refused,
            days,
            _times(whole),
            _DICTATES.search(_QUOTED.sub(" thing ", whole).replace("  ", " ")) is not None,
        )

    def says(self, value: str) -> bool:
        """Whether the words hold this value, whole and as it stands."""
        sought = words.spaced(value)
        if not sought.strip() or words.hides(value) or sought not in self.text:
            return False
        if not re.search(r"(?:^|\s)[./~\\$-]", value):
            return True
        exact = re.escape(words.plain(value.strip()))  # ".profile" is no "profile"
        return bool(re.search(rf"(?:^|[\s\"'`]){exact}(?:$|[\s\"'`,;.])", words.plain(self.raw)))

    def commands(self, value: str) -> bool:
        """Whether the words hold exactly this, letter by letter, and end it where it ends."""
        told = re.escape(value.strip())
        before, after = r"(?:^|[\"'`\n]|: |\b[Rr]un |\b[Ee]xecute )", r"(?:$|[\"'`\n]|\.(?:$|\s))"
        return bool(value.strip()) and bool(re.search(f"{before}{told}{after}", self.raw))

    def names_number(self, value: str, about: frozenset[str]) -> bool:
        """Whether a bare number is called by what it numbers: "event 24", "#24", "id 24"."""
        number = re.escape(words.plain(value).strip())
        found = re.findall(rf"([\w.]+|#)[ \"'#]{{1,3}}{number} ", f"{self.text}")
        known = about | {"id", "ids", "no", "nr", "number", "#"}
        return any(words.stem(word) in known for word in found) or f" #{number} " in self.text

    def reaches(self, value: str) -> bool:
        """Whether a value is addresses the person wrote, or their own, and nothing besides."""
        found = words.addresses(value)
        return (
            bool(found)
            and found <= self.addresses | self.own
            and words.only_addresses(value, found)
        )

    def moment(self, value: str) -> bool:
        """Whether a date, or date and time, follows from the words: "at 12 for one hour"."""
        found = _moment(value)
        if found is None or found.date() not in self.days:
            return False
        midnight = found.hour == found.minute == 0
        return (midnight or found.hour * 60 + found.minute in self.times) and found.second == 0

    def contradicts(self, value: str) -> bool:
        """Whether a date, or date and time, is another than the words name; false if none is."""
        found = _moment(value)
        if found is None:
            return False
        minute = found.hour * 60 + found.minute
        return bool(self.days and found.date() not in self.days) or bool(
            self.times and minute and minute not in self.times
        )

    @staticmethod
    def is_moment(value: str) -> bool:
        """Whether this is a date, or date and time, as programs write it."""
        return _moment(value) is not None

    def covers(self, text: str, kind: frozenset[str]) -> bool:
        """Whether every telling word of a text is one of theirs, and one tells more than `kind`."""
        told = set(words.telling(words.stems(text)))
        return told <= self.subject.stems | kind and bool(told & self.subject.stems - kind)

    def about(self, subject: Subject) -> bool:
        """Whether this is called what the words call something."""
        return bool(self.subject.pairs & subject.pairs) or bool(self.names & subject.stems)

    def touches(self, subject: Subject, kind: frozenset[str]) -> bool:
        """Whether this has one telling word with the person's words in common.

        Words for the `kind` of thing tell nothing: every file has "file" to do with a file.
        """
        return bool((self.subject.stems & subject.stems) - kind)


def _moment(value: str) -> datetime | None:
    try:
        return datetime.fromisoformat(value.strip())
    except ValueError:
        return None


def _names(text: str) -> frozenset[str]:
    """Words that name by themselves: quoted, with a digit, capitalised inside a sentence."""
    found: set[str] = set()
    for quoted in _QUOTED.findall(text):
        inside = words.telling(words.stems(quoted))
        found |= set(inside) if len(inside) == 1 else set()
    if not _NOUNS_ARE_CAPITALS.search(text):
        for match in re.finditer(r"(?<=[a-z,] )[A-Z][\w-]{2,}", text):
            found |= set(words.telling(words.stems(match[0])))
    for token in words.tokens(text):
        if any(c.isdigit() for c in token) and len(token) > 3 and not re.search(r"\d{4}-\d", token):
            parts = words.stems(token)
            found |= {one for one in parts if len(one) > 3 and any(c.isdigit() for c in one)}
    return frozenset(found)


def _verbs(text: str) -> tuple[frozenset[str], frozenset[str], frozenset[Kind]]:
    """Verbs that are asked for, verbs that are refused, and kinds refused altogether."""
    text = _NO_VERB.sub(" , ", _FORGET.sub(" , ", _QUOTED.sub(" thing ", text)))
    pieces = [piece.casefold().replace("\u2019", "'") for piece in _PIECE.findall(text)]
    asked: set[str] = set()
    refused: set[str] = set()
    kinds: set[Kind] = set()
    for at, piece in enumerate(pieces):
        if not piece[0].isalpha() or not _can_be_verb(pieces, at):
            continue
        verb = base(piece)
        if not _negated(pieces, at):
            asked.add(verb)
            if verb in _GATHERS and _goes_somewhere_new(_clause(pieces, at + 1)):
                asked.add("create")
            continue
        refused.add(verb)
        if _ANYTHING & set(_clause(pieces, at + 1)):
            kinds |= asked_kinds(verb)
            if verb in _EVERY_KIND:
                kinds |= _ALL_KINDS
    for verb, negated, anything in _foreign(pieces):
        (refused if negated else asked).add(verb)
        if negated and anything:
            kinds |= _ALL_KINDS if verb in _EVERY_KIND else asked_kinds(verb)
    return frozenset(asked - refused), frozenset(refused), frozenset(kinds)


def _goes_somewhere_new(clause: list[str]) -> bool:
    """Whether this says into what new thing: "the orders in a note", "them as a short table"."""
    for at, piece in enumerate(clause[:-2]):
        if piece in ("in", "into", "as") and clause[at + 1] in ("a", "an"):
            return bool(_NEW_PLACES & set(clause[at + 2 : at + 5]))
    return False


def _foreign(pieces: list[str]) -> Iterator[tuple[str, bool, bool]]:
    """The verbs of other languages, sentence by sentence."""
    start = 0
    while start < len(pieces):
        clause = _clause(pieces, start)
        yield from tongues.asked(clause)
        start += len(clause) + 1


def _can_be_verb(pieces: list[str], at: int) -> bool:
    back = at - 1
    while back >= 0 and pieces[back].endswith("ly"):
        back -= 1
    if back < 0:
        return True
    before = pieces[back]
    mark = not before[0].isalnum() and before not in "'-/@_#"
    return mark or before in _OPENS or _is_negator(pieces, back)


def _is_negator(pieces: list[str], at: int) -> bool:
    word = pieces[at]
    instead = word in ("of", "than") and at > 0 and pieces[at - 1] in ("instead", "rather")
    return word in _NEGATORS or word.endswith("n't") or instead


def _negated(pieces: list[str], at: int) -> bool:
    """Whether a negation stands before this verb in its clause."""
    for back in range(at - 1, -1, -1):
        if pieces[back] in _BREAKS:
            return False
        if _is_negator(pieces, back):
            forbids = pieces[back] != "not" or (
                back > 0 and pieces[back - 1] in ("do", "must", "should", "may", "and", "or")
            )
            between = pieces[back + 1 : at]
            return "," not in between or (forbids and pieces[at - 1] in (",", "or", "and"))
    return False


def _clause(pieces: list[str], start: int) -> list[str]:
    end = start
    while end < len(pieces) and pieces[end] not in _BREAKS:
        end += 1
    return pieces[start:end]


def _days(text: str) -> frozenset[date]:
    found: set[date] = set()
    for year, month, day in _DAY.findall(text):
        found |= _date(int(year), int(month), int(day))
    for one in _NAMED_DAY.findall(text):
        month, day, year = one[:3] if one[0] else (one[4], one[3], one[5])
        if month.casefold() in _MONTHS:
            found |= _date(int(year), _MONTHS.index(month.casefold()) + 1, int(day))
    return frozenset(found)


def _date(year: int, month: int, day: int) -> set[date]:
    try:
        return {date(year, month, day)}
    except ValueError:
        return set()


def _times(text: str) -> frozenset[int]:
    """Minutes of the day that the words name, and those a named span later."""
    named: set[int] = set()
    for hour, minute, half in _CLOCK.findall(text):
        if not (minute or half):
            continue
        hours = int(hour) % 12 + (12 if half.casefold() == "p" else 0) if half else int(hour)
        named.add(hours * 60 + int(minute or 0))
    spans: set[timedelta] = set()
    for count, hour, minute, day, week in _SPAN.findall(text):
        if day or week:
            continue
        low = count.casefold()
        number = 0.5 if low.startswith("half") else float(_NUMBERS.get(low, 0) or 0)
        number = number or (float(low) if low.isdigit() and len(low) < 4 else 0)
        spans.add(timedelta(hours=number) if hour else timedelta(minutes=number if minute else 0))
    later = {start + round(span.total_seconds() / 60) for start in named for span in spans}
    return frozenset(named | {one % 1440 for one in later})
