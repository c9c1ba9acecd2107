"""What came back, drawn as what it is: mails, pages, tables, what a command printed."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from textual.content import Content

from m2agent.events import Called, Returned
from m2agent.printable import one_line
from m2agent_tui.look import (
    Block,
    bounded,
    fields,
    page,
    plain,
    table,
    terminal,
)
from m2agent_tui.shape import list_of, table_of

_SEARCHES = ("mail_search", "notes_search")


def outcome(called: Called, returned: Returned) -> str:
    """What came of a call, in few words; nothing where its title says it all."""
    first = one_line(returned.text.strip().partition("\n")[0], 120)
    if not returned.ok:
        return first
    match called.tool, returned.data:
        case _, {"exit_code": code, "output": str(output)}:
            said = one_line(output.strip().rpartition("\n")[2], 90)
            return f"exit {code}  {said}".rstrip()
        case _, {"draft_id": str(id)}:
            return f"draft {one_line(id)}, not sent"
        case _, {"rows": [*rows]}:
            return _count(rows, returned.data, "row")
        case "mail_search", {"items": [*items]}:
            return _count(items, returned.data, "mail")
        case "notes_search", {"items": [*items]}:
            return _count(items, returned.data, "found", plural="found")
        case "mail_read" | "notes_read" | "notes_schema" | "notes_create" | "notes_update", {}:
            return ""
        case _:
            return first


def result(called: Called, returned: Returned) -> list[Block]:
    """The result to read; words where its data has no shape that is known."""
    if not returned.ok:
        return [Block(plain(bounded(returned.text)))]
    match returned.data:
        case {"exit_code": code, "output": str(output), "cwd": cwd}:
            command = called.arguments.get("command") or called.arguments.get("text") or ""
            return [terminal(str(command), output, f"exit {code} in {cwd}")]
        case {"from": str(), "subject": str(), "text": str(text)}:
            return [Block(_mail(cast(Mapping[str, Any], returned.data))), page(_after_head(text))]
        case {"title": str(title), "body": str(body)}:
            props = table_of(returned.data.get("props"))
            head = [("page", title), *((name, _cell(value)) for name, value in props.items())]
            return [Block(fields(head)), page(body)]
        case {"properties": [*properties], "title": str()} if _are_tables(properties):
            rows = [
                [_cell(p.get("name")), _cell(p.get("type")), _cell(p.get("options"))]
                for p in properties
            ]
            return [Block(table(["Property", "Type", "Options"], rows))]
        case {"rows": [*rows]} if rows and _are_tables(rows):
            return [Block(_rows(rows))]
        case {"items": [*items]} if called.tool in _SEARCHES and items and _are_tables(items):
            return [Block(_found(items))]
        case _:
            return [Block(plain(bounded(returned.text)))]


def _count(found: Sequence[Any], data: Any, word: str, plural: str = "") -> str:
    total = data.get("total")
    shown = f"{len(found)} of {total}" if isinstance(total, int) and total > len(found) else ""
    return f"{shown or len(found)} {word if len(found) == 1 else plural or word + 's'}"


def _mail(mail: Mapping[str, Any]) -> Content:
    """The head of a mail, with what is attached to it."""
    attached = [
        f"{_cell(one.get('name'))} ({_cell(one.get('type'))}, {_cell(one.get('size'))} bytes)"
        for one in map(table_of, list_of(mail.get("attachments")))
    ]
    names = ("From", "To", "Cc", "Date", "Subject", "Labels")
    head = [(name, _cell(mail.get(name.lower()))) for name in names]
    return fields([*head, ("Attached", ", ".join(attached))])


def _after_head(text: str) -> str:
    """A mail's text without the lines about it that stand above."""
    return text.partition("\n\n")[2] or text


def _are_tables(values: Sequence[Any]) -> bool:
    return all(isinstance(value, dict) for value in values)


def _rows(rows: Sequence[Mapping[str, Any]]) -> Content:
    names = [name for name in dict.fromkeys(n for row in rows for n in row) if name != "id"]
    return table(names or ["id"], [[_cell(row.get(n)) for n in names or ["id"]] for row in rows])


def _found(items: Sequence[Mapping[str, Any]]) -> Content:
    """What a search found: mails by date, sender and subject, anything else by its fields."""
    if all("subject" in item for item in items):
        names = ["date", "from", "subject", "labels", "attachments"]
    else:
        known = ("title", "name", "kind", "edited", "snippet")
        names = [name for name in known if any(name in item for item in items)]
    if not names:
        return _rows(items)
    return table(
        [name.capitalize() for name in names],
        [[_cell(item.get(name)) for name in names] for item in items],
    )


def _cell(value: Any) -> str:
    match value:
        case None | 0 | []:
            return ""
        case [*items]:
            return ", ".join(_cell(item) for item in items)
        case str() if len(value) == 20 and value.endswith("Z") and value[10] == "T":
            return value[:16].replace("T", " ")
        case _:
            return str(value)
