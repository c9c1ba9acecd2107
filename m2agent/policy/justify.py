"""What a call's arguments are about, and whether the person's words lead there.

An argument is content (a body, a title, a time) or it is a target: everything else. What a target
names must come from the person's words, from this run's own doing, or from a record that the words
lead to. Parameters are told apart by their names and schemas alone, so that tools nobody has seen
before are judged like known ones; what is not surely content is a target.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

from m2agent.policy import words
from m2agent.policy.grant import Grant
from m2agent.policy.provenance import Listed, Provenance, texts
from m2agent.policy.rules import POWERS, Call, recipients
from m2agent.policy.verbs import Kind, name_words
from m2agent.policy.words import listed

_CONTENT = listed(
    "body text content contents description notes comment comments message summary remark remarks"
    " detail details title subject heading caption props properties fields values cells rows append"
    " edit edits location place start end date time day due deadline when duration color colour"
    " priority status stdin markdown html agenda topic"
)
_NEW_NAMES = listed("name filename path title folder file")
_COMMANDS = listed("command commands cmd script code sql shell")
_ANSWERS = listed("draft reply answer respond compose")
_IDS = listed("id ids key uid uuid ref number no account amount price total sum limit balance")
_AMOUNTS = listed("amount price total sum limit balance")
_TIMES = listed("start end date time day due deadline when duration")
_TITLES = listed("title name subject heading headline caption summary topic filename task")
_VALUE = 40  # characters


@dataclass(frozen=True)
class Leaf:
    """One value inside the arguments, with the names that lead to it."""

    names: tuple[str, ...]
    value: Any
    schema: Mapping[str, Any]

    @property
    def text(self) -> str:
        return self.value if isinstance(self.value, str) else str(self.value)

    @property
    def is_content(self) -> bool:
        return any(_last_word(name) in _CONTENT for name in self.names)

    @property
    def is_title(self) -> bool:
        return _last_word(self.names[-1]) in _TITLES

    @property
    def is_command(self) -> bool:
        return _last_word(self.names[0]) in _COMMANDS

    @property
    def is_blank(self) -> bool:
        """Whether leaving it out would mean the same."""
        return self.value in (None, "") or (
            "default" in self.schema and self.schema["default"] == self.value
        )

    @property
    def is_number(self) -> bool:
        return isinstance(self.value, int | float) and not isinstance(self.value, bool)

    @property
    def is_selector(self) -> bool:
        """Whether it is a small number that chooses within what other arguments name."""
        small = len(self.text) < 3 and self.text.isdigit()
        return (small or self.is_number) and _last_word(self.names[-1]) not in _IDS

    def is_choice(self, description: str) -> bool:
        """Whether it is one of few values that the tool itself offers, so no outsider's text."""
        if isinstance(self.value, bool) or self.value in _enum(self.schema):
            return True
        told = f"{description} {self.schema.get('description', '')}"
        return self.text.isupper() and f" {self.text} " in told.replace(".", " ").replace(",", " ")


def leaves(arguments: Mapping[str, Any], parameters: Mapping[str, Any]) -> list[Leaf]:
    """Every value in the arguments. An empty list or object holds none."""
    known = cast(Mapping[str, Mapping[str, Any]], parameters.get("properties", {}))
    return [
        leaf
        for name, value in arguments.items()
        for leaf in _leaves((name,), value, known.get(name, {}), 0)
    ]


def _leaves(
    names: tuple[str, ...], value: Any, schema: Mapping[str, Any], depth: int
) -> Iterator[Leaf]:
    if isinstance(value, Mapping) and depth < 20:
        for key, one in cast(Mapping[str, Any], value).items():
            yield from _leaves((*names, str(key)), one, {}, depth + 1)
    elif isinstance(value, list) and depth < 20:
        items = cast(Mapping[str, Any], schema.get("items", {}))
        for one in cast(list[Any], value):
            yield from _leaves(names, one, items, depth + 1)
    else:
        yield Leaf(names, value, schema)


def held(grant: Grant, leaf: Leaf, about: frozenset[str]) -> bool:
    """Whether the person's words hold this value: an address exactly, the rest word by word.

    A bare number names a thing only where the words number it: "event 24", not "for 24 hours".
    """
    text = leaf.text.strip()
    if leaf.is_command:
        return grant.commands(text)
    if words.reaches(text):
        return grant.reaches(text) or (not words.addresses(text) and grant.says(text))
    if leaf.is_number:
        return float(leaf.value) in grant.numbers
    if text.isdigit() and len(text) < 6 and not leaf.is_content:
        return grant.names_number(text, about)
    return grant.says(text) or grant.moment(text)


