"""How the journal's file is laid out, in every version that was ever released.

The schema only grows: `_STEPS` holds each change since the first release, PRAGMA user_version says
how many were taken, and a file of any age opens for ever. An event is JSON; a long one is stored
compressed, since what a tool says to the model and to programs is largely the same words.
"""

import sqlite3
import zlib

import msgspec

from m2agent.errors import SetupError
from m2agent.events import Event

_STEPS = [
    """
    CREATE TABLE runs (
        id TEXT PRIMARY KEY,
        created REAL NOT NULL,
        token INTEGER NOT NULL DEFAULT 0
    ) STRICT;
    CREATE TABLE events (
        run TEXT NOT NULL REFERENCES runs(id),
        seq INTEGER NOT NULL,
        at REAL NOT NULL,
        body TEXT NOT NULL,
        PRIMARY KEY (run, seq)
    ) STRICT, WITHOUT ROWID;
    """,
    # Rows this long do not belong into the tree of a key, where each takes a page of its own.
    """
    CREATE TABLE packed (
        run TEXT NOT NULL REFERENCES runs(id),
        seq INTEGER NOT NULL,
        at REAL NOT NULL,
        body ANY NOT NULL,
        PRIMARY KEY (run, seq)
    ) STRICT;
    INSERT INTO packed SELECT run, seq, at, body FROM events ORDER BY run, seq;
    DROP TABLE events;
    ALTER TABLE packed RENAME TO events;
    """,
]
_SHORT = 200  # bytes below which compressing gains nothing
_PAGE = 1024  # a commit writes whole pages, and an event has some 300 bytes

_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[Event] = msgspec.json.Decoder(Event)


def prepare(db: sqlite3.Connection, name: object) -> None:
    """Bring an opened file to this version. Raises SetupError for one of a newer m2agent."""
    db.execute(f"PRAGMA page_size={_PAGE}")  # without effect on a file that has pages
    db.execute("PRAGMA journal_mode=WAL")
    db.execute("PRAGMA synchronous=FULL")
    while (version := _version(db)) != len(_STEPS):
        if version > len(_STEPS):
            raise SetupError(
                f"The journal {name} was written by a newer m2agent.",
                fix="Run: pip install --upgrade m2agent",
            )
        db.execute("BEGIN IMMEDIATE")
        try:
            if _version(db) == version:  # no other process was faster
                for statement in filter(str.strip, _STEPS[version].split(";")):
                    db.execute(statement)
                db.execute(f"PRAGMA user_version={version + 1}")
            db.execute("COMMIT")
        except BaseException:
            if db.in_transaction:
                db.execute("ROLLBACK")
            raise


def pack(event: Event) -> str | bytes:
    """An event as it is stored: its JSON, compressed where that makes it shorter."""
    text = _encoder.encode(event)
    if len(text) >= _SHORT and len(small := zlib.compress(text)) < len(text):
        return small
    return text.decode()


def unpack(body: str | bytes) -> Event:
    return _decoder.decode(zlib.decompress(body) if isinstance(body, bytes) else body)


def _version(db: sqlite3.Connection) -> int:
    (version,) = db.execute("PRAGMA user_version").fetchone()
    return int(version)
