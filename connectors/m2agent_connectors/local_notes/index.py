"""Full-text search over the notes, with English words found in any form.

The index is SQLite's, in a temporary file of this process: there is nothing to repair, and before
every search each file's stamp is compared and what changed is read again.
"""

import re
import sqlite3
import threading
import time
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast

from m2agent.errors import ToolFailed
from m2agent_connectors.local_notes.folder import LARGEST, Folder, Found
from m2agent_connectors.local_notes.note import split

Kind = Literal["page", "table", "any"]

_MOST_WORDS = 20
_AROUND = 60

_TABLE = """
create virtual table notes using fts5(
    id unindexed, kind unindexed, edited unindexed, text, head, name,
    tokenize = 'porter unicode61 remove_diacritics 2'
)"""


@dataclass(frozen=True)
class Hit:
    id: str
    kind: Literal["page", "table"]
    edited: float
    snippet: str


@dataclass(frozen=True)
class Hits:
    """One page of what was found; `total` counts all. `note` says if it is not all the words."""

    hits: Sequence[Hit]
    total: int
    note: str = ""


class Index:
    """Made at the first search; safe to use from several threads."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._database: sqlite3.Connection | None = None
        self._known: dict[tuple[str, str], tuple[int, tuple[int, ...]]] = {}

    def close(self) -> None:
        with self._lock:
            self._forget()

    def search(self, query: str, kind: Kind, first: int, count: int) -> Hits:
        """Hits from number `first` on: those with all the words, the best first.

        Where there are none: those with the query inside longer words, then those with any of
        the words. Without words: what was changed last.
        """
        with self._lock:
            try:
                return _search(_Query(self._refreshed(), kind, first, count), query)
            except sqlite3.Error as error:
                self._forget()
                raise ToolFailed(f"The notes cannot be searched now: {error}.") from error

    def _forget(self) -> None:
        if self._database:
            self._database.close()
        self._database = None
        self._known = {}

    def _refreshed(self) -> sqlite3.Connection:
        database = self._database
        if database is None:
            database = sqlite3.connect("", check_same_thread=False, isolation_level=None)
            database.execute(_TABLE)
            self._database = database
        there = {(one.kind, one.id): one for one in self._folder.everything()}
        database.execute("begin")
        for key in [key for key in self._known if key not in there]:
            database.execute("delete from notes where rowid = ?", self._known.pop(key)[:1])
        for key, found in there.items():
            row, stamp = self._known.get(key, (None, ()))
            if stamp == found.stamp:
                continue
            if row is not None:
                database.execute("delete from notes where rowid = ?", (row,))
            name = found.id.rpartition("/")[2] or "notes"
            values = (found.id, found.kind, found.edited, *_words(found), _composed(name))
            added = database.execute("insert into notes values (?, ?, ?, ?, ?, ?)", values)
            self._known[key] = cast(int, added.lastrowid), found.stamp if _settled(found) else ()
        database.execute("commit")
        return database


@dataclass(frozen=True)
class _Query:
    """One page of rows of a kind, asked of the database in whatever way."""

    database: sqlite3.Connection
    kind: Kind
    first: int
    count: int

    def matching(self, terms: str) -> Hits:
        """What matches an FTS5 query, the best first."""
        order = "bm25(notes, 0, 0, 0, 1.0, 2.0, 5.0), id"
        return self._rows("snippet(notes, -1, '', '', '…', 16)", "notes match :asked", order, terms)

    def containing(self, words: str) -> Hits:
        """What holds the words as they stand: parts of numbers, scripts without spaces."""
        whole = "(head || text)"
        start = f"max(1, instr(lower({whole}), lower(:asked)) - {_AROUND})"
        holds = f"instr(lower({whole}), lower(:asked)) or instr(lower(name), lower(:asked))"
        return self._rows(f"substr({whole}, {start}, {2 * _AROUND})", holds, "id", words)

    def latest(self) -> Hits:
        return self._rows("''", "true", "edited desc, id", "")

    def _rows(self, snippet: str, where: str, order: str, asked: str) -> Hits:
        given = {"asked": asked, "kind": self.kind, "first": self.first, "count": self.count}
        meant = f"from notes where ({where}) and (:kind = 'any' or kind = :kind)"
        total = self.database.execute(f"select count(*) {meant}", given).fetchone()[0]
        rows = self.database.execute(
            f"select id, kind, edited, {snippet} {meant} order by {order}"
            " limit :count offset :first",
            given,
        )
        return Hits([Hit(*row) for row in rows], total)


def _search(query: _Query, asked: str) -> Hits:
    terms = _terms(asked)
    if not terms:
        return query.latest()
    found = query.matching(" AND ".join(terms))
    if not found.total:
        found = query.containing(_composed(asked.strip()))
    if not found.total and len(terms) > 1:
        some = query.matching(" OR ".join(terms))
        return Hits(some.hits, some.total, "None has all the words; these have some.")
    return found


def _terms(query: str) -> list[str]:
    """The words and the "phrases" of a query, each as FTS5 quotes it."""
    parts = re.findall(r'"([^"]*)"|([^\s"]+)', _composed(query))
    words = [phrase or word for phrase, word in parts]
    return [f'"{word}"' for word in words if any(c.isalnum() for c in word)][:_MOST_WORDS]


def _settled(found: Found) -> bool:
    """Whether any further change would give the file another stamp.

    A file changed just now may change again within the same tick of its file system's clock,
    which is 2 seconds at worst, so it is read again at the next search.
    """
    whole_seconds = found.stamp[0] % 1_000_000_000 == 0
    tick = 2_000_000_000 if whole_seconds else 100_000_000
    return max(found.stamp[:2]) < time.time_ns() - tick


def _words(found: Found) -> tuple[str, str]:
    """What is searched of a file, body and head: nothing if it is unreadable or no text."""
    try:
        data = Path(found.path).read_bytes() if found.stamp[2] <= LARGEST else b""
    except OSError:
        data = b""
    text = "" if b"\0" in data else _composed(data.decode("utf-8", "replace"))
    head, start = split(text)
    return text[start:], text[slice(*head)] if head else ""


def _composed(text: str) -> str:
    return unicodedata.normalize("NFC", text)