def unheld(grant: Grant, provenance: Provenance, call: Call) -> str | None:
    """The first value of a send that the words do not hold, told as a reason; None if all do.

    Once an outsider's text was read, that is every value. Before, it is every target, and every
    address in the content that the call points at.
    """
    fooled = provenance.outside is not None
    if call.content and fooled:
        return f"The text was composed after reading {_read(provenance)}."
    spec = provenance.tool(call.tool)
    named = False
    for leaf in leaves(call.arguments, spec.parameters):
        if leaf.is_blank:
            continue
        if held(grant, leaf, _about(call.tool, leaf)):
            named = named or not (leaf.is_content or leaf.is_number)
            if not (fooled and leaf.is_command):
                continue
            return f"What a command does depends on what {_read(provenance)} may have changed."
        if leaf.value is True and _last_word(leaf.names[0]) in POWERS:
            return f'Your words do not say that it may have "{leaf.names[0]}".'
        if not fooled and (leaf.is_content or leaf.is_choice(spec.description)):
            continue
        if not leaf.is_content and _is_own_target(grant, provenance, leaf.text, fooled):
            named = named or words.spaced(leaf.text) not in provenance.own_ids
            continue
        return _whence(provenance, leaf.text)
    for one in sorted(recipients(replace(call, arguments={}))):
        if one not in grant.addresses and one not in grant.own:
            return _whence(provenance, one)
        named = True
    return None if named else "Your words do not say to whom it may go."


def unjustified(
    grant: Grant, provenance: Provenance, call: Call, verbs: frozenset[str], kind: Kind | None
) -> str | None:
    """Why a private change goes beyond the words, once an outsider's text was read; else None.

    A target that the words lead to makes it theirs. Where there is none, as with a calendar's
    entry, it must be called by their words alone, be when they say, and lead nowhere else.
    """
    spec = provenance.tool(call.tool)
    led = False
    chosen = ""
    authors = _answered(provenance, call) if verbs & _ANSWERS else None
    contents: list[Leaf] = []
    for leaf in leaves(call.arguments, spec.parameters):
        text = leaf.text.strip()
        about = _about(call.tool, leaf)
        if leaf.is_blank:
            continue
        if leaf.is_content:
            contents.append(leaf)
            if kind != "make" and not held(grant, leaf, about):
                one = _foreign_address(grant, provenance, text)
                if one:
                    return f"{_whence(provenance, one)} It would go into a thing of yours."
                if kind == "change" and grant.dictates and _is_other_value(grant, leaf):
                    return f'Your words say what to set, and not "{_shown(text)}".'
        elif held(grant, leaf, about) and not leaf.is_number:
            led = led or _names_something(grant, text)
        elif leaf.is_number and _last_word(leaf.names[-1]) in _AMOUNTS and held(grant, leaf, about):
            continue
        elif words.hides(text):
            return f'The value "{_shown(text)}" has characters in it that cannot be seen.'
        elif leaf.is_choice(spec.description):
            continue
        elif leaf.is_selector:
            chosen = chosen or text
        elif words.reaches(text):
            answered = verbs & _ANSWERS and provenance.is_author(text)
            if authors is not None and not words.addresses(text) <= authors:
                answered = False
            if not (answered or provenance.in_own_record(text)):
                return _whence(provenance, text)
            led = True
        elif words.spaced(text) in provenance.own_ids or _leads_to(
            grant, provenance, text, kind, about
        ):
            led = True
        elif kind == "make" and _last_word(leaf.names[-1]) in _NEW_NAMES and _is_inside(text):
            if not grant.covers(_stem_of_file(text), about):
                return _whence(provenance, text)
            led = True
        else:
            return _whence(provenance, text)
    if led:
        return None
    return _whence(provenance, chosen) if chosen else _uncovered(grant, provenance, call, contents)


def _answered(provenance: Provenance, call: Call) -> frozenset[str] | None:
    """Who wrote what this answers, to whom alone it may go; None where it answers nothing."""
    found = [one for text in texts(call.arguments) for one in provenance.listed(text)]
    authors = frozenset(one for item in found for one in words.addresses(item.source))
    return authors if found else None


