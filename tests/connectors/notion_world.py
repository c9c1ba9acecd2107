"""What the test server of Notion knows: pages, tables, comments, and what is done to them.

Written from Notion's public documentation. Times have whole minutes, as there; text comes back as
Notion sets it, without blank lines.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from typing import Any, cast

BOT = "b0700000-0000-4000-8000-000000000001"
ANN = "a0000000-0000-4000-8000-000000000001"
STRANGER = "e0000000-0000-4000-8000-000000000001"

Json = dict[str, Any]

_STYLE = {
    "bold": False,
    "italic": False,
    "strikethrough": False,
    "underline": False,
    "code": False,
    "color": "default",
}


class Refused(Exception):
    """An answer that is an error of Notion's."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code = status, code


def not_found(kind: str, id: str) -> Refused:
    return Refused(404, "object_not_found", f"Could not find {kind} with ID: {id}.")


def invalid(message: str) -> Refused:
    return Refused(400, "validation_error", message)


@dataclass
class Thing:
    """A page, with its text as lines and who wrote each."""

    id: str
    parent: Json
    properties: Json
    by: str
    edited_by: str
    lines: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    in_trash: bool = False
    shared: bool = True


@dataclass
class World:
    pages: dict[str, Thing] = field(default_factory=dict[str, Thing])
    sources: dict[str, Json] = field(default_factory=dict[str, Json])
    databases: dict[str, Json] = field(default_factory=dict[str, Json])
    comments: list[Json] = field(default_factory=list[Json])
    _numbers: "count[int]" = field(default_factory=lambda: count(1))

    def id(self) -> str:
        return f"c0ffee00-0000-4000-8000-{next(self._numbers):012x}"

    # Made by a test, not through the API.

    def page(self, title: str, text: str = "", by: str = ANN, parent: str = "") -> Thing:
        into: Json = {"type": "workspace", "workspace": True}
        if parent:
            into = {"type": "page_id", "page_id": parent}
        return self._add(into, {"title": {"title": [_text(title)]}}, text, by)

    def table(self, title: str, properties: Json, sources: int = 1) -> str:
        """The id of the database, whose first source's id is in `sources`."""
        database = self.id()
        parent = {"type": "database_id", "database_id": database}
        made: list[Json] = []
        for number in range(sources):
            id = self.id()
            name = title if not number else f"{title} {number + 1}"
            self.sources[id] = {
                "object": "data_source",
                "id": id,
                "title": [_read(_text(name))],
                "description": [],
                "parent": parent,
                "database_parent": {"type": "workspace", "workspace": True},
                "is_inline": False,
                "in_trash": False,
                "archived": False,
                "created_time": _now(),
                "last_edited_time": _now(),
                "created_by": _user(ANN),
                "last_edited_by": _user(ANN),
                "properties": {
                    name: {"id": name, "name": name, "description": None, **one}
                    for name, one in properties.items()
                },
                "icon": None,
                "cover": None,
                "url": _url(id),
                "public_url": None,
            }
            made.append({"id": id, "name": name})
        self.databases[database] = {
            "object": "database",
            "id": database,
            "title": [_read(_text(title))],
            "description": [],
            "parent": {"type": "workspace", "workspace": True},
            "is_inline": False,
            "in_trash": False,
            "archived": False,
            "is_locked": False,
            "created_time": _now(),
            "last_edited_time": _now(),
            "data_sources": made,
            "icon": None,
            "cover": None,
            "url": _url(database),
            "public_url": None,
        }
        return database

    def row(self, source: str, properties: Json, text: str = "", by: str = ANN) -> Thing:
        into = {"type": "data_source_id", "data_source_id": source}
        return self._add(into, properties, text, by)

    # The API.

    def create(self, body: Json) -> Json:
        into: Json = body["parent"]
        if "page_id" in into:
            self._page(into["page_id"])
        elif "data_source_id" in into:
            self.source(into["data_source_id"])
        elif "workspace" in into:
            raise invalid("Internal integrations aren't owned by a single user.")
        thing = self._add(into, body.get("properties", {}), body.get("markdown", ""), BOT)
        return self.shown(thing)

    def retrieve(self, id: str) -> Json:
        return self.shown(self._page(id))

    def update(self, id: str, body: Json) -> Json:
        page = self._page(id)
        page.properties.update(self._values(page.parent, body.get("properties", {})))
        page.in_trash = body.get("in_trash", page.in_trash)
        page.edited_by = BOT
        return self.shown(page)

    def markdown(self, id: str) -> Json:
        page = self._page(id)
        return {
            "object": "page_markdown",
            "id": page.id,
            "markdown": self.text(page),
            "truncated": False,
            "unknown_block_ids": [],
        }

    def write_markdown(self, id: str, body: Json) -> Json:
        page = self._page(id)
        text = self.text(page)
        if body["type"] == "insert_content":
            text += "\n" + body["insert_content"]["content"]
        elif body["type"] == "update_content":
            for one in body["update_content"]["content_updates"]:
                if text.count(one["old_str"]) != 1:
                    raise invalid(f"old_str occurs {text.count(one['old_str'])} times.")
                text = text.replace(one["old_str"], one["new_str"])
        else:
            raise invalid("This command is not used.")
        if "<page " in self.text(page) and "<page " not in text:
            raise invalid("This would delete child pages.")
        by = dict(page.lines)
        page.lines = [(row, by.get(row, BOT)) for row in _lines(text)]
        page.edited_by = BOT
        return self.markdown(id)

    def source(self, id: str) -> Json:
        if id not in self.sources:
            raise not_found("data source", id)
        return self.sources[id]

    def database(self, id: str) -> Json:
        if id not in self.databases:
            raise not_found("database", id)
        return self.databases[id]

    def query(self, id: str, body: Json) -> list[Json]:
        self.source(id)
        rows = [
            self.shown(page)
            for page in self.pages.values()
            if page.parent.get("data_source_id") == id and page.shared and not page.in_trash
        ]
        if "filter" in body:
            rows = [row for row in rows if _holds(body["filter"], row["properties"])]
        for sort in reversed(body.get("sorts", [])):
            rows.sort(
                key=lambda row, name=sort["property"]: str(_plain(row["properties"][name]) or ""),
                reverse=sort["direction"] == "descending",
            )
        return rows

    def search(self, body: Json) -> list[Json]:
        every = [self.shown(one) for one in self.pages.values() if one.shared and not one.in_trash]
        every += list(self.sources.values())
        kind = body.get("filter", {}).get("value")
        words = body.get("query", "").casefold().split()
        return [
            one
            for one in every
            if kind in (None, one["object"]) and all(word in _title(one) for word in words)
        ]

    def children(self, id: str) -> list[Json]:
        page = self._page(id)
        blocks = [
            _block(
                f"{page.id[:-3]}{number:03x}",
                page,
                by,
                {"type": "paragraph", "paragraph": _paragraph(text)},
            )
            for number, (text, by) in enumerate(page.lines)
        ]
        for child in self.pages.values():
            if child.parent.get("page_id") == page.id and not child.in_trash and child.shared:
                title = str(_plain(child.properties["title"]))
                inside = {"type": "child_page", "child_page": {"title": title}}
                blocks.append(_block(child.id, page, child.by, inside))
        return blocks

    def comment(self, body: Json, by: str = BOT) -> Json:
        page = self._page(body["parent"]["page_id"])
        made = {
            "object": "comment",
            "id": self.id(),
            "parent": {"type": "page_id", "page_id": page.id},
            "discussion_id": self.id(),
            "created_time": _now(),
            "last_edited_time": _now(),
            "created_by": _user(by),
            "rich_text": [_read(one) for one in body["rich_text"]],
            "display_name": {"type": "integration", "resolved_name": "m2agent"},
        }
        self.comments.append(made)
        return made

    def comments_on(self, id: str) -> list[Json]:
        page = self._page(id)
        return [one for one in self.comments if one["parent"]["page_id"] == page.id]

    def delete_comment(self, id: str) -> Json:
        for one in self.comments:
            if one["id"] == id:
                self.comments.remove(one)
                return one
        raise not_found("comment", id)

    def text(self, page: Thing) -> str:
        rows = [row for row, _ in page.lines]
        for child in self.pages.values():
            if child.parent.get("page_id") == page.id and not child.in_trash:
                rows.append(
                    f'<page url="{_url(child.id)}">{_plain(child.properties["title"])}</page>'
                )
        return "\n".join(rows)

    def shown(self, page: Thing) -> Json:
        return {
            "object": "page",
            "id": page.id,
            "created_time": _now(),
            "last_edited_time": _now(),
            "in_trash": page.in_trash,
            "archived": page.in_trash,
            "is_archived": False,
            "is_locked": False,
            "url": _url(page.id),
            "public_url": None,
            "parent": self._parent(page),
            "properties": page.properties,
            "icon": None,
            "cover": None,
            "created_by": _user(page.by),
            "last_edited_by": _user(page.edited_by),
        }

    def _parent(self, page: Thing) -> Json:
        source = page.parent.get("data_source_id")
        if source is None:
            return page.parent
        return page.parent | {"database_id": self.sources[source]["parent"]["database_id"]}

    def _add(self, parent: Json, properties: Json, text: str, by: str) -> Thing:
        into = parent | {"type": next(key for key in parent if key != "type")}
        values = self._empty(into) | self._values(into, properties)
        lines = [(row, by) for row in _lines(text)]
        page = Thing(self.id(), into, values, by, by, lines)
        self.pages[page.id] = page
        return page

    def _page(self, id: str) -> Thing:
        page = self.pages.get(id)
        if page is None or not page.shared:
            raise not_found("page", id)
        return page

    def _columns(self, parent: Json) -> Json:
        source = parent.get("data_source_id")
        if source is None:
            return {"title": {"id": "title", "type": "title", "title": {}}}
        return self.sources[source]["properties"]

    def _empty(self, parent: Json) -> Json:
        return {
            name: {"id": one["id"], "type": one["type"], one["type"]: _nothing(one["type"])}
            for name, one in self._columns(parent).items()
        }

    def _values(self, parent: Json, given: Json) -> Json:
        columns = self._columns(parent)
        out: Json = {}
        for name, one in given.items():
            if name not in columns:
                raise invalid(f"{name} is not a property that exists.")
            type = columns[name]["type"]
            if type not in one:
                raise invalid(f"{name} is expected to be {type}.")
            out[name] = {"id": columns[name]["id"], "type": type, type: _taken(type, one[type])}
        return out


