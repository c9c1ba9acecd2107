"""A parameter's text as the value that the tool's schema asks for."""

import json
import math
from collections.abc import Mapping
from typing import Any, cast

_DEEPEST = 64
_UNIONS = ("anyOf", "oneOf", "allOf")


def typed(text: str, schema: Any, root: Mapping[str, Any]) -> Any:
    """Read `text` by its schema, or keep it where it does not fit: the tool box explains then.

    Where the schema allows a string, only `null`, a list and an object are anything else.
    `root` is the schema that "#/$defs/..." points into.
    """
    kinds = kinds_of(schema, root)
    if "string" in kinds:
        kinds = kinds & {"null", "array", "object"}
    if not kinds:
        return text
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):  # ValueError also for an integer of thousands of digits
        return text
    return value if _kind(value) & kinds and _is_plain(value) else text


def kinds_of(schema: Any, root: Mapping[str, Any]) -> set[str]:
    """The JSON types a schema allows; none where it does not say."""
    kinds: set[str] = set()
    for variant in variants_of(schema, root):
        named = variant.get("type")
        choices = choices_of(variant)
        if isinstance(named, str):
            kinds.add(named)
        elif isinstance(named, list):
            kinds |= {kind for kind in cast(list[Any], named) if isinstance(kind, str)}
        elif choices is not None:
            kinds |= {_name(value) for value in choices}
    return kinds


def variants_of(schema: Any, root: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The schemas of which a value fits at least one: itself, or all that its unions offer."""
    variants: list[dict[str, Any]] = []
    seen: set[int] = set()
    waiting = [schema]
    while waiting:
        found = resolve(waiting.pop(0), root)
        if found is None or id(found) in seen:
            continue
        seen.add(id(found))
        unions = [found[key] for key in _UNIONS if isinstance(found.get(key), list)]
        if unions and "type" not in found:
            waiting += [choice for union in unions for choice in cast(list[Any], union)]
        else:
            variants.append(found)
    return variants


def choices_of(schema: Mapping[str, Any]) -> list[Any] | None:
    """The only values allowed, where the schema lists them."""
    if "const" in schema:
        return [schema["const"]]
    listed = schema.get("enum")
    return cast(list[Any], listed) if isinstance(listed, list) else None


def resolve(schema: Any, root: Mapping[str, Any]) -> dict[str, Any] | None:
    """The schema itself, or what its "$ref" stands for; None for anything else than a schema."""
    for _ in range(_DEEPEST):
        if not isinstance(schema, dict):
            return None
        found = cast(dict[str, Any], schema)
        pointer = found.get("$ref")
        if not isinstance(pointer, str):
            return found
        schema = root
        for step in pointer.removeprefix("#/").split("/"):
            schema = cast(dict[str, Any], schema).get(step) if isinstance(schema, dict) else None
    return None


def _name(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int():
            return "integer"
        case float():
            return "number"
        case str():
            return "string"
        case list():
            return "array"
        case _:
            return "object"


def _kind(value: Any) -> set[str]:
    """The types that a value satisfies: a whole number is also a number."""
    name = _name(value)
    return {name, "number"} if name == "integer" else {name}


def _is_plain(value: Any, depth: int = 0) -> bool:
    """Whether every JSON reader holds it exactly: numbers, valid Unicode, of sane depth."""
    match value:
        case float():
            return math.isfinite(value)
        case int():
            return abs(value) < 2**53
        case str():
            return not any("\ud800" <= char <= "\udfff" for char in value)
        case list() | dict() if depth == _DEEPEST:
            return False
        case list():
            return all(_is_plain(item, depth + 1) for item in cast(list[Any], value))
        case dict():
            items = cast(dict[str, Any], value).items()
            return all(_is_plain(k) and _is_plain(v, depth + 1) for k, v in items)
        case _:
            return True