def _uncovered(
    grant: Grant, provenance: Provenance, call: Call, contents: Sequence[Leaf]
) -> str | None:
    """Why a change that is content alone is not just what the words say; None if it is."""
    said = [leaf for leaf in contents if isinstance(leaf.value, str) and not _is_time(leaf)]
    headlines = [leaf for leaf in said if leaf.is_title] or said
    if not headlines:
        return "Nothing in it is named by your words."
    for leaf in headlines:
        if not (grant.says(leaf.text) or grant.covers(leaf.text, _about(call.tool, leaf))):
            return _whence(provenance, leaf.text)
    for leaf in contents:
        if grant.contradicts(leaf.text):
            return f'"{_shown(leaf.text)}" is not when your words say.'
        if one := _foreign_address(grant, provenance, leaf.text):
            return _whence(provenance, one)
    return None


def _names_something(grant: Grant, text: str) -> bool:
    """Whether a value that the words hold tells which thing: "Week" does, "the last" does not."""
    named = text[:1].isupper() and text in grant.raw
    return named or text.isdigit() or bool(words.telling(words.stems(text)))


def _stem_of_file(text: str) -> str:
    head, dot, ending = text.rpartition(".")
    return head if dot and len(ending) <= 4 else text


def _is_other_value(grant: Grant, leaf: Leaf) -> bool:
    """Whether it is what something is set to, and no text of its own, nor the end of a meeting."""
    if Grant.is_moment(leaf.text):
        return grant.contradicts(leaf.text[:10] if leaf.names[-1].startswith("end") else leaf.text)
    return len(leaf.text) <= _VALUE and not leaf.is_title


def _is_time(leaf: Leaf) -> bool:
    return _last_word(leaf.names[-1]) in _TIMES


def _leads_to(
    grant: Grant, provenance: Provenance, id: str, kind: Kind | None, about: frozenset[str]
) -> bool:
    """Whether the words lead to the thing with this id.

    It must be called what the words call it. Something new may be made from anything in a list
    that the words asked for, such as a draft in answer to a mail.
    """
    for one in provenance.listed(id):
        if one.trust == "own" and grant.about(one.subject):
            return True
        if one.asked and (kind == "make" or _is_meant(grant, one, about)):
            return True
    return False


def _is_meant(grant: Grant, one: Listed, about: frozenset[str]) -> bool:
    return grant.about(one.subject) or grant.touches(one.subject, about)


def _is_own_target(grant: Grant, provenance: Provenance, text: str, fooled: bool) -> bool:
    """Whether a send may go to, or be about, this: the person's own record that they named."""
    if words.reaches(text):
        return provenance.in_own_record(text)
    if words.spaced(text) in provenance.own_ids:
        return not fooled
    return any(one.trust == "own" and grant.about(one.subject) for one in provenance.listed(text))


def _foreign_address(grant: Grant, provenance: Provenance, text: str) -> str | None:
    """An address in a text that neither the person wrote nor a record of theirs holds."""
    for one in sorted(words.addresses(text) - grant.addresses - grant.own):
        seen = provenance.seen(one)
        if seen is None or seen.trust == "outside":
            return one
    return None


def _whence(provenance: Provenance, value: str) -> str:
    """One sentence on where a value comes from."""
    foreign = sorted(words.addresses(value) - provenance.grant.addresses - provenance.grant.own)
    shown = foreign[0] if foreign else _shown(value)
    what = f"The address {shown}" if foreign else f'"{shown}"'
    if foreign and (other := provenance.taken_for(shown)):
        what = f"The address {shown} looks like {other} and is another; it"
    seen = provenance.seen(value)
    if words.spaced(value) in provenance.own_ids:
        return f"{what} was made after reading {_read(provenance)}."
    if seen is None:
        return f"{what} is not in your words; the model chose it."
    if seen.trust == "person":
        return f"{what} is in your words, but not as what this would do with it."
    return f"{what} first appears in {seen.source}, not in your words."


def _read(provenance: Provenance) -> str:
    return provenance.outside.source if provenance.outside else "nothing"


def _shown(text: str) -> str:
    start = text if len(text) <= 60 else f"{text[:59]}…"
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in start)


def _about(tool: str, leaf: Leaf) -> frozenset[str]:
    parts = [*name_words(tool), *(part for name in leaf.names for part in name_words(name))]
    return frozenset(words.stem(part) for part in parts)


def _is_inside(path: str) -> bool:
    """Whether a new name stays where new things go."""
    parts = path.replace("\\", "/").split("/")
    return not path.startswith(("/", "~")) and not any(p.startswith(".") for p in parts)


def _enum(schema: Mapping[str, Any]) -> Sequence[Any]:
    return cast(Sequence[Any], schema.get("enum", ()))


def _last_word(name: str) -> str:
    return next(iter(reversed(name_words(name))), "")
