"""Arguments of a call as services give them: JSON text that a model wrote, and not always right.

Repaired is what can be meant in one way only: control characters inside strings that were not
escaped, what follows the object (the end of the XML around a call), a list or a number given as a
string. Anything else is for the model to write again.
"""

import json
import re
from collections.abc import Sequence
from typing import Any, cast

from m2agent.events import Broken, Called, ToolSpec
from m2agent_models.m2.values import kinds_of, resolve, typed

_LEFT_OVER = re.compile(r"\s*(?:</?[a-zA-Z_:|-]*[^<>]*>\s*)*")
_decoder = json.JSONDecoder(strict=False)


def called(tool: str, text: str, tools: Sequence[ToolSpec]) -> Called | Broken:
    """The call, without an id, or what was wrong with it."""
    arguments = read(text)
    if arguments is None or not tool:
        return Broken(
            f"Your call of {tool or 'a tool'} was not run: its arguments are no JSON "
            "object. Write the whole call again.",
            f"{tool}\n{text}",
        )
    found = [one.parameters for one in tools if one.name == tool]
    root = found[0] if found else {}
    properties = resolve(root.get("properties"), root) or {}
    fitted = {name: _fitted(value, properties.get(name), root) for name, value in arguments.items()}
    return Called("", tool, fitted)


def read(text: str) -> dict[str, Any] | None:
    """The one JSON object that the text can mean, or None."""
    strict = typed(text.strip() or "{}", {"type": "object"}, {})
    if isinstance(strict, dict):
        return cast(dict[str, Any], strict)
    start = text.lstrip()
    try:
        value, end = _decoder.raw_decode(start)
    except (ValueError, RecursionError):
        return None
    if not isinstance(value, dict) or not _LEFT_OVER.fullmatch(start[end:]):
        return None
    # Once more through the strict reader: no numbers or characters that not every reader holds.
    again = typed(json.dumps(value), {"type": "object"}, {})
    return cast(dict[str, Any], again) if isinstance(again, dict) else None


def _fitted(value: Any, schema: Any, root: dict[str, Any]) -> Any:
    """A list or a number that came as a string, where the tool takes no string there."""
    if isinstance(value, str) and "string" not in kinds_of(schema, root):
        return typed(value, schema, root)
    return value
