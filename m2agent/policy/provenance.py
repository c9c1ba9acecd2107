"""Where every value was first seen: in the person's words, in their records, or elsewhere.

An index that follows a run's events one by one, so that a decision costs a few look-ups however
long the run is. What an outsider wrote stays an outsider's when it turns up again in a file, a
command's output, a sub-agent's report or a note that this run wrote.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import msgspec

from m2agent.events import (
    Asked,
    Began,
    Called,
    Decided,
    Edited,
    Event,
    Origin,
    Reported,
    Returned,
    Started,
    ToolSpec,
    Trust,
)
from m2agent.policy import words
from m2agent.policy.grant import Grant
from m2agent.policy.lookalike import looks_like, shape
from m2agent.policy.verbs import name_words
from m2agent.policy.words import Subject

_HEAD = 240  # characters of a record that say what it is; a body may say anything
_FIELD = 120
_ID_KEYS = words.listed("id ids key uid uuid path slug sku")
_FREE_TEXT = words.listed(
    "description notes note comment comments memo body text message review reviews bio remark"
    " remarks log reason content"
)
_NAME_KEY = re.compile(r"^(?:name|filename|title)_?$")
_ID_TEXT = re.compile(r"\bid_?[\"']?\s*[:=]\s*[\"']?([^\s\"',;)\]}]{1,80})", re.IGNORECASE)
_FIRST = 60
_LISTS = words.listed("list search find query lookup")
_BULLET = re.compile(r"^\s*(?:[-*\u2022]\s+)?")
_CELLS = re.compile(r"\s*[|\t]\s*")
_MOST_ITEMS = 400  # of one result


@dataclass(frozen=True)
class Seen:
    """Whose words a value was first found in, and a name for where that was."""

    trust: Trust
    source: str


@dataclass(frozen=True)
class Listed:
    """A thing that a read gave under an id of its own.

    `asked` says that the person's words, or the model before it had read anything of an
    outsider's, asked for that list.
    """

    trust: Trust
    source: str
    subject: Subject
    asked: bool


class Provenance:
    """All that a decision looks up about one run. `follow` keeps it up to date.

    `child` reads the history of a sub-agent: what it saw and made, its run has seen and made.
    """

    def __init__(self, child: Callable[[str], Sequence[Event]] = lambda run: ()) -> None:
        self._child = child
        self.grant = Grant()
        self.outside: Seen | None = None
        self.own_ids: set[str] = set()
        self._tools: dict[str, ToolSpec] = {}
        self._identity = ""
        self._asked: list[str] = []
        self._calls: dict[str, tuple[Called, bool]] = {}
        self._effects: set[str] = set()
        self._started: set[str] = set()
        self._first: dict[str, Seen] = {}
        self._listed: dict[str, list[Listed]] = {}
        self._own_records: dict[str, list[Subject]] = {}
        self._shapes: dict[str, str] = {}
        self._writers: set[str] = set()
        self._rewritten: set[str] = set()
        self._events = 0

    def follow(self, history: Sequence[Event]) -> None:
        """Take in the events that came since the last time."""
        for event in history[self._events :]:
            self.take(event)
        self._events = len(history)

    def take_over(self, history: Sequence[Event]) -> None:
        """Know what another run of this task knows: a sub-agent its parent's, and back."""
        own = self._calls, self._effects, self._started
        self._calls, self._effects, self._started = {}, set(), set()
        for event in history:
            self.take(event)
        self._calls, self._effects, self._started = own

    def take(self, event: Event) -> None:
        match event:
            case Began(system=system, tools=tools):
                self._identity = system
                self._tools = {tool.name: tool for tool in tools}
                self.grant = Grant.of(self._asked, system)
            case Asked(by=by) if by:
                pass  # a model's words, which may have come from anywhere
            case Asked(text):
                self._asked.append(text)
                self.grant = Grant.of(self._asked, self._identity)
            case Called(id=id):
                asked_for = self.outside is None or self._is_asked_for(event.arguments)
                self._calls[id] = (event, asked_for)
            case Edited(id=id, arguments=arguments):
                called, asked_for = self._calls[id]
                changed = msgspec.structs.replace(called, arguments=arguments)
                self._calls[id] = changed, asked_for
            case Decided(id=id, effect=effect):
                (self._effects.discard if effect == "read" else self._effects.add)(id)
            case Started(id=id):
                self._started.add(id)
            case Returned():
                self._take_result(event)
            case Reported(child=child, text=text):
                self._take_report(child, text)
            case _:
                pass

    def _take_report(self, child: str, text: str) -> None:
        history = self._child(child)
        self.take_over(history)
        whose: Trust = "own" if history and self.outside is None else "outside"
        self._take_span(text, Seen(whose, f"the report of sub-agent {child}"))

    def tool(self, name: str) -> ToolSpec:
        """What is known of a tool; one that nobody described has only its name."""
        return self._tools.get(name) or ToolSpec(name, "", {})

    def seen(self, value: str) -> Seen | None:
        """Where a value, or the first address in it that is not the person's, was first seen."""
        for one in sorted(words.addresses(value)):
            if one not in self.grant.addresses and one not in self.grant.own:
                return self._first.get(one)
        if self.grant.says(value):
            return Seen("person", "your words")
        return self._first.get(words.spaced(value)) or self._first_of_tokens(value)

    def listed(self, value: str) -> Sequence[Listed]:
        """The things that go by this id."""
        return self._listed.get(words.spaced(value), ())

    def in_own_record(self, value: str) -> bool:
        """Whether all addresses in a value stand in records of the person's that they named."""
        found = words.addresses(value)
        theirs = found - self.grant.addresses - self.grant.own
        return (
            bool(theirs)
            and words.only_addresses(value, found)
            and all(
                any(self.grant.about(subject) for subject in self._own_records.get(one, ()))
                for one in theirs
            )
        )

    def taken_for(self, address: str) -> str:
        """The address of the person's words or records that this other one looks like, or ""."""
        like = looks_like(address, self.grant.addresses | self.grant.own)
        record = self._shapes.get(shape(address), "") if "@" in address else ""
        return like or (record if record != address else "")

    def is_author(self, value: str) -> bool:
        """Whether all addresses in a value wrote mails that the person's words asked for."""
        found = words.addresses(value)
        return bool(found) and words.only_addresses(value, found) and found <= self._writers

    def _first_of_tokens(self, value: str) -> Seen | None:
        places = [self._first[token] for token in words.tokens(value) if token in self._first]
        outside = [place for place in places if place.trust == "outside"]
        return next(iter(outside or places), None)

    def _is_asked_for(self, arguments: Mapping[str, Any]) -> bool:
        """Whether every telling word of a search is one of the person's."""
        told = [one for leaf in texts(arguments) for one in words.telling(words.stems(leaf))]
        return set(told) <= self.grant.subject.stems | {
            one for leaf in told for one in (leaf,) if leaf.isdigit() and self.grant.says(leaf)
        }

    def _take_result(self, returned: Returned) -> None:
        called, asked_for = self._calls.get(returned.id, (Called(returned.id, "a tool"), False))
        effect = returned.id in self._effects
        if effect and returned.ok:
            self._take_own_effect(called, returned)
        if not returned.ok and returned.id not in self._started:
            return  # the harness's words, or the person's: nothing outside was touched
        unknown = [Origin("outside", f"what {called.tool} answered")]
        spans = _within(returned.origin or unknown, returned.text)
        for seen, text in spans:
            self._take_span(text, seen, asked_for and not effect)
        if not effect:
            self._take_listing(called.tool, returned, spans, asked_for)

    def _take_own_effect(self, called: Called, returned: Returned) -> None:
        """Remember what this run made, and that what it wrote may be an outsider's text."""
        ids = {receipt.id for receipt in returned.receipts}
        if (data := _mapping(returned.data)) is not None:
            ids |= set(_ids(data))
        elif match := _ID_TEXT.search(returned.text[:_HEAD]):
            ids |= {match[1]} if words.spaced(match[1]) not in self._first else set()
        made = {words.spaced(one) for one in ids if words.spaced(one).strip()}
        self.own_ids |= made
        if self.outside is None:
            return
        self._rewritten |= made
        seen = Seen("outside", f"step {called.id}, which wrote it after {self.outside.source}")
        for text in texts(called.arguments):
            for one in (*words.addresses(text), *words.tokens(text)):
                if not self.grant.says(one) and one not in self.grant.addresses:
                    self._first.setdefault(one, seen)

    def _take_span(self, text: str, seen: Seen, asked_for: bool = False) -> None:
        if not text.strip():
            return
        if seen.trust == "own" and self._was_rewritten(f"{seen.source}\n{text[:_HEAD]}"):
            seen = Seen("outside", f"{seen.source}, which this run wrote")
        if seen.trust == "outside":
            self.outside = self.outside or seen
            if asked_for:
                self._writers |= words.addresses(seen.source)
        for one in (*words.addresses(text), *words.addresses(seen.source), *words.tokens(text)):
            self._first.setdefault(one, seen)
        if seen.trust == "own":
            self._take_own_text(text)

    def _take_own_text(self, text: str) -> None:
        """Know the addresses in the person's records by what stands beside them."""
        for line in text.splitlines():
            for one in words.addresses(line):
                if self._first[one].trust == "own":
                    self._own_records.setdefault(one, []).append(Subject.of(line))
                    self._shapes.setdefault(shape(one), one)
        whole = words.addresses(text)
        if len(whole) == 1 and self._first[one := next(iter(whole))].trust == "own":
            self._own_records.setdefault(one, []).append(Subject.of(text[:_HEAD]))

    def _was_rewritten(self, text: str) -> bool:
        spaced = words.spaced(text)
        return any(one in spaced for one in self._rewritten)

    def _take_listing(
        self, tool: str, returned: Returned, spans: Sequence[tuple[Seen, str]], asked_for: bool
    ) -> None:
        """Find the things that a read listed, each with its id and what it is called."""
        heads = [(seen, words.spaced(text[:_FIELD])) for seen, text in spans]
        lists = bool(_LISTS & set(name_words(tool)))
        for ids, about in _items(returned, spans, lists):
            seen = _whose(ids, heads)
            listed = Listed(seen.trust, seen.source, Subject.of(about), asked_for)
            for id in ids:
                known = self._listed.setdefault(words.spaced(id), [])
                if listed not in known[-3:]:
                    known.append(listed)


