"""Gmail's query language: text to a small tree, which a mailbox answers in its own way.

    from:ann newer_than:7d {has:attachment subject:invoice} -in:trash "pay now"

Understood are from to cc bcc subject filename label in is has before after older newer older_than
newer_than larger smaller rfc822msgid, `-` and NOT, OR (which binds closer than a space, as in
Gmail), AND, parentheses, braces and quotes. Days are UTC. Like Gmail, a query leaves out the trash
and spam unless it names them. Whatever is open at the end is closed, and an operator without a
value says nothing.
"""

import difflib
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from m2agent.errors import ToolFailed
from m2agent_connectors.mail.clean import one_line

Field = Literal["any", "from", "to", "cc", "bcc", "subject", "filename"]


@dataclass(frozen=True)
class And:
    """All of them; of none, every mail."""

    parts: tuple["Node", ...]


@dataclass(frozen=True)
class Or:
    parts: tuple["Node", ...]


@dataclass(frozen=True)
class Not:
    part: "Node"


@dataclass(frozen=True)
class Text:
    """Words that follow each other in a field; "any" is all fields and the body."""

    field: Field
    text: str


@dataclass(frozen=True)
class Label:
    """A label, in the form that `label_key` gives its name."""

    key: str


@dataclass(frozen=True)
class HasAttachment:
    pass


@dataclass(frozen=True)
class Since:
    """Dated at this second since 1970 or later."""

    seconds: float


@dataclass(frozen=True)
class Until:
    """Dated before this second since 1970."""

    seconds: float


@dataclass(frozen=True)
class Larger:
    size: int


@dataclass(frozen=True)
class Smaller:
    size: int


@dataclass(frozen=True)
class MessageId:
    """With this Message-ID, without brackets."""

    id: str


Node = And | Or | Not | Text | Label | HasAttachment | Since | Until | Larger | Smaller | MessageId

EVERYTHING = And(())

_LONGEST = 1_000
_DEEPEST = 20
_TEXTS: dict[str, Field] = {
    "from": "from",
    "to": "to",
    "cc": "cc",
    "bcc": "bcc",
    "subject": "subject",
    "filename": "filename",
}
_OPERATORS = [
    *_TEXTS,
    *("label", "in", "is", "has", "before", "after", "older", "newer", "older_than", "newer_than"),
    *("larger", "smaller", "rfc822msgid"),
]
_OPERATOR = re.compile(r"([A-Za-z_][A-Za-z0-9_]+):(?!//)")
_WORD = re.compile(r'[^\s(){}"]+')
_PHRASE = re.compile(r'"([^"]*)"?')
_OR = re.compile(r'OR(?=[\s(){}"]|$)')
_MINUS = re.compile(r"-+(?=[^\s-])|NOT(?=\s)")
_DATE = re.compile(r"([0-9]{1,4})([/-])([0-9]{1,2})\2([0-9]{1,4})")
_AGE = re.compile(r"([0-9]{1,4})([hdwmy])", re.IGNORECASE)
_SIZE = re.compile(r"([0-9]{1,12})([km]?)b?", re.IGNORECASE)
_IS = ("unread", "read", "starred", "important")


def label_key(name: str) -> str:
    """The form in which two names of one label are the same: "My Project" and my-project."""
    key = re.sub(r"[\s/]+", "-", name.strip().lower())
    return {"drafts": "draft", "bin": "trash", "junk": "spam"}.get(key, key)


def parse(text: str, *, now: float, me: str = "", anywhere: bool = False) -> Node:
    """The tree of a query; `now` is seconds since 1970, `me` the address that "me" stands for.

    With `anywhere` the trash and spam are not left out. Raises ToolFailed, in words for the model,
    for an unknown operator or a value that an operator cannot have.
    """
    if len(text) > _LONGEST:
        raise ToolFailed(f"A query can have at most {_LONGEST:,} characters. Ask in parts.")
    reader = _Reader(text, now, me)
    wanted = reader.sequence("")
    if anywhere or reader.anywhere:
        return wanted
    left_out = [Not(Label(key)) for key in ("trash", "spam") if key not in reader.labels]
    return And((wanted, *left_out)) if left_out else wanted


