"""The mailbox as one SQLite file: mails as they came, their labels and threads, an index of words.

A draft is a mail with the label DRAFT. Subject and body are indexed by word stem, so that
"invoices" finds "Invoice"; names, addresses and file names as they are written.
"""

import hashlib
import re
import sqlite3
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from m2agent.errors import SetupError, ToolFailed
from m2agent_connectors.mail.address import Address, addresses
from m2agent_connectors.mail.body import indexed, snippet
from m2agent_connectors.mail.lines import Entry
from m2agent_connectors.mail.message import Mail, parse
from m2agent_connectors.mail.query import label_key

SYSTEM_LABELS = ("INBOX", "UNREAD", "STARRED", "IMPORTANT", "DRAFT", "SENT", "SPAM", "TRASH")

_VERSION = 1
_INDEXED = 200_000
_SNIPPET = 160
_SCHEMA = """
CREATE TABLE message (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    thread INTEGER NOT NULL,
    message_id TEXT NOT NULL,
    digest BLOB NOT NULL UNIQUE,
    date REAL NOT NULL,
    sender TEXT NOT NULL,
    address TEXT NOT NULL,
    recipients TEXT NOT NULL,
    subject TEXT NOT NULL,
    topic TEXT NOT NULL,
    snippet TEXT NOT NULL,
    attachments INTEGER NOT NULL,
    size INTEGER NOT NULL
);
CREATE INDEX message_by_date ON message (date, id);
CREATE INDEX message_by_thread ON message (thread);
CREATE INDEX message_by_message_id ON message (message_id);
CREATE INDEX message_by_topic ON message (topic);
CREATE TABLE raw (message INTEGER PRIMARY KEY, bytes BLOB NOT NULL);
CREATE TABLE label (id INTEGER PRIMARY KEY, name TEXT NOT NULL, key TEXT NOT NULL UNIQUE);
CREATE TABLE labelled (
    label INTEGER NOT NULL, message INTEGER NOT NULL, PRIMARY KEY (label, message)
) WITHOUT ROWID;
CREATE INDEX labelled_by_message ON labelled (message);
CREATE TABLE reference (
    id TEXT NOT NULL, message INTEGER NOT NULL, PRIMARY KEY (id, message)
) WITHOUT ROWID;
CREATE INDEX reference_by_message ON reference (message);
CREATE TABLE earlier (message_id TEXT PRIMARY KEY, message INTEGER NOT NULL, bytes BLOB NOT NULL);
CREATE TABLE outgoing (message INTEGER PRIMARY KEY, key TEXT NOT NULL);
CREATE TABLE about (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE VIRTUAL TABLE words USING fts5 (subject, body, tokenize = 'porter unicode61');
CREATE VIRTUAL TABLE names USING fts5 (
    sender, recipient, copy, blind, file, tokenize = 'unicode61'
);
"""
_STORAGE_HEADER = re.compile(
    rb"(?im)^(?:X-GM-THRID|X-Gmail-Labels|Status|X-Status|X-Keywords|X-UID|X-Mozilla-[^:\r\n]{1,40}"
    rb"|Content-Length|Lines):[^\r\n]*\r?\n(?:[ \t][^\r\n]*\r?\n)*"
)
_PREFIX = re.compile(
    r"(?:\s*(?:re|aw|sv|antw|fwd?|wg|tr|rv)\s*(?:\[\d+\])?\s*:)+\s*", re.IGNORECASE
)


