"""Values from outside in the shape that is needed, whatever they are."""

from collections.abc import Mapping
from typing import Any, cast


def list_of(value: Any) -> list[Any]:
    """The value where it is a list; what comes from outside may be anything."""
    return cast(list[Any], value) if isinstance(value, list) else []


def table_of(value: Any) -> Mapping[str, Any]:
    """The value where it is a table."""
    return cast(dict[str, Any], value) if isinstance(value, dict) else {}
