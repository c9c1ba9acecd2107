"""Which rows of a table are meant, and in which order."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Literal, cast

import pydantic

from m2agent.errors import ToolFailed
from m2agent_connectors.notes.schema import (
    Property,
    PropertyType,
    Schema,
    Simple,
    day_and_time,
    empty,
    folded,
)

Operator = Literal["=", "!=", "<", "<=", ">", ">=", "contains", "empty"]

Row = Mapping[str, Any]
"""A row: its props by name."""

_ORDER: tuple[Operator, ...] = ("=", "!=", "<", "<=", ">", ">=", "empty")
_TEXT: tuple[Operator, ...] = ("=", "!=", "contains", "empty")

OPERATORS: dict[PropertyType, tuple[Operator, ...]] = {
    "title": _TEXT,
    "text": _TEXT,
    "url": _TEXT,
    "email": _TEXT,
    "select": _TEXT,
    "multi_select": _TEXT,
    "number": _ORDER,
    "date": _ORDER,
    "checkbox": ("=", "!="),
    "relation": ("=", "contains", "empty"),
}
"""What each type of property can be asked."""


class Where(pydantic.BaseModel, frozen=True, extra="forbid"):
    """One condition; `empty` takes the value false for its opposite."""

    prop: str
    op: Operator = "="
    value: Any = None


class Sort(pydantic.BaseModel, frozen=True, extra="forbid"):
    prop: str
    desc: bool = False


def checked(where: Iterable[Where], schema: Schema) -> list[Where]:
    """The conditions under the table's own names and values, each one possible.

    Raises ToolFailed that says what can be asked.
    """
    return [_checked(one, schema.property(one.prop)) for one in where]


def _checked(where: Where, prop: Property) -> Where:
    possible = OPERATORS[prop.type]
    if where.op not in possible:
        raise ToolFailed(f"{prop} cannot be asked {where.op!r}. It takes: {', '.join(possible)}.")
    if where.op == "empty":
        return Where(prop=prop.name, op="empty", value=where.value is not False)
    if empty(where.value):
        raise ToolFailed(f'{prop.name} {where.op} needs a value. For no value use op "empty".')
    value = where.value
    if prop.type in ("title", "text", "url", "email"):
        value = Property(prop.name, "text").check(value)
    elif where.op == "contains" and prop.type == "multi_select":
        value = Property(prop.name, "select", prop.options).check(value)
    elif where.op == "contains":
        value = Property(prop.name, "text").check(value)
    else:
        value = prop.check(value)
    return Where(prop=prop.name, op=where.op, value=value)


def select(rows: Iterable[Row], schema: Schema, where: Iterable[Where]) -> list[Row]:
    """The rows that meet every condition, in the order they came."""
    tests = [(one.prop, _test(one, schema.property(one.prop))) for one in checked(where, schema)]
    return [row for row in rows if all(test(row.get(name)) for name, test in tests)]


def ordered(rows: Sequence[Row], schema: Schema, sort: Sequence[Sort]) -> list[Row]:
    """The rows by the first property, then the next; rows without a value come last."""
    out = list(rows)
    for one in reversed(sort):
        prop = schema.property(one.prop)
        keys = [(_sort_key(prop, row.get(prop.name)), row) for row in out]
        valued = [(key, row) for key, row in keys if key is not None]
        valued.sort(key=lambda pair: pair[0], reverse=one.desc)
        out = [row for _, row in valued] + [row for key, row in keys if key is None]
    return out


def _test(where: Where, prop: Property) -> Callable[[Any], bool]:
    wanted = cast(Simple, where.value)
    if where.op == "empty":
        return lambda value: empty(value) == wanted
    if where.op == "contains":
        needle = folded(str(wanted))
        if prop.type in ("multi_select", "relation"):
            return lambda value: needle in _many(value)
        return lambda value: needle in folded(_words(value))
    if where.op in ("=", "!="):
        equal = _equality(prop, wanted)
        return equal if where.op == "=" else lambda value: not equal(value)
    goal = _comparable(prop, wanted, wanted)
    if goal is None:
        return lambda value: False
    compare = _COMPARE[where.op]

    def holds(value: Any) -> bool:
        key = _comparable(prop, value, wanted)
        return key is not None and compare(key, goal)

    return holds


_COMPARE: dict[Operator, Callable[[float, float], bool]] = {
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}


def _equality(prop: Property, wanted: Simple) -> Callable[[Any], bool]:
    if prop.type == "checkbox":
        return lambda value: (value is True) == wanted
    if prop.type in ("multi_select", "relation"):
        return lambda value: _many(value) == _many(wanted)
    if prop.type in ("number", "date"):
        goal = _comparable(prop, wanted, wanted)
        return lambda value: _comparable(prop, value, wanted) == goal
    goal = folded(_words(wanted))
    return lambda value: folded(_words(value)) == goal


def _comparable(prop: Property, value: Any, wanted: Simple) -> float | None:
    """A number to compare by. Asked for a day, a date's time does not count."""
    if prop.type == "number":
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        return cast(float, value) if is_number else None
    if not isinstance(value, str):
        return None
    whole_day = isinstance(wanted, str) and len(wanted) == len("2026-12-01")
    moment = day_and_time(value[:10] if whole_day else value)
    return _seconds(moment) if moment else None


def _seconds(moment: datetime) -> float:
    """Seconds since 1970; a time without a zone counts as UTC."""
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return (aware - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds()


def _sort_key(prop: Property, value: Any) -> tuple[float, str] | None:
    if prop.type == "checkbox":
        return float(value is True), ""
    if empty(value):
        return None
    if prop.type in ("number", "date"):
        key = _comparable(prop, value, None)
        return None if key is None else (key, "")
    words = folded(_words(value))
    if prop.type == "select":
        options = [folded(option) for option in prop.options]
        return float(options.index(words) if words in options else len(options)), words
    return 0.0, words


def _many(value: Any) -> set[str]:
    many = cast(list[Any], value) if isinstance(value, list) else [] if empty(value) else [value]
    return {folded(str(one)) for one in many}


def _words(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(str(one) for one in cast(list[Any], value))
    return "" if value is None else str(value)