class _Reader:
    """Reads one query from left to right."""

    def __init__(self, text: str, now: float, me: str) -> None:
        self.anywhere = False
        self.labels: set[str] = set()
        self._text = text
        self._at = 0
        self._now = now
        self._me = me
        self._operator = ""
        self._depth = 0

    def sequence(self, closer: str) -> Node:
        """Everything up to the closer: all of it, or in braces any of it."""
        parts: list[Node] = []
        while not self._ends(closer, "AND", "OR"):
            if (part := self._alternatives(closer)) is not None:
                parts.append(part)
        self._at += 1
        if len(parts) == 1:
            return parts[0]
        return Or(tuple(parts)) if closer == "}" and parts else And(tuple(parts))

    def _ends(self, closer: str, *ignored: str) -> bool:
        """Skip what means nothing, those words among it; whether the sequence is over."""
        while self._at < len(self._text):
            char = self._text[self._at]
            if closer and char == closer:
                return True
            word = _WORD.match(self._text, self._at)
            if (word and word.group() not in ignored) or char in '({"':
                return False
            self._at = word.end() if word else self._at + 1
        return True

    def _alternatives(self, closer: str) -> Node | None:
        """One term, or several with OR between them."""
        parts = [self._term()]
        while not self._ends(closer) and (word := _OR.match(self._text, self._at)):
            self._at = word.end()
            if not self._ends(closer, "AND", "OR"):
                parts.append(self._term())
        found = [part for part in parts if part is not None]
        return Or(tuple(found)) if len(found) > 1 else found[0] if found else None

    def _term(self) -> Node | None:
        negative = False
        while match := _MINUS.match(self._text, self._at):
            negative = not negative
            self._at = match.end()
            while self._at < len(self._text) and self._text[self._at].isspace():
                self._at += 1
        part = self._positive()
        return Not(part) if negative and part not in (None, EVERYTHING) else part

    def _positive(self) -> Node | None:
        if group := self._group():
            return group
        if (phrase := self._phrase()) is not None:
            return self._leaf(self._operator, phrase)
        if match := _OPERATOR.match(self._text, self._at):
            name = match.group(1).lower()
            if name in _OPERATORS:
                self._at = match.end()
                return self._value(name)
            if match.end() < len(self._text) and not self._text[match.end()].isspace():
                raise ToolFailed(_unknown(name))
        match = _WORD.match(self._text, self._at)
        self._at = match.end() if match else self._at + 1
        return self._leaf(self._operator, match.group() if match else "")

    def _value(self, operator: str) -> Node | None:
        """What follows an operator's colon: a group, a phrase or a word."""
        while self._at < len(self._text) and self._text[self._at].isspace():
            self._at += 1
        outer, self._operator = self._operator, operator
        try:
            if group := self._group():
                return group
            if (phrase := self._phrase()) is not None:
                return self._leaf(operator, phrase)
            word = _WORD.match(self._text, self._at)
            if word is None or _OPERATOR.match(self._text, self._at):
                return None
            self._at = word.end()
            return self._leaf(operator, word.group())
        finally:
            self._operator = outer

    def _group(self) -> Node | None:
        if self._text[self._at : self._at + 1] not in ("(", "{"):
            return None
        closer = ")" if self._text[self._at] == "(" else "}"
        self._depth += 1
        if self._depth > _DEEPEST:
            raise ToolFailed("The query is nested too deeply. Write it with fewer parentheses.")
        self._at += 1
        group = self.sequence(closer)
        self._depth -= 1
        return group

    def _phrase(self) -> str | None:
        match = _PHRASE.match(self._text, self._at)
        if match is None:
            return None
        self._at = match.end()
        return match.group(1)

    def _leaf(self, operator: str, value: str) -> Node | None:
        value = value.strip()
        if not any(map(str.isalnum, value)):
            return None
        match operator:
            case "label" | "in":
                return self._label(value)
            case "is":
                return self._is(value)
            case "has":
                if value.lower() in ("attachment", "attachments"):
                    return HasAttachment()
                raise ToolFailed(
                    f"{operator}:{one_line(value, 40)} cannot be asked. Use has:attachment."
                )
            case "after" | "newer":
                return Since(_day(operator, value))
            case "before" | "older":
                return Until(_day(operator, value))
            case "newer_than":
                return Since(_ago(operator, value, self._now))
            case "older_than":
                return Until(_ago(operator, value, self._now))
            case "larger":
                return Larger(_bytes(operator, value))
            case "smaller":
                return Smaller(_bytes(operator, value))
            case "rfc822msgid":
                return MessageId(value.strip("<>"))
            case "from" | "to" | "cc" | "bcc" if value.lower() == "me" and self._me:
                return Text(_TEXTS[operator], self._me)
            case _:
                return Text(_TEXTS.get(operator, "any"), value)

    def _label(self, value: str) -> Node:
        key = label_key(value)
        if key in ("anywhere", "all"):
            self.anywhere = True
            return EVERYTHING
        self.labels.add(key)
        return Not(Label("unread")) if key == "read" else Label(key)

    def _is(self, value: str) -> Node:
        if value.lower() not in _IS:
            raise ToolFailed(
                f"is:{one_line(value, 40)} cannot be asked. Use is:{', is:'.join(_IS)}."
            )
        return Not(Label("unread")) if value.lower() == "read" else Label(value.lower())