class Store:
    """An open mailbox. `own` is the person's address."""

    def __init__(self, db: sqlite3.Connection, path: Path) -> None:
        self.db = db
        self.path = path

    @classmethod
    def open(cls, path: Path) -> "Store":
        """Open or make the file. Raises SetupError for one that is no mailbox of ours."""
        try:
            db = sqlite3.connect(path, timeout=60, isolation_level=None, check_same_thread=False)
            store = cls(db, path)
            try:
                store._prepare()
            except BaseException:
                db.close()
                raise
        except (sqlite3.DatabaseError, ToolFailed) as error:
            raise SetupError(
                f"The mailbox {path} cannot be opened: {error}",
                fix="Check the file and the disk, or give the account another folder.",
            ) from error
        return store

    def _prepare(self) -> None:
        self.execute("PRAGMA journal_mode = WAL")
        self.execute("PRAGMA synchronous = FULL")
        if self.one("PRAGMA user_version") == 0:
            with self.transaction():
                if self.one("PRAGMA user_version") == 0:
                    self._create()
        if self.one("PRAGMA user_version") != _VERSION:
            raise SetupError(
                f"The mailbox {self.path} was written by a newer m2agent.",
                fix="Update m2agent, or give the account another folder.",
            )

    def _create(self) -> None:
        for statement in _SCHEMA.split(";\n"):
            if statement.strip():
                self.execute(statement)
        for name in SYSTEM_LABELS:
            self.label(name)
        self.execute(f"PRAGMA user_version = {_VERSION}")

    def close(self) -> None:
        self.db.close()

    @contextmanager
    def transaction(self) -> Generator[None]:
        """All or nothing, alone in writing. Raises ToolFailed for a full disk or a locked file."""
        self.execute("BEGIN IMMEDIATE")
        try:
            yield
            self.execute("COMMIT")
        finally:
            if self.db.in_transaction:
                self.db.execute("ROLLBACK")

    def execute(self, sql: str, values: Sequence[Any] = ()) -> sqlite3.Cursor:
        """Run one statement. Raises ToolFailed for what is not our mistake."""
        try:
            return self.db.execute(sql, values)
        except (sqlite3.IntegrityError, sqlite3.ProgrammingError):
            raise
        except sqlite3.DatabaseError as error:
            raise ToolFailed(f"The mailbox cannot be used now: {error}.") from error

    def one(self, sql: str, *values: Any) -> Any:
        """The first column of the first row, or None."""
        row = self.execute(sql, values).fetchone()
        return row[0] if row else None

    def column(self, sql: str, *values: Any) -> list[Any]:
        return [row[0] for row in self.execute(sql, values)]

    @property
    def own(self) -> str:
        return self.about("own") or "me@office.example"

    def signed(self, me: Address) -> Address:
        """The address with the name that the person's last sent mail gives it."""
        last = self.one(
            "SELECT sender FROM message JOIN labelled ON message = message.id AND label = ?"
            " WHERE address = ? ORDER BY date DESC LIMIT 1",
            self.label("SENT"),
            me.address.lower(),
        )
        return next(iter(addresses(last or "")), me)

    def about(self, name: str) -> str:
        return self.one("SELECT value FROM about WHERE name = ?", name) or ""

    def note(self, name: str, value: str) -> None:
        self.execute("INSERT OR REPLACE INTO about VALUES (?, ?)", (name, value))

    # Mails

    def add(self, raw: bytes, mail: Mail, *, date: float, labels: Iterable[str]) -> int:
        """Store a mail in a thread of its own, and return its number. Part of a transaction."""
        text = indexed(mail)[:_INDEXED]
        number = self.execute(
            "INSERT INTO message VALUES (NULL, 0, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            _row(raw, mail, date, text),
        ).lastrowid
        assert number
        self.execute("UPDATE message SET thread = id WHERE id = ?", (number,))
        self._index(number, raw, mail, text)
        self.change_labels([number], add=labels)
        return number

    def replace(self, number: int, raw: bytes, mail: Mail, *, date: float) -> None:
        """Put another mail in a mail's place; its number, thread and labels stay."""
        self._forget(number)
        text = indexed(mail)[:_INDEXED]
        columns = "message_id digest date sender address recipients subject topic snippet"
        sets = ", ".join(f"{name} = ?" for name in [*columns.split(), "attachments", "size"])
        row = (*_row(raw, mail, date, text), number)
        self.execute(f"UPDATE message SET {sets} WHERE id = ?", row)
        self._index(number, raw, mail, text)

    def delete(self, number: int) -> None:
        self._forget(number)
        self.execute("DELETE FROM message WHERE id = ?", (number,))
        for table in ("labelled", "earlier", "outgoing"):
            self.execute(f"DELETE FROM {table} WHERE message = ?", (number,))

    def _forget(self, number: int) -> None:
        for table in ("words", "names"):
            self.execute(f"DELETE FROM {table} WHERE rowid = ?", (number,))
        for table in ("raw", "reference"):
            self.execute(f"DELETE FROM {table} WHERE message = ?", (number,))

    def _index(self, number: int, raw: bytes, mail: Mail, text: str) -> None:
        self.execute("INSERT INTO raw VALUES (?, ?)", (number, raw))
        self.execute(
            "INSERT INTO words (rowid, subject, body) VALUES (?, ?, ?)",
            (number, mail.subject, text),
        )
        people = (_people([mail.sender] if mail.sender else ()), *map(_people, (mail.to, mail.cc)))
        files = "\n".join(attachment.name for attachment in mail.attachments)
        self.execute(
            "INSERT INTO names (rowid, sender, recipient, copy, blind, file)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            (number, *people, _people(mail.bcc), files),
        )
        known = {mail.in_reply_to, *mail.references[-50:]} - {""}
        self.db.executemany(
            "INSERT OR IGNORE INTO reference VALUES (?, ?)", [(id, number) for id in sorted(known)]
        )

    def raw(self, number: int) -> bytes:
        return self.one("SELECT bytes FROM raw WHERE message = ?", number)

    def mail(self, number: int) -> Mail:
        return parse(self.raw(number))

    def number(self, id: str) -> int:
        """The number behind "m18" or "d18". Raises ToolFailed if there is no such mail."""
        match = re.fullmatch(r"[md]?([0-9]{1,15})", id.strip())
        if match and self.one("SELECT id FROM message WHERE id = ?", int(match.group(1))):
            return int(match.group(1))
        if re.fullmatch(r"t[0-9]+", id.strip()):
            raise ToolFailed(f"{id} is a thread, not a mail. Use it where a tool takes thread.")
        raise ToolFailed(f"There is no mail {id[:40]!r}. mail_search gives mails with their ids.")

    def thread(self, id: str) -> list[int]:
        """The mails of thread "t7", oldest first. Raises ToolFailed if there is none."""
        match = re.fullmatch(r"t([0-9]{1,15})", id.strip())
        numbers = (
            self.column(
                "SELECT id FROM message WHERE thread = ? ORDER BY date, id", int(match.group(1))
            )
            if match
            else []
        )
        if not numbers:
            raise ToolFailed(f"There is no thread {id[:40]!r}. mail_search gives threads as [t7].")
        return numbers

    def entries(self, numbers: Sequence[int]) -> list[Entry]:
        """Mails as lists show them, in the order of the numbers.

        The person's own are those sent, and drafts but for the ones that a model wrote.
        """
        marks = ",".join("?" * len(numbers))
        labels: dict[int, list[str]] = {number: [] for number in numbers}
        for number, name in self.execute(
            "SELECT message, name FROM labelled JOIN label ON label.id = label"
            f" WHERE message IN ({marks}) ORDER BY label.id",
            numbers,
        ):
            labels[number].append(name)
        found: dict[int, Entry] = {}
        for row in self.execute(
            "SELECT id, thread, sender, address, recipients, subject, date, snippet, attachments,"
            " (SELECT count(*) FROM message AS other WHERE other.thread = message.thread),"
            f" message_id FROM message WHERE id IN ({marks})",
            numbers,
        ):
            names = tuple(labels[row[0]])
            ours = "DRAFT" in names and not row[10].startswith("m2a.")
            found[row[0]] = Entry(
                id=f"{'d' if 'DRAFT' in names else 'm'}{row[0]}",
                thread=f"t{row[1]}",
                thread_size=row[9],
                sender=row[2] or "unknown sender",
                to=tuple(row[4].splitlines()),
                subject=row[5],
                date=row[6],
                labels=names,
                snippet=row[7],
                attachments=row[8],
                own=(ours or "SENT" in names) and row[3] == self.own.lower(),
            )
        return [found[number] for number in numbers]

    # Labels

    def label(self, name: str) -> int:
        """The label of that name, made if it is new."""
        key = label_key(name)
        known = self.one("SELECT id FROM label WHERE key = ?", key)
        if known is None:
            self.execute("INSERT INTO label VALUES (NULL, ?, ?)", (name, key))
        return known or self.one("SELECT id FROM label WHERE key = ?", key)

    def label_named(self, name: str) -> str | None:
        """The label's name as it is written, or None."""
        return self.one("SELECT name FROM label WHERE key = ?", label_key(name))

    def rename_label(self, name: str, new_name: str) -> None:
        values = (new_name, label_key(new_name), name)
        self.execute("UPDATE label SET name = ?, key = ? WHERE name = ?", values)

    def labelled(self, name: str) -> int:
        """How many mails have the label."""
        label = "SELECT id FROM label WHERE name = ?"
        return self.one(f"SELECT count(*) FROM labelled WHERE label = ({label})", name)

    def delete_label(self, name: str) -> None:
        label = "SELECT id FROM label WHERE name = ?"
        self.execute(f"DELETE FROM labelled WHERE label = ({label})", (name,))
        self.execute("DELETE FROM label WHERE name = ?", (name,))

    def label_counts(self) -> list[tuple[str, int, int]]:
        """Name, mails and unread mails of each label; the trash counts only as the trash."""
        trash, unread = self.label("TRASH"), self.label("UNREAD")
        return self.execute(
            "SELECT name, count(own.message), count(unread.message) FROM label"
            " LEFT JOIN labelled AS own ON own.label = label.id AND (label.id = ?1 OR NOT EXISTS"
            " (SELECT 1 FROM labelled AS t WHERE t.label = ?1 AND t.message = own.message))"
            " LEFT JOIN labelled AS unread"
            " ON unread.label = ?2 AND unread.message = own.message"
            " GROUP BY label.id ORDER BY label.id > ?3, CASE WHEN label.id > ?3 THEN name END",
            (trash, unread, len(SYSTEM_LABELS)),
        ).fetchall()

    def labels_of(self, number: int) -> set[str]:
        return set(
            self.column(
                "SELECT name FROM labelled JOIN label ON label.id = label WHERE message = ?", number
            )
        )

    def change_labels(
        self, numbers: Iterable[int], *, add: Iterable[str] = (), remove: Iterable[str] = ()
    ) -> None:
        """Part of a transaction. A label that is not there yet is made."""
        numbers = list(numbers)
        for sql, names in (
            ("INSERT OR IGNORE INTO labelled VALUES (?, ?)", add),
            ("DELETE FROM labelled WHERE label = ? AND message = ?", remove),
        ):
            for name in names:
                label = self.label(name)
                self.db.executemany(sql, [(label, number) for number in numbers])


def digest(raw: bytes) -> bytes:
    """What tells a mail from all others, whatever program has kept it."""
    head, blank, body = raw.replace(b"\r\n", b"\n").partition(b"\n\n")
    head = _STORAGE_HEADER.sub(b"", head + b"\n")
    return hashlib.sha256(head + blank + body.rstrip(b"\n")).digest()


def topic(subject: str) -> str:
    """The subject without Re: and the like, to find what belongs together."""
    return _PREFIX.sub("", subject, count=1).strip().lower()


def answers(subject: str) -> bool:
    return _PREFIX.match(subject) is not None


def _row(raw: bytes, mail: Mail, date: float, text: str) -> tuple[Any, ...]:
    return (
        mail.message_id,
        digest(raw),
        date,
        str(mail.sender) if mail.sender else "",
        mail.sender.address.lower() if mail.sender else "",
        _people(mail.to[:20]),
        mail.subject,
        topic(mail.subject),
        snippet(text, _SNIPPET),
        sum(not attachment.inline for attachment in mail.attachments),
        len(raw),
    )


def _people(people: Iterable[Address]) -> str:
    return "\n".join(map(str, people))
