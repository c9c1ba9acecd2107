"""What the four reading tools answer: lines for the model, and the same as data for programs."""

from typing import Any, Literal

from m2agent.errors import ToolFailed
from m2agent.events import Trust
from m2agent.printable import one_line, printable
from m2agent.tool import Result
from m2agent_connectors.notes import lines
from m2agent_connectors.notes.lines import Piece
from m2agent_connectors.notes.query import Sort, Where
from m2agent_connectors.notion.filters import filter_of, sorts_of
from m2agent_connectors.notion.ids import short
from m2agent_connectors.notion.values import Columns, plain, simple, title_of
from m2agent_connectors.notion.wire import NotThere
from m2agent_connectors.notion.workspace import Object, Workspace

Kind = Literal["page", "table", "any"]

_SNIPPET = 200
_LONG_CELL = 2_000


async def search(space: Workspace, query: str, kind: Kind, limit: int, page: str) -> Result:
    cursor, skip = _place(page)
    asked: dict[str, Any] = {"page_size": min(limit + skip, 100)}
    if query.strip():
        asked["query"] = query
    else:
        asked["sort"] = {"timestamp": "last_edited_time", "direction": "descending"}
    if kind != "any":
        value = "page" if kind == "page" else "data_source"
        asked["filter"] = {"property": "object", "value": value}
    if cursor:
        asked["start_cursor"] = cursor
    found = await space.wire.read(lambda notion: notion.search(**asked))
    hits: list[Object] = [one for one in found["results"][skip:] if "url" in one]
    items = [_item(one) for one in hits]
    cells = [_line(item) for item in items]
    count = lines.fitting(cells)
    head, following = _heading("found", count, skip, cursor, found, len(hits))
    note = "" if hits else "Notion looks for words of titles only. Try fewer or other words."
    pieces = [Piece(f"{head}  {note}".rstrip() + "\n", "own", "notes")]
    for one, cell, item in zip(hits[:count], cells, items, strict=False):
        pieces.append(Piece(cell, await space.trust(one), f"{item['kind']} {item['id']}"))
    total = len(hits) if not cursor and not skip and following is None else None
    return _result(pieces, {"items": items[:count], "total": total, "next": following})


async def read(space: Workspace, given: str, offset: int, max_chars: int) -> Result:
    try:
        page = await space.page(given)
    except NotThere as no_page:
        try:
            return await schema(space, given)
        except ToolFailed:
            raise no_page from None
    text = await space.markdown(page["id"])
    id, title, of = short(page["id"]), title_of(page), page["parent"].get("data_source_id")
    props = _props(page)
    head = [" | ".join([id, one_line(title), f"changed {_day(page)}"])]
    if of:
        head.append(f"a row of the table {short(of)}")
    if page.get("in_trash"):
        head.append("It is in the trash.")
    head += [f"{one_line(n)}: {lines.cell(v, _LONG_CELL)}".rstrip() for n, v in props.items()]
    body = str(text["markdown"])
    shown, following = lines.cut(body, offset, max_chars, f'notes_read id="{id}"')
    if text["truncated"]:
        shown += "\n[Notion left parts out: they are too long, or not shared with m2agent.]"
    source = f"page {id}"
    pieces = [
        Piece("\n".join(head) + "\n\n", await space.trust(page), source),
        Piece(shown, await space.trust_in_body(page), source),
    ]
    comments = await _comments(space, page["id"])
    for one, trust in comments:
        line = f"\n[comment {_day(one)}] {lines.cell(plain(one['rich_text']), _LONG_CELL)}"
        pieces.append(Piece(line, trust, f"comment {short(one['id'])}"))
    data = {
        "id": id,
        "title": title,
        "kind": "row" if of else "page",
        "table": short(of) if of else None,
        "edited": _day(page),
        "props": props,
        "body": printable(body[offset : offset + max_chars]),
        "chars": len(body),
        "next": following,
        "comments": [plain(one["rich_text"]) for one, _ in comments],
    }
    return _result(pieces, data)


async def schema(space: Workspace, given: str) -> Result:
    table = await space.table(given)
    columns = Columns(table["properties"])
    id, title = short(table["id"]), title_of(table)
    rows = [one_line(str(p), _LONG_CELL) for p in columns.schema.properties]
    rows += [f"{one_line(name)} ({columns.types[name]}, read only)" for name in columns.unsettable]
    text = "\n".join([f"{id} | {one_line(title)} | table", *rows])
    properties: list[dict[str, Any]] = [
        {"name": p.name, "type": p.type, "options": list(p.options)}
        for p in columns.schema.properties
    ]
    properties += [
        {"name": name, "type": columns.types[name], "options": [], "read_only": True}
        for name in columns.unsettable
    ]
    data = {"id": id, "title": title, "kind": "table", "rows": None, "properties": properties}
    return _result([Piece(text, await space.trust(table), f"table {id}")], data)


