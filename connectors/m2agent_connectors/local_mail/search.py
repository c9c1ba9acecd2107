"""A query's tree as SQL, and its answer a page at a time."""

from m2agent_connectors.local_mail.store import Store
from m2agent_connectors.mail.clean import one_line
from m2agent_connectors.mail.query import (
    And,
    HasAttachment,
    Label,
    Larger,
    MessageId,
    Node,
    Not,
    Or,
    Since,
    Smaller,
    Text,
    Until,
)

Value = str | int | float

_COLUMNS = {
    "from": "names.sender",
    "to": "names.recipient",
    "cc": "names.copy",
    "bcc": "names.blind",
    "filename": "names.file",
    "subject": "words.subject",
}


def condition(node: Node) -> tuple[str, list[Value]]:
    """The tree as a condition on a row of `message`, and the values of its parameters."""
    match node:
        case And(()):
            return "1", []
        case And(parts):
            return _all(" AND ", parts)
        case Or(parts):
            return _all(" OR ", parts)
        case Not(part):
            sql, values = condition(part)
            return f"NOT {sql}", values
        case Text("any", text):
            words = "(id IN (SELECT rowid FROM words WHERE words MATCH ?)"
            names = " OR id IN (SELECT rowid FROM names WHERE names MATCH ?))"
            return words + names, [_phrase(text)] * 2
        case Text(field, text):
            table, _, column = _COLUMNS[field].partition(".")
            sql = f"id IN (SELECT rowid FROM {table} WHERE {table} MATCH ?)"
            return sql, [f"{column} : {_phrase(text)}"]
        case Label(key):
            return (
                "id IN (SELECT message FROM labelled JOIN label ON label.id = label WHERE key = ?)",
                [key],
            )
        case HasAttachment():
            return "attachments > 0", []
        case Since(seconds):
            return "date >= ?", [seconds]
        case Until(seconds):
            return "date < ?", [seconds]
        case Larger(size):
            return "size > ?", [size]
        case Smaller(size):
            return "size < ?", [size]
        case MessageId(id):
            return "message_id = ?", [id]


def found(store: Store, node: Node, *, limit: int, after: int | None) -> list[int]:
    """The numbers of matching mails, newest first; `after` is the last mail of the page before."""
    sql, values = condition(node)
    if after is not None:
        sql += " AND (date, id) < (SELECT date, id FROM message WHERE id = ?)"
        values.append(after)
    order = " ORDER BY date DESC, id DESC LIMIT ?"
    return store.column(f"SELECT id FROM message WHERE {sql}{order}", *values, limit)


def count(store: Store, node: Node) -> int:
    sql, values = condition(node)
    return store.one(f"SELECT count(*) FROM message WHERE {sql}", *values)


def _all(joint: str, parts: tuple[Node, ...]) -> tuple[str, list[Value]]:
    conditions = [condition(part) for part in parts]
    sql = joint.join(sql for sql, _ in conditions)
    return f"({sql})", [value for _, values in conditions for value in values]


def _phrase(text: str) -> str:
    """Words as an FTS5 phrase: nothing in it is an operator."""
    return '"' + one_line(text).replace('"', '""') + '"'
