"""The YAML of a note's head, parsed: each property with its value and its place in the text.

Lines of simple values, as most heads are, are read without a YAML parser. That is thirty times
faster, so a table of thousands of rows can be read from its files at every question; a test holds
both readings together.
"""

import itertools
import math
import re
from collections.abc import Iterator
from typing import Any, Literal, NamedTuple, cast

LONGEST = 64 * 1024
"""Characters; a longer head is none that a person wrote."""

_MOST_VALUES = 5_000
_DEEPEST = 20
_MOST_BRACKETS = 200
_LONGEST_LINE = 1_000

_PLAIN = r"[^\W\d_](?:[\w ./@()&'+-]*[\w./@()&'+-])?"
SIMPLE = re.compile(
    rf"(?P<plain>{_PLAIN})"
    r"|(?P<number>-?(?:0|[1-9][0-9]{0,14})(?:\.[0-9]{1,15})?)"
    r"|(?P<day>[0-9]{4}-[0-9]{2}-[0-9]{2})"
    r'|"(?P<quoted>[^"\\\x00-\x1f\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff\ud800-\udfff]*)"'
)
"""A value that needs no YAML parser."""

KEYWORDS: dict[str, bool | None] = {
    form: value
    for word, value in (("true", True), ("false", False), ("null", None))
    for form in (word, word.capitalize(), word.upper())
}
"""Plain words that YAML does not read as text."""

_ENTRY = re.compile(rf"({_PLAIN}):(?: +(.*?))? *")
_ITEM = re.compile(r"( *)- +(.*?) *")


class BadYAML(ValueError):
    """It cannot be read or changed; the message says where and why."""


class Entry(NamedTuple):
    """A property: `after` is where its name ends, `start` to `end` is its value's own text.

    An empty value ends before it starts.
    """

    name: str
    value: Any
    after: int
    start: int
    end: int
    column: int
    form: Literal["scalar", "literal", "flow", "block"]


def read(text: str) -> dict[str, Any] | None:
    """The mapping that the YAML stands for, None if it is something else.

    Dates stay the text that they are. Raises BadYAML.
    """
    quick = read_simple(text)
    if quick is not None:
        return quick
    found = entries(text)
    return None if found is None else {entry.name: entry.value for entry in found}


def read_simple(text: str) -> dict[str, Any] | None:
    """The mapping, or None for anything that is not plainly lines of simple values."""
    out: dict[str, Any] = {}
    name, indent = "", ""
    for raw in text.split("\n"):
        row = raw.removesuffix("\r")
        if len(row) > _LONGEST_LINE:
            return None
        if entry := _ENTRY.fullmatch(row):
            name, value = entry[1], entry[2]
            if name in out:
                return None
            simple = SIMPLE.fullmatch(value) if value else None
            if value and simple is None:
                return None
            out[name] = _value(simple) if simple else None
            name = "" if simple else name
        elif name and (item := _ITEM.fullmatch(row)):
            simple = SIMPLE.fullmatch(item[2])
            if simple is None or (out[name] and item[1] != indent):
                return None
            indent = item[1]
            out[name] = [*(out[name] or []), _value(simple)]
        elif row:
            return None
    return out


def _value(simple: re.Match[str]) -> Any:
    text = simple[simple.lastgroup or 0]
    if simple.lastgroup == "number":
        return float(text) if "." in text else int(text)
    if simple.lastgroup == "plain":
        return KEYWORDS.get(text, text)
    return text


def entries(text: str) -> list[Entry] | None:
    """Every property in its order; None if the YAML is something other than properties.

    Raises BadYAML.
    """
    root = _parsed(text)
    if root is None:
        return []
    if root.id != "mapping":
        return None
    count = itertools.count()
    found: list[Entry] = []
    for key, node in root.value:
        name = _name(key, [entry.name for entry in found])
        value, start = _simple(node, count, 1), node.start_mark
        place = key.end_mark.index, start.index, _end(node, text), start.column
        found.append(Entry(name, value, *place, _form(node)))
    return found


def _form(node: Any) -> Literal["scalar", "literal", "flow", "block"]:
    if node.id == "scalar":
        return "literal" if node.style in ("|", ">") else "scalar"
    return "flow" if node.flow_style else "block"


def ruamel(kind: Literal["safe", "rt"]) -> Any:
    """A parser, which does not print to the terminal what it finds odd."""
    from ruamel.yaml import YAML

    yaml = cast(Any, YAML(typ=kind, pure=True))
    yaml.composer.warn_double_anchors = False
    return yaml


def _parsed(text: str) -> Any:
    """ruamel's tree of nodes, None for no values at all."""
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    if len(text) > LONGEST:
        raise BadYAML("it is too long")
    for number, row in enumerate(text.split("\n"), start=2):
        if row.count("[") + row.count("{") > _MOST_BRACKETS:  # each may cost as much as all before
            raise BadYAML(f"line {number}: it holds too many brackets")
    try:
        return ruamel("safe").compose(text)
    except MarkedYAMLError as error:
        problem: Any = error
        where = f"line {problem.problem_mark.line + 2}: " if problem.problem_mark else ""
        raise BadYAML(f"{where}{problem.problem or problem.context}") from error
    except YAMLError as error:
        raise BadYAML("it holds characters that YAML forbids") from error
    except RecursionError as error:
        raise BadYAML("it is nested too deep") from error


def _end(node: Any, text: str) -> int:
    """Where a value's own text ends: the parser lets blocks run on to what comes next."""
    if node.id != "scalar" and not node.flow_style and node.value:
        last = node.value[-1]
        return _end(last[1] if node.id == "mapping" else last, text)
    return len(text[: node.end_mark.index].rstrip())


def _simple(node: Any, count: Iterator[int], depth: int) -> Any:
    """The node's value; through aliases a few lines can stand for billions of values."""
    if next(count) > _MOST_VALUES or depth > _DEEPEST:
        raise BadYAML("it holds too many values")
    if node.id == "scalar":
        return _scalar(node.tag or "", node.value)
    if node.id == "sequence":
        return [_simple(one, count, depth + 1) for one in node.value]
    out: dict[str, Any] = {}
    for key, value in node.value:
        out[_name(key, out)] = _simple(value, count, depth + 1)
    return out


def _name(key: Any, known: "list[str] | dict[str, Any]") -> str:
    where = f"line {key.start_mark.line + 2}"
    if key.id != "scalar":
        raise BadYAML(f"{where}: a name must be text")
    if key.value in known:
        raise BadYAML(f"{where}: {key.value} is there twice")
    return key.value


def _scalar(tag: str, text: str) -> Any:
    digits = text.replace("_", "")
    try:
        match tag.rpartition(":")[2]:
            case "null":
                return None
            case "bool":
                return text.lower() in ("true", "yes", "on")
            case "int":
                prefixed = digits.lstrip("+-")[:2].lower() in ("0x", "0o", "0b")
                return int(digits, 0 if prefixed else 10)
            case "float":
                number = float(digits)
                return number if math.isfinite(number) else text
            case _:
                return text
    except ValueError:
        return text