def _lines(text: str) -> list[str]:
    rows = [re.sub(r"^(\s*)[*+] ", r"\1- ", row.rstrip()) for row in text.split("\n")]
    return [row for row in rows if row.strip() and not row.startswith("<page ")]


def _taken(type: str, value: Any) -> Any:
    if type in ("title", "rich_text"):
        items = cast(list[Json], value)
        if len(items) > 100 or any(len(one["text"]["content"]) > 2000 for one in items):
            raise invalid("Rich text is too long.")
        return [_read(one) for one in items]
    if type in ("select", "status"):
        return value and _option(value["name"])
    if type == "multi_select":
        return [_option(one["name"]) for one in value]
    if type == "date":
        return value and {"start": value["start"], "end": value.get("end"), "time_zone": None}
    return value


def _nothing(type: str) -> Any:
    if type == "checkbox":
        return False
    if type == "created_time":
        return _now()
    return [] if type in ("title", "rich_text", "multi_select", "people", "relation") else None


def _holds(filter: Json, properties: Json) -> bool:
    if "and" in filter:
        return all(_holds(one, properties) for one in filter["and"])
    if "or" in filter:
        return any(_holds(one, properties) for one in filter["or"])
    (test,) = (value for key, value in filter.items() if key not in ("property", "type"))
    ((operator, wanted),) = test.items()
    if filter["property"] not in properties:
        raise invalid(f"Could not find property with name or id: {filter['property']}")
    value = _plain(properties[filter["property"]])
    return _TESTS[operator](value, wanted)