async def query(
    space: Workspace,
    given: str,
    where: list[Where],
    sort: list[Sort],
    names: list[str],
    limit: int,
    page: str,
) -> Result:
    table = await space.table(given)
    columns = Columns(table["properties"])
    chosen = [columns.name(name) for name in names] or columns.names
    cursor, skip = _place(page)
    asked: dict[str, Any] = {"page_size": min(limit + skip, 100)}
    if condition := filter_of(where, columns):
        asked["filter"] = condition
    if sort:
        asked["sorts"] = sorts_of(sort, columns)
    if cursor:
        asked["start_cursor"] = cursor
    source = table["id"]
    found = await space.wire.read(lambda notion: notion.data_sources.query(source, **asked))
    rows: list[Object] = found["results"][skip:]
    values = [{name: simple(row["properties"][name]) for name in chosen} for row in rows]
    cells = [
        lines.tsv(short(row["id"]), list(one.values()))
        for row, one in zip(rows, values, strict=True)
    ]
    count = lines.fitting(cells)
    head, following = _heading("rows", count, skip, cursor, found, len(rows))
    pieces = [Piece(f"{head}\n{lines.tsv('id', chosen)}", await space.trust(table), "table")]
    for row, cell in zip(rows[:count], cells, strict=False):
        pieces.append(Piece(cell, await space.trust(row), f"page {short(row['id'])}"))
    total = len(rows) if not cursor and not skip and following is None else None
    data = {
        "rows": [
            {**one, "id": short(row["id"])} for row, one in zip(rows[:count], values, strict=False)
        ],
        "total": total,
        "next": following,
    }
    return _result(pieces, data)


def _item(one: Object) -> dict[str, Any]:
    is_table = one["object"] == "data_source"
    kind = "table" if is_table else "row" if "data_source_id" in one["parent"] else "page"
    title = title_of(one)
    values = {} if is_table else _props(one)
    known = (f"{n}: {lines.cell(v)}" for n, v in values.items() if v and v != title)
    return {
        "id": short(one["id"]),
        "title": title,
        "kind": kind,
        "edited": _day(one),
        "snippet": one_line(", ".join(known), _SNIPPET),
    }


def _line(item: dict[str, Any]) -> str:
    what = [item["id"], one_line(item["title"])]
    if item["kind"] == "table":
        what.append("table")
    return (
        " | ".join([*what, item["edited"], *([item["snippet"]] if item["snippet"] else [])]) + "\n"
    )


def _props(page: Object) -> dict[str, Any]:
    """The properties of a row by name; a page outside of tables has but its title."""
    if "data_source_id" not in page["parent"]:
        return {}
    every = sorted(page["properties"].items(), key=lambda item: item[1]["type"] != "title")
    return {name: simple(one) for name, one in every}


async def _comments(space: Workspace, id: str) -> list[tuple[Object, Trust]]:
    """The comments and whose they are; none where this connection may not read them."""
    try:
        return [(one, await space.trust(one)) async for one in space.comments(id)]
    except ToolFailed:
        return []


def _place(page: str) -> tuple[str, int]:
    """Notion's cursor, and how many of what comes there were shown already."""
    cursor, _, skip = page.rpartition("+")
    if page and not (skip.isascii() and skip.isdigit() and len(skip) < 3):
        raise ToolFailed(f"page={page[:40]!r} is none. Give the next=... of the answer before.")
    return cursor, int(skip or 0)


def _heading(
    what: str, count: int, skip: int, cursor: str, found: Object, all: int
) -> tuple[str, str | None]:
    following = None
    if count < all:
        following = f"{cursor}+{skip + count}"
    elif found["next_cursor"]:
        following = f"{found['next_cursor']}+0"
    return f"{count} {what}" + (f"  next={following}" if following else ""), following


def _day(one: Object) -> str:
    return str(one.get("last_edited_time", ""))[:10]


def _result(pieces: list[Piece], data: dict[str, Any]) -> Result:
    text, origin = lines.joined(pieces)
    return Result(text, data, origin=origin)
