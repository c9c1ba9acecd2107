"""The person's notes: a folder of Markdown, in which a folder with `_table.yaml` is a table."""

import json
import random
import re
from collections.abc import Iterator, Mapping
from datetime import datetime

from m2agent.office import prose, workdays
from m2agent.office.cast import Cast
from m2agent.office.invoices import Invoice
from m2agent.office.threads import slots

Value = str | float | list[str]

TABLES: dict[str, dict[str, str | list[str]]] = {
    "Invoices": {
        "Number": "title",
        "Supplier": "text",
        "Date": "date",
        "Due": "date",
        "Stated": "number",
        "Total": "number",
        "Status": ["To check", "OK", "Wrong", "Paid"],
        "Remark": "text",
    },
    "Suppliers": {
        "Name": "title",
        "Supplies": "text",
        "Contact": "text",
        "Email": "email",
        "Invoices from": "email",
        "Phone": "text",
        "Address": "text",
        "Country": ["IE", "DE", "FR", "IT", "DK", "JP", "CN"],
        "IBAN ends": "text",
        "Our number": "text",
    },
    "Tasks": {
        "Task": "title",
        "Status": ["Open", "Waiting", "Done"],
        "Due": "date",
        "Who": "text",
        "Area": ["Office", "Workshop", "Projects", "People", "Private"],
    },
    "Projects": {
        "Project": "title",
        "Customer": "text",
        "Status": ["Drawing", "Planned", "Building", "Done"],
        "Start": "date",
        "Value": "number",
    },
    "Candidates": {
        "Name": "title",
        "Stage": ["New", "Interview", "Offer", "On hold", "No"],
        "Position": "text",
        "Email": "email",
        "Seen": "date",
    },
}
"""Each table's properties with their types; a list is a select with these options."""

_SUPPLIES = {
    "timber": "boards, ply, MDF",
    "hardware": "hinges, runners, handles",
    "paint": "lacquer and oil",
    "glass": "glass and mirrors",
    "fabric": "wool and foam",
    "lighting": "LED and pendants",
    "haulage": "lorries",
    "packaging": "blankets, cartons",
    "energy": "electricity",
    "it": "computers, backup",
    "waste": "skips, bins",
    "print": "letters and signs",
    "tools": "saw blades, chisels",
    "castings": "brass knobs and feet",
}


def files(
    cast: Cast, invoices: list[Invoice], now: datetime, rng: random.Random
) -> Iterator[tuple[str, str]]:
    """Every file of the notes: its path, and its text."""
    for table, properties in TABLES.items():
        yield f"{table}/_table.yaml", _schema(properties)
    known = {**slots(cast), **workdays.days(now.date())}
    for piece in prose.pieces("notes.txt"):
        title = prose.fill(piece.title, known, rng)
        values = {k: prose.fill(v, known, rng) for k, v in piece.head.items()}
        yield _file(title, values, prose.fill(piece.text, known, rng))
    for invoice in invoices:
        if invoice.week > 1:
            yield _file(f"Invoices/{invoice.number}", _bill(invoice))
    for kind, supplier in cast.suppliers.items():
        row = {
            "Supplies": _SUPPLIES[kind],
            "Contact": supplier.contact.name,
            "Email": supplier.contact.address,
            "Invoices from": supplier.billing.address,
            "Phone": supplier.contact.phone,
            "Address": supplier.address,
            "Country": supplier.country,
            "IBAN ends": supplier.iban,
            "Our number": supplier.ours,
        }
        yield _file(f"Suppliers/{supplier.name}", row)


def _bill(invoice: Invoice) -> dict[str, Value]:
    row: dict[str, Value] = {
        "Supplier": invoice.supplier.name,
        "Date": invoice.issued.isoformat(),
        "Due": invoice.due.isoformat(),
        "Stated": invoice.stated_total / 100,
        "Total": invoice.total / 100,
        "Status": "OK" if invoice.week == 2 else "Paid",
    }
    if invoice.wrong:
        row["Remark"] = f"{invoice.mistake}; corrected by the supplier, paid the right total"
    return row


def _schema(properties: Mapping[str, str | list[str]]) -> str:
    lines: list[str] = []
    for name, kind in properties.items():
        if isinstance(kind, str):
            lines.append(f"{name}: {kind}")
        else:
            lines += [f"{name}:", "  type: select", f"  options: [{', '.join(kind)}]"]
    return "\n".join(lines) + "\n"


def _file(path: str, values: Mapping[str, Value], body: str = "") -> tuple[str, str]:
    """A note with its front matter; in a table's folder the last part of the path is its title."""
    table, _, title = path.partition("/")
    kinds = TABLES.get(table, {})
    stem = re.sub(r'[\\/:*?"<>|#^\[\]]+', " ", title).strip(" .") if kinds else title
    head: dict[str, Value] = {next(iter(kinds)): title} if kinds else {}
    for name, value in values.items():
        if name == "tags":
            head[name] = str(value).split(", ")
        elif kinds.get(name) == "number":
            head[name] = float(str(value))
        else:
            head[name] = value
    fenced = "".join(f"{name}:{_yaml(value)}\n" for name, value in head.items())
    text = f"{body}\n" if body else ""
    return f"{table}/{stem}.md" if title else f"{table}.md", f"---\n{fenced}---\n{text}"


def _yaml(value: Value) -> str:
    """A value after its colon, as Obsidian writes it."""
    match value:
        case list():
            return "".join(f"\n  - {item}" for item in value)
        case str():
            bare = _BARE.fullmatch(value) and value.lower() not in _KEYWORDS
            return f" {value}" if bare else f" {json.dumps(value, ensure_ascii=False)}"
        case _:
            return f" {value:.0f}" if value == int(value) else f" {value:.2f}"


_BARE = re.compile(r"\d{4}-\d\d-\d\d|[^\W\d_]([\w ./@()&'+-]*[\w./@()&'+-])?")
_KEYWORDS = ("true", "false", "null", "yes", "no", "on", "off")