def texts(value: Any, depth: int = 0) -> Iterator[str]:
    """Every text and number in arguments or data, as text."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, bool) or value is None or depth > 20:
        return
    elif isinstance(value, Mapping):
        for key, one in cast(Mapping[str, Any], value).items():
            if depth:
                yield str(key)
            yield from texts(one, depth + 1)
    elif isinstance(value, list | tuple):
        for one in cast(Sequence[Any], value):
            yield from texts(one, depth + 1)
    else:
        yield str(value)


def _within(origins: Sequence[Origin], text: str) -> list[tuple[Seen, str]]:
    """The stretches of a text with whose they are; what no origin covers is an outsider's."""
    spans: list[tuple[Seen, str]] = []
    at = 0
    source = origins[0].source
    for origin in sorted(origins, key=lambda one: (one.start, one.trust != "outside")):
        start = max(origin.start, at)
        if text[at:start].strip():
            spans.append((Seen("outside", source), text[at:start]))
        end = len(text) if origin.end is None else min(origin.end, len(text))
        if end > start:
            spans.append((Seen(origin.trust, origin.source), text[start:end]))
        at = max(at, start, end)
    if text[at:].strip():
        spans.append((Seen("outside", source), text[at:]))
    return spans


def _items(
    returned: Returned, spans: Sequence[tuple[Seen, str]], lists: bool
) -> Iterator[tuple[list[str], str]]:
    """What a result lists: ids, and a short text that says what goes by them.

    A program's data is best. Without it each stretch is a thing of its own, whose id comes first.
    Where one stretch is all there is, an id counts only if it is the only one and comes first: a
    second one may have been written into the text of the first thing. A tool that `lists` may do
    so line by line, if all lines are alike.
    """
    data = _data(returned)
    if isinstance(data, list) and lists:
        for one in cast(list[Any], data)[:_MOST_ITEMS]:
            if isinstance(one, str) and one.strip() and len(one) <= _FIRST:
                yield [one], one
    if data is not None:
        for one in list(_mappings(data))[:_MOST_ITEMS]:
            ids = _ids(one)
            if ids:
                yield ids, " | ".join(_called(one))
        return
    if lists and len(spans) == 1 and spans[0][0].trust == "outside":
        yield from _lines(returned.text)
    found = [match[1] for match in _ID_TEXT.finditer(returned.text)]
    for seen, text in spans[:_MOST_ITEMS]:
        if seen.trust == "own":
            for line in text.splitlines()[:_MOST_ITEMS]:
                yield [_CELLS.split(line)[0], *line.split(maxsplit=1)[:1]], line[:_HEAD]
        if (head := _ID_TEXT.search(text[:_FIRST])) and (len(spans) > 1 or len(found) == 1):
            yield [head[1]], text[:_HEAD]
        elif (first := text.split(maxsplit=1)[:1]) and (len(spans) > 1 or first[0] in seen.source):
            yield first, text[:_HEAD]


