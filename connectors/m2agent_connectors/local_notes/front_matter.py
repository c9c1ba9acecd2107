"""Properties at the head of a note, changed where they stand.

Only the bytes of a changed value move: comments, order, quotes and blank lines of the person's
file stay. What is too unusual to be changed in place is written anew by ruamel's round trip, and
either way the result is read back and compared before anybody uses it.
"""

import io
import json
import re
from collections.abc import Mapping
from typing import Any

from m2agent_connectors.local_notes.yaml_head import (
    KEYWORDS,
    LONGEST,
    SIMPLE,
    BadYAML,
    entries,
    read,
    ruamel,
)
from m2agent_connectors.notes.schema import Simple, folded

_COLON = re.compile(r"[ \t]*:")


def changed(text: str, props: Mapping[str, Simple], newline: str) -> str:
    """The YAML text with these values set, and nothing else changed. Raises BadYAML.

    `text` is empty or ends with a line break. None empties a property and leaves its name.
    """
    goal = read(text) or {}
    for wanted, value in props.items():
        name = next((known for known in goal if folded(known) == folded(wanted)), wanted)
        if _same(goal.get(name), value):
            continue
        goal[name] = value
        in_place = _set_in_place(text, name, value, newline)
        if in_place is not None and _reads_as(in_place, goal):
            text = in_place
            continue
        text = _set_anew(text, name, value, newline)
        if not _reads_as(text, goal):
            raise BadYAML(f"its form does not allow {name} to be changed alone")
    return text


def written(props: Mapping[str, Simple], newline: str = "\n") -> str:
    """New YAML for these props, as Obsidian writes it."""
    return "".join(_line(name, value, newline) for name, value in props.items())


def _same(one: Any, other: Any) -> bool:
    return json.dumps(one) == json.dumps(other)


def _reads_as(text: str, goal: Mapping[str, Any]) -> bool:
    try:
        found = {entry.name: entry.value for entry in entries(text) or []}
        return text.endswith("\n") and _same(found, goal)
    except BadYAML:
        return False


def _set_in_place(text: str, name: str, value: Simple, newline: str) -> str | None:
    """The text with one value replaced or one line added; None where that cannot be done so."""
    old = next((entry for entry in entries(text) or [] if entry.name == name), None)
    if old is None:
        return text + _line(name, value, newline)
    colon = _COLON.match(text, old.after)
    if colon is None or old.start < old.after:  # an alias: its value stands elsewhere
        return None
    if isinstance(value, list) and value and old.value and isinstance(old.value, list):
        if old.form == "flow":
            new = f"[{', '.join(_text(item) for item in value)}]"
        else:
            new = _items(value, " " * old.column, newline).lstrip()
        return text[: old.start] + new + text[old.end :]
    is_block = isinstance(value, list) and bool(value)
    if value is not None and not is_block and old.form == "scalar" and old.end > old.start:
        return text[: old.start] + _inline(value) + text[old.end :]
    end = old.end if old.end > old.start else colon.end()
    return text[: colon.end()] + _after_colon(value, newline) + text[end:]


def _set_anew(text: str, name: str, value: Simple, newline: str) -> str:
    """The whole head as ruamel writes it: comments and order stay, spacing may not."""
    from ruamel.yaml.error import YAMLError

    yaml = ruamel("rt")
    yaml.preserve_quotes = True
    yaml.width = LONGEST
    out = io.StringIO()
    try:
        data = yaml.load(text)
        data[name] = value
        yaml.dump(data, out)
    except (YAMLError, ValueError, LookupError, TypeError, RecursionError) as error:
        # ruamel lets out whatever a value meets that does not fit its tag, as in `!!bool x`.
        raise BadYAML(f"its form does not allow {name} to be changed") from error
    return out.getvalue().replace("\n", newline)


def _line(name: str, value: Simple, newline: str) -> str:
    return f"{_text(name)}:{_after_colon(value, newline)}{newline}"


def _after_colon(value: Simple, newline: str) -> str:
    if value is None:
        return ""
    if isinstance(value, list) and value:
        return newline + _items(value, "  ", newline)
    return f" {_inline(value)}"


def _items(items: list[str], indent: str, newline: str) -> str:
    return newline.join(f"{indent}- {_text(item)}" for item in items)


def _inline(value: Simple) -> str:
    return _text(value) if isinstance(value, str) else json.dumps(value)


def _text(text: str) -> str:
    """A text as YAML: bare if it can be read as nothing but this text, else quoted."""
    simple = SIMPLE.fullmatch(text)
    if simple and simple.lastgroup in ("plain", "day") and text not in KEYWORDS:
        return text
    return '"' + "".join(_escaped(character) for character in text) + '"'


def _escaped(character: str) -> str:
    if character in '"\\':
        return f"\\{character}"
    return character if character.isprintable() else f"\\U{ord(character):08x}"
