"""What a table's properties hold, as values simple enough for a model to write.

Text, a number, true or false, "2026-12-01", a list of texts: every service of notes takes and
gives these, and keeps its own form of them to itself.
"""

import difflib
import math
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, cast

from m2agent.errors import ToolFailed
from m2agent.printable import printable

Simple = str | int | float | bool | list[str] | None
"""A property's value; None stands for empty."""

PropertyType = Literal[
    "title",
    "text",
    "number",
    "date",
    "select",
    "multi_select",
    "checkbox",
    "url",
    "email",
    "relation",
]

_URL = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*:\S+")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")
_WORDS: dict[str, bool] = {"true": True, "yes": True, "false": False, "no": False}


@dataclass(frozen=True)
class Property:
    """One property of a table. A select without options takes any text."""

    name: str
    type: PropertyType
    options: tuple[str, ...] = ()

    def __str__(self) -> str:
        options = f": {', '.join(self.options)}" if self.options else ""
        options = ": ids of rows" if self.type == "relation" else options
        return f"{self.name} ({self.type}{options})"

    def check(self, value: Any) -> Simple:
        """The value as this property keeps it. Raises ToolFailed that says what is allowed."""
        if value is None:
            return None
        match self.type:
            case "number":
                return self._number(value)
            case "date":
                return self._date(value)
            case "checkbox":
                return self._checkbox(value)
            case "select":
                return self._option(value)
            case "multi_select" | "relation":
                many = cast(list[Any], value) if isinstance(value, list) else [value]
                return list(dict.fromkeys(self._option(one) for one in many))
            case "url":
                return self._matching(value, _URL, "an address such as https://example.com")
            case "email":
                return self._matching(value, _EMAIL, "an address such as ann@example.com")
            case "title" | "text":
                return self._text(value)

    def _wrong(self, value: Any, wanted: str) -> ToolFailed:
        return ToolFailed(f"{self} takes {wanted}, not {shown(value)}. Nothing was changed.")

    def _text(self, value: Any) -> str:
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise self._wrong(value, "text")
        text = str(value)
        if not writable(text):
            raise self._wrong(value, "text that UTF-8 can hold")
        return text

    def _number(self, value: Any) -> int | float:
        number = value
        if isinstance(value, str):
            try:
                number = float(value) if re.search(r"[.eE]", value) else int(value)
            except ValueError:
                raise self._wrong(value, "a number such as 1204.50") from None
        if isinstance(number, bool) or not isinstance(number, int | float):
            raise self._wrong(value, "a number such as 1204.50")
        if isinstance(number, float) and not math.isfinite(number):
            raise self._wrong(value, "a finite number")
        return number

    def _date(self, value: Any) -> str:
        if not isinstance(value, str) or day_and_time(value) is None:
            raise self._wrong(value, 'a date such as "2026-12-01" or "2026-12-01T14:30"')
        return value

    def _checkbox(self, value: Any) -> bool:
        found = _WORDS.get(value.lower()) if isinstance(value, str) else value
        if not isinstance(found, bool):
            raise self._wrong(value, "true or false")
        return found

    def _option(self, value: Any) -> str:
        text = self._text(value)
        if not self.options:
            return text
        for option in self.options:
            if folded(option) == folded(text):
                return option
        raise ToolFailed(
            f"{self.name} has no option {shown(value)}. Options are: {', '.join(self.options)}."
        )

    def _matching(self, value: Any, form: re.Pattern[str], wanted: str) -> str:
        text = self._text(value)
        if not form.fullmatch(text):
            raise self._wrong(value, wanted)
        return text


@dataclass(frozen=True)
class Schema:
    """A table's properties in their order; exactly one is the title."""

    properties: tuple[Property, ...]

    @property
    def title(self) -> Property:
        return next(p for p in self.properties if p.type == "title")

    @property
    def names(self) -> list[str]:
        return [p.name for p in self.properties]

    def property(self, name: str) -> Property:
        """The property of that name, whatever its case. Raises ToolFailed with the valid names."""
        for one in self.properties:
            if folded(one.name) == folded(name):
                return one
        near = difflib.get_close_matches(name, self.names, n=1)
        hint = f" Did you mean {near[0]}?" if near else ""
        known = "; ".join(str(p) for p in self.properties)
        raise ToolFailed(f"There is no property {shown(name)}.{hint} Properties are: {known}.")

    def check(self, props: Mapping[str, Any]) -> dict[str, Simple]:
        """The props under the table's own names and as it keeps them."""
        checked: dict[str, Simple] = {}
        for name, value in props.items():
            one = self.property(name)
            checked[one.name] = one.check(value)
        return checked

    def line(self) -> str:
        return "; ".join(str(p) for p in self.properties)


def check_freely(props: Mapping[str, Any]) -> dict[str, Simple]:
    """Props of a note outside any table: any name, and any simple value."""
    return {_free_name(name): _free_value(name, value) for name, value in props.items()}


def _free_name(name: str) -> str:
    if not name.strip() or "\n" in name or not writable(name):
        raise ToolFailed(f"{shown(name)} cannot be a property's name. Use a short text.")
    return name


def _free_value(name: str, value: Any) -> Simple:
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    if isinstance(value, str) and writable(value):
        return value
    if isinstance(value, list):
        many = cast(list[Any], value)
        if all(isinstance(one, str) and writable(one) for one in many):
            return cast(list[str], many)
    raise ToolFailed(
        f"{name} takes text, a number, true, false or a list of texts, not {shown(value)}."
    )


def day_and_time(value: str) -> datetime | None:
    """The moment an ISO date or date with time means, or None for other text."""
    if not re.match(r"\d{4}-\d\d-\d\d", value):
        return None
    try:
        return datetime.fromisoformat(value)
    except ValueError:
        return None


def empty(value: Any) -> bool:
    return value is None or value == "" or value == []


def folded(text: str) -> str:
    """Text for comparing: the same whatever its case, however composed, shown or as it is."""
    return unicodedata.normalize("NFC", printable(text)).casefold()


def writable(text: str) -> bool:
    """Whether UTF-8 can hold it; half a surrogate pair it cannot."""
    return not any("\ud800" <= character <= "\udfff" for character in text)


def shown(value: Any) -> str:
    """A value in an error message, never long."""
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def one_title(properties: Iterable[Property]) -> bool:
    return sum(1 for p in properties if p.type == "title") == 1