def _lines(text: str) -> Iterator[tuple[list[str], str]]:
    """The things of a plain list: every line begins with an id of its own, and all are alike.

    A line that an outsider smuggled in beside a text of theirs does not make that text a list.
    """
    lines = [_BULLET.sub("", line) for line in text.splitlines() if line.strip()][:_MOST_ITEMS]
    firsts = [line.split(maxsplit=1)[0].strip(":|,#") for line in lines if line.strip()]
    shapes = {re.sub(r"[a-z]+", "a", re.sub(r"\d+", "9", one.casefold())) for one in firsts}
    if (
        len(firsts) > 1
        and len(set(firsts)) == len(firsts)
        and len(shapes) == 1
        and "9" in "".join(shapes)
    ):
        for id, line in zip(firsts, lines, strict=True):
            yield [id], line[:_HEAD]


def _mapping(value: Any) -> Mapping[str, Any] | None:
    return cast(Mapping[str, Any], value) if isinstance(value, Mapping) else None


def _ids(data: Mapping[str, Any]) -> list[str]:
    return [str(v) for k, v in data.items() if _is_id(str(k)) and _plain(v)]


def _called(data: Mapping[str, Any]) -> list[str]:
    """What a thing is called: its short fields, but for those in which anybody may say anything.

    Where it has no others than these, they count.
    """
    short = {str(k): str(v) for k, v in data.items() if _plain(v) and len(str(v)) <= _FIELD}
    firm = [value for key, value in short.items() if not _FREE_TEXT & set(name_words(key)[-1:])]
    return firm if len(firm) > len(_ids(data)) else list(short.values())


