"""Conditions and orders as Notion's query takes them."""

from collections.abc import Iterable, Sequence
from typing import Any, cast

from m2agent.errors import ToolFailed
from m2agent_connectors.notes.query import Operator, Sort, Where, checked
from m2agent_connectors.notes.schema import Property, folded, shown
from m2agent_connectors.notion.values import Columns, row_id

_TEXT: dict[Operator, str] = {"=": "equals", "!=": "does_not_equal", "contains": "contains"}
_NUMBER: dict[Operator, str] = {
    "=": "equals",
    "!=": "does_not_equal",
    "<": "less_than",
    "<=": "less_than_or_equal_to",
    ">": "greater_than",
    ">=": "greater_than_or_equal_to",
}
_DATE: dict[Operator, str] = {
    "=": "equals",
    "<": "before",
    "<=": "on_or_before",
    ">": "after",
    ">=": "on_or_after",
}


def filter_of(where: Iterable[Where], columns: Columns) -> dict[str, Any] | None:
    """All conditions as one filter. Raises ToolFailed that says what can be asked."""
    where = list(where)
    for one in where:
        if one.prop in columns.unsettable:
            raise ToolFailed(
                f"{shown(one.prop)} ({columns.types[one.prop]}) cannot be asked for. Read it as a"
                f" column, or ask for one of: {', '.join(columns.schema.names)}."
            )
    parts = [
        _condition(one, columns.schema.property(one.prop), columns.types[one.prop])
        for one in checked(where, columns.schema)
    ]
    return {"and": parts} if parts else None


def sorts_of(sort: Sequence[Sort], columns: Columns) -> list[dict[str, Any]]:
    return [
        {
            "property": columns.name(one.prop),
            "direction": "descending" if one.desc else "ascending",
        }
        for one in sort
    ]


def _condition(where: Where, prop: Property, type: str) -> dict[str, Any]:
    def test(operator: str, value: Any) -> dict[str, Any]:
        return {"property": prop.name, type: {operator: value}}

    value: Any = where.value
    if where.op == "empty":
        return test("is_empty" if value else "is_not_empty", True)
    match prop.type:
        case "title" | "text" | "url" | "email":
            return test(_TEXT[where.op], str(value))
        case "number":
            return test(_NUMBER[where.op], value)
        case "relation" if where.op == "=":
            raise ToolFailed(f"{prop} cannot be asked '='. It takes: contains, empty.")
        case "relation":
            return test("contains", row_id(prop.name, str(value)))
        case "checkbox":
            return test("equals" if where.op == "=" else "does_not_equal", value)
        case "date" if where.op == "!=":
            others = [test("before", value), test("after", value), test("is_empty", True)]
            return {"or": others}
        case "date":
            return test(_DATE[where.op], value)
        case "select" if where.op == "contains":
            holding = [one for one in prop.options if folded(str(value)) in folded(one)]
            # No option holds it: nothing is empty and not empty.
            none = [test("is_empty", True), test("is_not_empty", True)]
            return {"or": [test("equals", one) for one in holding]} if holding else {"and": none}
        case "select":
            return test("equals" if where.op == "=" else "does_not_equal", value)
        case "multi_select" if where.op == "contains":
            return test("contains", value)
        case "multi_select":
            wanted = cast(list[str], value)
            other = [one for one in prop.options if one not in wanted]
            if where.op == "=":
                exactly = [test("contains", one) for one in wanted]
                return {"and": exactly + [test("does_not_contain", one) for one in other]}
            some = [test("does_not_contain", one) for one in wanted]
            return {"or": some + [test("contains", one) for one in other]}