_TESTS: dict[str, Callable[[Any, Any], bool]] = {
    "equals": lambda value, wanted: value == wanted,
    "does_not_equal": lambda value, wanted: value != wanted,
    "contains": lambda value, wanted: wanted in (value or ""),
    "does_not_contain": lambda value, wanted: wanted not in (value or ""),
    "is_empty": lambda value, _: not value and value != 0,
    "is_not_empty": lambda value, _: bool(value) or value == 0,
    "less_than": lambda value, wanted: value is not None and value < wanted,
    "less_than_or_equal_to": lambda value, wanted: value is not None and value <= wanted,
    "greater_than": lambda value, wanted: value is not None and value > wanted,
    "greater_than_or_equal_to": lambda value, wanted: value is not None and value >= wanted,
    "before": lambda value, wanted: value is not None and value < wanted,
    "on_or_before": lambda value, wanted: value is not None and value <= wanted,
    "after": lambda value, wanted: value is not None and value > wanted,
    "on_or_after": lambda value, wanted: value is not None and value >= wanted,
}


def _plain(property: Json) -> Any:
    type = next(key for key in property if key not in ("id", "type"))
    value = property[type]
    if type in ("title", "rich_text"):
        return "".join(one["text"]["content"] for one in cast(Iterable[Json], value))
    if type in ("select", "status"):
        return value and value["name"]
    if type == "multi_select":
        return [one["name"] for one in value]
    if type == "relation":
        return [one["id"].replace("-", "") for one in value]
    return value and value["start"] if type == "date" else value


def _title(one: Json) -> str:
    if one["object"] == "data_source":
        return "".join(part["plain_text"] for part in one["title"]).casefold()
    found = next(p for p in one["properties"].values() if p["type"] == "title")
    return str(_plain(found)).casefold()


def _block(id: str, page: Thing, by: str, inside: Json) -> Json:
    return {
        "object": "block",
        "id": id,
        "parent": {"type": "page_id", "page_id": page.id},
        "created_time": _now(),
        "last_edited_time": _now(),
        "created_by": _user(by),
        "last_edited_by": _user(by),
        "has_children": inside["type"] == "child_page",
        "in_trash": False,
        "archived": False,
        **inside,
    }


def _paragraph(text: str) -> Json:
    return {"rich_text": [_read(_text(text))], "color": "default", "icon": None}


def _text(content: str) -> Json:
    return {"type": "text", "text": {"content": content}}


def _read(item: Json) -> Json:
    text = {"content": item["text"]["content"], "link": item["text"].get("link")}
    return {
        "type": "text",
        "text": text,
        "annotations": _STYLE | item.get("annotations", {}),
        "plain_text": text["content"],
        "href": None,
    }


def _option(name: str) -> Json:
    if "," in name:
        raise invalid("An option's name has no commas.")
    return {"id": name, "name": name, "color": "default"}


def _user(id: str) -> Json:
    return {"object": "user", "id": id}


def _url(id: str) -> str:
    return f"https://www.notion.so/{id.replace('-', '')}"


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:00.000Z")