def _is_id(key: str) -> bool:
    """Whether what stands under this key is called by it: "taskId", "page_id", "title"."""
    return bool(_NAME_KEY.search(key)) or bool(_ID_KEYS & set(name_words(key)[-1:]))


def _whose(ids: Sequence[str], heads: Sequence[tuple[Seen, str]]) -> Seen:
    """The stretch that begins with an id, else the one least to be trusted."""
    sought = [words.spaced(one) for one in ids]
    for seen, head in heads:
        if any(one in head for one in sought):
            return seen
    outside = [seen for seen, _ in heads if seen.trust == "outside"]
    return next(iter([*outside, *(seen for seen, _ in heads)]), Seen("outside", "a result"))


def _mappings(data: Any, depth: int = 0) -> Iterator[Mapping[str, Any]]:
    if depth > 8:
        return
    if isinstance(data, Mapping):
        mapping = cast(Mapping[str, Any], data)
        yield mapping
        for one in mapping.values():
            yield from _mappings(one, depth + 1)
    elif isinstance(data, list):
        for one in cast(list[Any], data)[:_MOST_ITEMS]:
            yield from _mappings(one, depth + 1)


def _data(returned: Returned) -> Any:
    """A result's data. Servers wrap in "result" what is no object; a text in there is just text."""
    data = returned.data
    if (wrapped := _mapping(data)) is not None and set(wrapped) == {"result"}:
        data = wrapped["result"]
    return _parsed(returned.text) if data is None or isinstance(data, str) else data


def _parsed(text: str) -> Any:
    if not text.lstrip().startswith(("{", "[")):
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _plain(value: Any) -> bool:
    return isinstance(value, str | int) and not isinstance(value, bool) and str(value) != ""
