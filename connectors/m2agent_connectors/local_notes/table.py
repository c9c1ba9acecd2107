"""A table: a folder with `_table.yaml`, which gives each property its type.

    Invoice: title
    Amount: number
    Due: date
    Status:
      type: select
      options: [Open, Paid, Wrong]

Its rows are the notes in the folder, and their front matter holds the values. Without a property
of type title the rows' title is called `title`.
"""

from pathlib import Path
from typing import Any, cast, get_args

from m2agent.errors import ToolFailed
from m2agent_connectors.local_notes import yaml_head
from m2agent_connectors.local_notes.note import Note
from m2agent_connectors.notes.schema import Property, PropertyType, Schema, shown

FILE = "_table.yaml"

TITLE = "title"
"""The property that holds a title, where no table says otherwise."""

TYPES: tuple[PropertyType, ...] = tuple(t for t in get_args(PropertyType) if t != "relation")
"""A note names another one by a link in its text."""


def load(folder: Path, id: str) -> Schema | None:
    """The folder's schema, None if it is no table. Raises ToolFailed for one that is wrong."""
    path = folder / FILE
    try:
        with path.open("rb") as file:
            data = file.read(yaml_head.LONGEST + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ToolFailed(f"{FILE} of {id} cannot be read: {error.strerror}.") from error
    try:
        found = yaml_head.read(data.decode("utf-8-sig", "replace"))
    except yaml_head.BadYAML as error:
        raise _wrong(id, str(error)) from error
    if found is None:
        raise _wrong(id, "it must give each property its type, as in `Amount: number`")
    properties = [_property(name, value, id) for name, value in found.items()]
    titles = [p for p in properties if p.type == "title"]
    if len(titles) > 1:
        raise _wrong(id, f"{titles[0].name} and {titles[1].name} cannot both be the title")
    if not titles:
        properties.insert(0, Property(TITLE, "title"))
    return Schema(tuple(properties))


def row(note: Note, stem: str, schema: Schema) -> dict[str, Any]:
    """The values of a row by property."""
    values = {name: note.prop(name) for name in schema.names}
    return values | {schema.title.name: title(note, stem, schema)}


def title(note: Note, stem: str, schema: Schema | None) -> str:
    """A note's title: its property, else its file's name."""
    given = note.prop(schema.title.name if schema else TITLE)
    return given if isinstance(given, str) and given.strip() else stem


def _property(name: str, value: Any, id: str) -> Property:
    given = cast(dict[str, Any], value) if isinstance(value, dict) else {"type": value}
    unknown = given.keys() - {"type", "options"}
    if unknown:
        raise _wrong(id, f"{name} has {shown(min(unknown))}, but only type and options are known")
    if given.get("type") not in TYPES:
        raise _wrong(
            id, f"{name} has type {shown(given.get('type'))}; {', '.join(TYPES)} are known"
        )
    options: Any = given.get("options") or []
    if not isinstance(options, list):
        raise _wrong(id, f"the options of {name} must be a list")
    return Property(name, given["type"], tuple(str(one) for one in cast(list[Any], options)))


def _wrong(id: str, problem: str) -> ToolFailed:
    return ToolFailed(
        f"The table {id} cannot be used: in its {FILE}, {problem}. Ask the person to put it right."
    )