def _unknown(name: str) -> str:
    near = difflib.get_close_matches(name, _OPERATORS, n=1, cutoff=0.7)
    hint = f" Did you mean {near[0]}:?" if near else ""
    return (
        f"There is no search operator {name}:.{hint} There are: {', '.join(_OPERATORS)}. "
        "To search for the text itself, put it in quotes."
    )


def _day(operator: str, value: str) -> float:
    """Midnight of a day written as in Gmail, or seconds since 1970."""
    if re.fullmatch(r"[0-9]{6,11}", value):
        return float(value)
    if match := _DATE.fullmatch(value):
        a, b, c = (int(match.group(n)) for n in (1, 3, 4))
        for year, month, day in ((a, b, c), (c, a, b), (c, b, a)):
            try:
                year += 2000 if 0 < year < 100 else 0
                return datetime(year, month, day, tzinfo=UTC).timestamp()
            except ValueError:
                continue
    raise ToolFailed(f"{operator}:{one_line(value, 40)} is no day. Write {operator}:2026/11/21.")


def _ago(operator: str, value: str, now: float) -> float:
    match = _AGE.fullmatch(value)
    if match is None:
        raise ToolFailed(
            f"{operator}:{one_line(value, 40)} is no length of time. "
            f"Write {operator}:7d, or with h, w, m or y for hours, weeks, months or years."
        )
    count, unit = int(match.group(1)), match.group(2).lower()
    if unit in "my":
        return _months_before(now, count * (12 if unit == "y" else 1))
    return now - count * {"h": 3_600, "d": 86_400, "w": 604_800}[unit]


def _months_before(now: float, count: int) -> float:
    then = datetime.fromtimestamp(now, UTC)
    months = then.year * 12 + then.month - 1 - count
    if months < 1970 * 12:
        return 0.0
    first = then.replace(year=months // 12, month=months % 12 + 1, day=1)
    last_day = ((first + timedelta(days=31)).replace(day=1) - timedelta(days=1)).day
    return first.replace(day=min(then.day, last_day)).timestamp()


def _bytes(operator: str, value: str) -> int:
    match = _SIZE.fullmatch(value)
    if match is None:
        raise ToolFailed(
            f"{operator}:{one_line(value, 40)} is no size. Write {operator}:5M or 200K."
        )
    return int(match.group(1)) * {"": 1, "k": 1_000, "m": 1_000_000}[match.group(2).lower()]
