"""The JSON Schema of a line of `--events`, for programs that read them: `m2agent export --schema`.

An event may gain a field, and a new kind of event may come; what is there stays.
"""

from typing import Any, cast

import msgspec

from m2agent.events import Event

_HEAD: dict[str, Any] = {
    "run": {"type": "string", "description": "The run's id."},
    "seq": {"type": "integer", "minimum": 1, "description": "Counts the run's events from 1."},
    "at": {"type": "string", "format": "date-time", "description": "When, in UTC."},
}


def schema() -> dict[str, Any]:
    """One object for each kind of event, told apart by `type`; every field is always there."""
    _, parts = msgspec.json.schema_components([Event], ref_template="#/$defs/{name}")
    events: list[dict[str, str]] = []
    for name, part in cast(dict[str, dict[str, Any]], parts).items():
        if "type" in part["properties"]:
            part["properties"] = _HEAD | part["properties"]
            part["required"] = list(part["properties"])
            events.append({"$ref": f"#/$defs/{name}"})
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A line of m2agent --events",
        "oneOf": events,
        "$defs": parts,
    }
