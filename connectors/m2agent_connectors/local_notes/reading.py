"""What the four reading tools answer: lines for the model, and the same as data for programs."""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache, partial
from pathlib import Path
from typing import Any

from m2agent.errors import ToolFailed
from m2agent.printable import one_line, printable
from m2agent.tool import Result
from m2agent_connectors.local_notes import table
from m2agent_connectors.local_notes.folder import Folder
from m2agent_connectors.local_notes.index import Hit, Index, Kind
from m2agent_connectors.local_notes.note import Note, parse
from m2agent_connectors.notes import lines
from m2agent_connectors.notes.lines import Piece
from m2agent_connectors.notes.query import Row, Sort, Where, ordered, select
from m2agent_connectors.notes.schema import Schema

_SNIPPET = 200
_LONG_CELL = 2_000
"""Characters of a property in a note that is read; in a list it gets fewer."""


def search(folder: Folder, index: Index, query: str, kind: Kind, limit: int, page: str) -> Result:
    first = lines.first_of(page)
    found = index.search(query, kind, first, limit)
    items: list[dict[str, Any]] = []
    pieces: list[Piece] = []
    schemas = cache(partial(_schema_of, folder))
    for hit in found.hits:
        item, piece = _item(folder, hit, schemas)
        items.append(item)
        pieces.append(piece)
    count = lines.fitting([piece.text for piece in pieces])
    head, following = lines.heading("found", first, count, found.total)
    note = found.note if found.total else "Try fewer or other words."
    data = {"items": items[:count], "total": found.total, "next": following}
    return _result(
        [Piece(f"{head}  {note}".rstrip() + "\n", "own", "notes"), *pieces[:count]], data
    )


def read(folder: Folder, id: str, offset: int, max_chars: int) -> Result:
    try:
        path = folder.note(id)
    except ToolFailed as no_note:
        try:
            return schema(folder, id)
        except ToolFailed:
            raise no_note from None
    note, id = parse(folder.bytes(path)), folder.id(path)
    columns = _schema_of(folder, path.parent)
    title = table.title(note, path.stem, columns)
    props = (table.row(note, path.stem, columns) if columns else {}) | note.props
    day = _day(folder.edited(path))
    of = folder.id(path.parent) if columns else None
    parts = [id, *([one_line(title)] if title != path.stem else []), f"changed {day}"]
    head = [" | ".join(parts)]
    if of:
        head.append(f"a row of the table {of}")
    if note.problem:
        head.append(f"Its properties cannot be read: {one_line(note.problem)}.")
    for name, value in props.items():
        head.append(f"{one_line(name)}: {lines.cell(value, _LONG_CELL)}".rstrip())
    body = note.body.replace("\r\n", "\n")
    page, following = lines.cut(body, offset, max_chars, f'notes_read id="{id}"')
    text = "\n".join(head) + f"\n\n{page}"
    data = {
        "id": id,
        "title": title,
        "kind": "row" if of else "page",
        "table": of,
        "edited": day,
        "props": props,
        "body": printable(body[offset : offset + max_chars]),
        "chars": len(body),
        "next": following,
    }
    return _result([Piece(text, note.trust, f"note {id}")], data)


def schema(folder: Folder, id: str) -> Result:
    path = folder.table(id)
    id = folder.id(path)
    columns = _columns(folder, path)
    rows = len(folder.notes(path, deep=False))
    text = "\n".join(
        [
            f"{id} | table | rows: {rows}",
            *(one_line(str(p), _LONG_CELL) for p in columns.properties),
        ]
    )
    properties = [
        {"name": p.name, "type": p.type, "options": list(p.options)} for p in columns.properties
    ]
    data = {"id": id, "title": path.name, "kind": "table", "rows": rows, "properties": properties}
    return _result([Piece(text, "own", f"table {id}")], data)


def query(
    folder: Folder,
    id: str,
    where: list[Where],
    sort: list[Sort],
    columns: list[str],
    limit: int,
    page: str,
) -> Result:
    path = folder.table(id)
    id = folder.id(path)
    schema = _columns(folder, path)
    names = [schema.property(one).name for one in columns] or schema.names
    first = lines.first_of(page)
    heads = {found.id: folder.head(Path(found.path)) for found in folder.notes(path, deep=False)}
    rows: list[Row] = [
        table.row(note, row.rpartition("/")[2], schema) | {"id": row} for row, note in heads.items()
    ]
    meant = ordered(select(rows, schema, where), schema, sort)
    shown = meant[first : first + limit]
    cells = [lines.tsv(row["id"], [row.get(name) for name in names]) for row in shown]
    count = lines.fitting(cells)
    head, following = lines.heading("rows", first, count, len(meant))
    source = f"table {id}"
    pieces = [Piece(f"{head}\n{lines.tsv('id', names)}", "own", source)]
    for row, cell in zip(shown[:count], cells, strict=False):
        own = heads[row["id"]].trust == "own"
        pieces.append(
            Piece(cell, "own", source) if own else Piece(cell, "outside", f"note {row['id']}")
        )
    broken = [f"{row}: {one_line(note.problem)}" for row, note in heads.items() if note.problem]
    if broken:
        words = f"Properties that cannot be read, in {len(broken)}: {'; '.join(broken[:3])}\n"
        pieces.append(Piece(words, "outside", source))
    data = {
        "rows": [{**{name: row[name] for name in names}, "id": row["id"]} for row in shown[:count]],
        "total": len(meant),
        "next": following,
    }
    return _result(pieces, data)


def _item(
    folder: Folder, hit: Hit, schema_of: Callable[[Path], Schema | None]
) -> tuple[dict[str, Any], Piece]:
    path = folder.root / hit.id
    is_table = hit.kind == "table"
    note = Note("") if is_table else folder.head(path.with_name(f"{path.name}.md"))
    columns = None if is_table else schema_of(path.parent)
    title = table.title(note, path.name, columns)
    day, snippet = _day(hit.edited), one_line(hit.snippet, _SNIPPET)
    kind = "row" if columns else hit.kind
    item = {"id": hit.id, "title": title, "kind": kind, "edited": day, "snippet": snippet}
    what = "table" if is_table else one_line(title) if title != path.name else ""
    parts = (part for part in (hit.id, what, day, snippet) if part)
    return item, Piece(
        " | ".join(parts) + "\n", note.trust, f"{'table' if is_table else 'note'} {hit.id}"
    )


def _columns(folder: Folder, path: Path) -> Schema:
    columns = folder.schema(path)
    if columns is None:
        raise ToolFailed(f"{folder.id(path)} is no table any more: {table.FILE} is gone.")
    return columns


def _schema_of(folder: Folder, path: Path) -> Schema | None:
    """The schema for showing a row, which a table's broken file must not prevent."""
    try:
        return folder.schema(path)
    except ToolFailed:
        return None


def _day(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).date().isoformat()


def _result(pieces: list[Piece], data: dict[str, Any]) -> Result:
    text, origin = lines.joined(pieces)
    return Result(text, data, origin=origin)
