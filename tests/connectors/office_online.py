"""The sample office on test servers: its mails in a Gmail, its notes in a Notion, and what is
there after a run.
"""

import email
import email.policy
import mailbox
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, cast

from gmail_server import Person
from notion_world import World
from ruamel.yaml import YAML

from m2agent.office.notes import TABLES

Row = dict[str, Any]
_OWN = {"inbox", "unread", "sent", "spam", "starred", "important", "trash"}
_NOTHING = {"archived", "opened"}


def move_mail(folder: Path, person: Person) -> None:
    """Put every mail of an office into somebody's mailbox, under the same labels."""
    made: dict[str, str] = {}
    box = mailbox.mbox(folder / "mail" / "import" / "sample.mbox")
    for message in sorted(box, key=_date):
        names = str(message["X-Gmail-Labels"]).split(",")
        del message["X-Gmail-Labels"], message["X-GM-THRID"]
        labels = [_label(name, person, made) for name in names if name.lower() not in _NOTHING]
        person.receive(message.as_bytes(), *labels)
    box.close()


def _date(message: mailbox.mboxMessage) -> datetime:
    return parsedate_to_datetime(message["Date"])


def _label(name: str, person: Person, made: dict[str, str]) -> str:
    if name.lower() in _OWN or name.startswith("Category "):
        return name.upper().replace(" ", "_")
    if name not in made:
        made[name] = person.ask("POST", "labels", name=name)["id"]
    return made[name]


@dataclass(frozen=True)
class Note:
    """A note as its file has it; `place` is the folder's name, empty at the top."""

    place: str
    title: str
    head: Row
    body: str


def notes(folder: Path) -> list[Note]:
    """All notes of an office."""
    found: list[Note] = []
    for path in sorted((folder / "notes").rglob("*.md")):
        _, head, body = path.read_text("utf-8").split("---\n", 2)
        values = cast(Row, cast(Any, YAML(typ="safe")).load(head) or {})
        place = path.parent.name if path.parent.name != "notes" else ""
        title = values.pop(next(iter(TABLES[place]))) if place in TABLES else path.stem
        found.append(Note(place, str(title), values, body))
    return found


def move_notes(folder: Path, world: World) -> None:
    """Put an office's notes into a workspace: folders become pages, tables stay tables."""
    sources: dict[str, str] = {}
    for name, columns in TABLES.items():
        world.table(name, {title: _column(kind) for title, kind in columns.items()})
        sources[name] = list(world.sources)[-1]
    pages: dict[str, str] = {}
    for note in notes(folder):
        if note.place in TABLES:
            source = sources[note.place]
            title = next(iter(TABLES[note.place]))
            values = {title: {"title": [{"text": {"content": note.title}}]}}
            for name, value in note.head.items():
                values[name] = _value(world.sources[source]["properties"][name]["type"], value)
            world.row(source, values, note.body)
            continue
        if note.place and note.place not in pages:
            pages[note.place] = world.page(note.place).id
        world.page(note.title, note.body, parent=pages.get(note.place, ""))


def _column(kind: str | list[str]) -> Row:
    if isinstance(kind, list):
        options = [{"id": n, "name": n, "color": "default", "description": None} for n in kind]
        return {"type": "select", "select": {"options": options}}
    type = {"text": "rich_text"}.get(kind, kind)
    return {"type": type, type: {"format": "number"} if type == "number" else {}}


def _value(type: str, value: Any) -> Row:
    match type:
        case "rich_text":
            return {type: [{"text": {"content": str(value)}}]}
        case "select":
            return {type: {"name": str(value)}}
        case "date":
            return {type: {"start": str(value)}}
        case "number":
            return {type: float(value)}
        case _:
            return {type: str(value)}


def rows_in_files(folder: Path) -> dict[str, list[Row]]:
    """Every table's rows, from the files of an office."""
    tables: dict[str, list[Row]] = {name: [] for name in TABLES}
    for note in notes(folder):
        if note.place in TABLES:
            title = next(iter(TABLES[note.place]))
            tables[note.place].append(_plain({title: note.title, **note.head}, note.body))
    return {name: sorted(rows, key=repr) for name, rows in tables.items()}


def rows_in_notion(world: World) -> dict[str, list[Row]]:
    """The same from a workspace."""
    tables: dict[str, list[Row]] = {}
    for id, source in world.sources.items():
        name = source["title"][0]["plain_text"]
        tables[name] = []
        for page in world.pages.values():
            if page.parent.get("data_source_id") == id and not page.in_trash:
                values = {key: _simple(one) for key, one in page.properties.items()}
                tables[name].append(_plain(values, world.text(page)))
    return {name: sorted(rows, key=repr) for name, rows in tables.items()}


def _plain(values: Row, body: str) -> Row:
    """What both have in common: no empty values, no blank lines, numbers as numbers."""
    kept = {key: value for key, value in values.items() if value not in (None, "", [])}
    kept = {k: float(v) if isinstance(v, int | float) else str(v) for k, v in kept.items()}
    lines = [line.strip() for line in body.splitlines() if line.strip()]
    return dict(sorted(kept.items())) | {"(text)": lines}


def _simple(one: Row) -> Any:
    match value := one[one["type"]]:
        case list():
            return "".join(part["text"]["content"] for part in cast(list[Row], value))
        case {"name": name}:
            return name
        case {"start": start}:
            return start
        case _:
            return value


Sent = tuple[str, str, str, str]


def as_sent(raw: bytes) -> Sent:
    """Of a sent mail: to whom, its subject, what it answers, and its plain text."""
    mail = email.message_from_bytes(raw, EmailMessage, policy=email.policy.default)
    body = mail.get_body(("plain",))
    text = body.get_content().replace("\r\n", "\n") if body else ""
    return str(mail["To"]), str(mail["Subject"]), str(mail["In-Reply-To"]), text
