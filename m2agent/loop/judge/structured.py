"""A report that programs read: JSON that fits a schema, checked like every other claim."""

import json
import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, cast

from m2agent.errors import UsageError
from m2agent.events import Item

_SHOWN = 5
_FENCED = re.compile(r"```(?:json)?\s*\n(.*?)```", re.DOTALL)


def read_schema(path: Path) -> dict[str, Any]:
    """The JSON Schema in a file. Raises UsageError that says what is wrong with it."""
    try:
        schema = json.loads(path.read_text("utf-8-sig"))
    except OSError as error:
        raise UsageError(f"The schema {path} cannot be read: {error.strerror}.") from error
    except (UnicodeDecodeError, ValueError) as error:
        raise UsageError(f"The schema {path} is not JSON: {error}.") from error
    if not isinstance(schema, dict):
        raise UsageError(f"The schema {path} is not an object.")
    check_schema(cast(dict[str, Any], schema), str(path))
    return cast(dict[str, Any], schema)


def check_schema(schema: Mapping[str, Any], name: str = "given") -> None:
    """Raises UsageError for a schema that is none, or that leans on what is not in it."""
    from jsonschema.exceptions import SchemaError
    from referencing.exceptions import Unresolvable
    from referencing.jsonschema import DRAFT202012

    try:
        _kind(schema).check_schema(schema)
    except SchemaError as error:
        where = f"{name} is wrong at {error.json_path}"
        raise UsageError(f"The schema {where}: {error.message}.") from error
    resource = DRAFT202012.create_resource(schema)
    base = resource.id() or ""
    resolver = _registry().with_resource(base, resource).resolver(base_uri=base)
    for reference in _references(schema):
        try:
            resolver.lookup(reference)
        except Unresolvable as error:
            words = f"refers to {reference}, which is not in it; write it into it"
            raise UsageError(f"The schema {name} {words}.") from error


def answer_of(report: str) -> str | None:
    """The JSON in a report: all of it, or its one block; None if there is none."""
    for text in (report, *_FENCED.findall(report)[-1:], _outermost(report)):
        try:
            return json.dumps(json.loads(text), ensure_ascii=False)
        except ValueError:
            continue
    return None


def flaws(report: str, schema: Mapping[str, Any]) -> list[Item]:
    """What keeps a report from being the answer that was asked for, in words for the model."""
    answer = answer_of(report)
    if answer is None:
        words = "it is not JSON; write the JSON value alone, with nothing around it"
        return [Item("The report", "open", words)]
    found = _validator(json.dumps(schema)).iter_errors(json.loads(answer))
    errors = sorted(found, key=lambda error: error.json_path)
    return [Item(error.json_path, "open", error.message[:300]) for error in errors[:_SHOWN]]


def _outermost(text: str) -> str:
    begin = min((at for at in (text.find("{"), text.find("[")) if at >= 0), default=0)
    return text[begin : max(text.rfind("}"), text.rfind("]")) + 1]


@lru_cache(maxsize=8)
def _validator(schema: str) -> Any:
    kind = _kind(json.loads(schema))
    # With a registry of its own it never fetches what a schema refers to.
    return kind(json.loads(schema), registry=_registry(), format_checker=kind.FORMAT_CHECKER)


def _kind(schema: Mapping[str, Any]) -> Any:
    """The class that checks a schema of its draft."""
    from jsonschema import Draft202012Validator
    from jsonschema.validators import validator_for

    return cast(Any, validator_for(schema, default=Draft202012Validator))


def _registry() -> Any:
    """The drafts' own schemas, and nothing else."""
    import importlib

    return importlib.import_module("jsonschema_specifications").REGISTRY


def _references(node: Any) -> list[str]:
    if isinstance(node, list):
        return [found for one in cast(list[Any], node) for found in _references(one)]
    if not isinstance(node, Mapping):
        return []
    entries = cast(Mapping[str, Any], node)
    own = [value for key, value in entries.items() if key == "$ref" and isinstance(value, str)]
    return own + [found for one in entries.values() for found in _references(one)]
