"""Properties in Notion's form and as simple values, both ways."""

import json
from collections.abc import Mapping
from typing import Any, cast

from m2agent.errors import ToolFailed
from m2agent_connectors.notes.schema import Property, PropertyType, Schema, Simple, shown
from m2agent_connectors.notion.ids import id_in

_LONGEST = 2_000
"""Characters of one rich text item, counted as UTF-16 counts them."""

_TYPES: dict[str, PropertyType] = {
    "title": "title",
    "rich_text": "text",
    "phone_number": "text",
    "number": "number",
    "date": "date",
    "select": "select",
    "status": "select",
    "multi_select": "multi_select",
    "checkbox": "checkbox",
    "url": "url",
    "email": "email",
    "relation": "relation",
}
"""What can be set, by Notion's name of the type."""


class Columns:
    """A table's properties: those that can be set as a Schema, all of them by Notion's type."""

    def __init__(self, properties: Mapping[str, Mapping[str, Any]]) -> None:
        self.types = {name: str(one["type"]) for name, one in properties.items()}
        settable = [
            Property(name, _TYPES[type], _options(properties[name], type))
            for name, type in self.types.items()
            if type in _TYPES
        ]
        settable.sort(key=lambda one: one.type != "title")
        self.schema = Schema(tuple(settable))

    @property
    def names(self) -> list[str]:
        """All names, the title's first."""
        return self.schema.names + self.unsettable

    @property
    def unsettable(self) -> list[str]:
        return [name for name in self.types if self.types[name] not in _TYPES]

    def name(self, given: str) -> str:
        """The name of the property that is meant. Raises ToolFailed with the valid names."""
        return given if given in self.types else self.schema.property(given).name

    def checked(self, props: Mapping[str, Any]) -> dict[str, Simple]:
        """The props as the table keeps them. Raises ToolFailed with what is allowed."""
        for name in props:
            if name in self.unsettable:
                raise ToolFailed(
                    f"{shown(name)} ({self.types[name]}) cannot be set here. "
                    f"What can is: {self.schema.line()}."
                )
        values = self.schema.check(props)
        for name, value in values.items():
            if self.types[name] == "relation" and isinstance(value, list):
                values[name] = [row_id(name, one) for one in value]
        return values

    def written(self, values: Mapping[str, Simple]) -> dict[str, Any]:
        """Checked values in the form of a request."""
        return {name: _written(self.types[name], value) for name, value in values.items()}


def row_id(name: str, given: str) -> str:
    """The id of the row that a relation leads to. Raises ToolFailed for any other text."""
    if (id := id_in(given)) is None:
        raise ToolFailed(
            f"{name} takes ids of rows, as notes_query gives them, not {shown(given)}."
        )
    return id


def simple(property: Mapping[str, Any]) -> Any:
    """The value of a page's property as a model reads it."""
    type = str(property["type"])
    return _simple(type, property.get(type))


def plain(rich_text: Any) -> str:
    items = cast(list[dict[str, Any]], rich_text or [])
    return "".join(str(one.get("plain_text", "")) for one in items)


def title_of(page: Mapping[str, Any]) -> str:
    """The title of a page, or of a data source."""
    if "title" in page:
        return plain(page["title"])
    properties = cast(dict[str, dict[str, Any]], page.get("properties", {}))
    titles = [plain(one["title"]) for one in properties.values() if one.get("type") == "title"]
    return titles[0] if titles else ""


def kept(property: Mapping[str, Any]) -> dict[str, Any] | None:
    """A page's property in the form of a request that sets the same again, if there is one."""
    type = str(property["type"])
    value: Any = property.get(type)
    match type:
        case "title" | "rich_text":
            parts = [_rich_text_request(one) for one in cast(list[dict[str, Any]], value)]
            return {type: parts}
        case "select" | "status":
            return {type: value and {"name": value["name"]}}
        case "multi_select":
            return {type: [{"name": one["name"]} for one in value]}
        case "relation":
            return {type: [{"id": one["id"]} for one in value]}
        case _:
            return {type: value} if type in _TYPES else None


def rich_text(text: str) -> list[dict[str, Any]]:
    """A text in as many items as Notion's limit takes."""
    items: list[dict[str, Any]] = []
    while text:
        # Outside the basic plane a character counts twice.
        size = _LONGEST if all(one <= "\uffff" for one in text[:_LONGEST]) else _LONGEST // 2
        items.append({"type": "text", "text": {"content": text[:size]}})
        text = text[size:]
    return items


def _options(property: Mapping[str, Any], type: str) -> tuple[str, ...]:
    return tuple(one["name"] for one in property.get(type, {}).get("options", []))


def _written(type: str, value: Simple) -> dict[str, Any]:
    match type:
        case "title" | "rich_text":
            return {type: rich_text("" if value is None else str(value))}
        case "select" | "status":
            return {type: None if value is None else {"name": value}}
        case "multi_select":
            return {type: [{"name": one} for one in cast(list[str], value or [])]}
        case "relation":
            return {type: [{"id": one} for one in cast(list[str], value or [])]}
        case "date":
            return {type: None if value is None else {"start": value}}
        case "checkbox":
            return {type: value is True}
        case _:
            return {type: value}


def _simple(type: str, value: Any) -> Any:
    match type:
        case "title" | "rich_text":
            return plain(value) or None
        case "select" | "status":
            return value and value["name"]
        case "multi_select":
            return [one["name"] for one in value]
        case "date":
            end = value and value.get("end")
            return value and (f"{value['start']} to {end}" if end else value["start"])
        case "people":
            return [str(one.get("name") or one["id"]) for one in value]
        case "relation":
            return [str(one["id"]).replace("-", "") for one in value]
        case "files":
            return [str(one.get("name", "")) for one in value]
        case "created_by" | "last_edited_by":
            return str(value.get("name") or value["id"])
        case "unique_id":
            prefix = value.get("prefix")
            return f"{prefix}-{value['number']}" if prefix else value["number"]
        case "formula" | "rollup":
            return _simple(str(value["type"]), value.get(value["type"])) if value else None
        case "array":
            return [cell for cell in (simple(one) for one in value) if cell is not None]
        case _:
            if value is None or isinstance(value, str | int | float | bool):
                return value
            return json.dumps(value, ensure_ascii=False)


def _rich_text_request(item: Mapping[str, Any]) -> dict[str, Any]:
    """A rich text item of an answer as one of a request; what cannot be sent goes as its text."""
    style = {"annotations": item["annotations"]} if "annotations" in item else {}
    match item["type"]:
        case "text":
            return {"type": "text", "text": item["text"], **style}
        case "equation":
            return {"type": "equation", "equation": item["equation"], **style}
        case _:
            return {"type": "text", "text": {"content": item.get("plain_text", "")}, **style}
