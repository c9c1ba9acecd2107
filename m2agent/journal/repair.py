"""Save what can be saved of a damaged journal, and make runs whose end is lost fit to go on.

Every entry that can still be read is copied into a new file, and the damaged one is kept beside
it. A run that lost its last entries is told so, and what it was about to do is not done again.
"""

import sqlite3
import struct
import tempfile
import zlib
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import msgspec

from m2agent.errors import RunBusy
from m2agent.events import Called, Event, Noted, Returned
from m2agent.journal.lease import is_held
from m2agent.journal.schema import prepare, unpack
from m2agent.journal.store import Journal
from m2agent.journal.witness import Witness, written

_Row = tuple[float, str | bytes]
_Entry = tuple[str, int, float, str | bytes]
_MISSES = 10_000  # in a row, after which nothing more is looked for
_LOST = (
    "The journal lost its last entries of this run. What was done in them may have been done all"
    " the same: look before you do anything again."
)


@dataclass
class Repaired:
    """What was found and done. `kept` is where the damaged file lies now, if it was damaged."""

    runs: int = 0
    entries: int = 0
    kept: Path | None = None
    lost: dict[str, str] = field(default_factory=dict[str, str])


def repair(path: Path) -> Repaired:
    """Put a journal right. Raises RunBusy while a run is under way, SetupError as a journal does.

    One that is sound is left as it is.
    """
    runs = path.parent / "runs"
    folders = {folder.name: folder for folder in runs.iterdir()} if runs.is_dir() else {}
    for name, folder in folders.items():
        if is_held(folder):
            raise RunBusy(f"Run {name} is under way. Repair the journal when that is done.")
    report = Repaired()
    if path.exists() and not _sound(path):
        report.kept = _rebuild(path, list(folders))
    journal = Journal(path)
    try:
        for run in journal.ids():
            records = journal.read(run)
            report.runs += 1
            report.entries += len(records)
            last = records[-1].seq if records else 0
            folder = folders.get(run)
            if last > len(records):  # it can only be forked, from before the hole
                report.lost[run] = f"{_entries(last - len(records))} in the middle"
            elif folder and (through := written(folder)) > last:
                report.lost[run] = f"{_entries(through - last)} at the end"
                _warn(journal, run, folder, last, [record.event for record in records])
    finally:
        journal.close()
    return report


def _entries(number: int) -> str:
    return f"{number:,} entr{'y' if number == 1 else 'ies'}"


def _sound(path: Path) -> bool:
    with suppress(sqlite3.Error, zlib.error, msgspec.DecodeError):
        with closing(sqlite3.connect(path, isolation_level=None)) as db:
            if db.execute("PRAGMA integrity_check").fetchall() != [("ok",)]:
                return False
            for (body,) in db.execute("SELECT body FROM events"):
                unpack(body)
        return True
    return False


def _warn(journal: Journal, run: str, folder: Path, last: int, events: list[Event]) -> None:
    """Let the run go on from its last entry, with everybody told that more may have happened."""
    witness = Witness(folder)
    witness.note(last)
    witness.close()
    answered = {event.id for event in events if isinstance(event, Returned)}
    left = [event.id for event in events if isinstance(event, Called) and event.id not in answered]
    owned = journal.open(run)
    owned.add(*(Returned(id, False, _LOST) for id in left), Noted(_LOST, about="lost"))
    owned.close()


def _rebuild(path: Path, names: list[str]) -> Path:
    """Copy every readable entry into a new file that takes the damaged one's place."""
    runs, entries = _salvaged(path, names)
    new = path.with_name(path.name + ".repaired")
    new.unlink(missing_ok=True)
    with closing(sqlite3.connect(new, isolation_level=None)) as db:
        prepare(db, new)
        db.execute("BEGIN")
        for (run, _), (at, _) in entries.items():
            runs.setdefault(run, (at, 0))
        db.executemany(
            "INSERT INTO runs VALUES (?, ?, ?)",
            [(run, created, token) for run, (created, token) in runs.items()],
        )
        db.executemany(
            "INSERT INTO events VALUES (?, ?, ?, ?)",
            [(run, seq, at, body) for (run, seq), (at, body) in sorted(entries.items())],
        )
        db.execute("COMMIT")
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    stamp = datetime.now().strftime("%Y%m%d-%H%M%S")
    kept = path.with_name(f"{path.name}.damaged-{stamp}")
    for ending in ("-wal", "-shm", ""):  # the write-ahead log first: alone it means nothing
        with suppress(FileNotFoundError):
            path.with_name(path.name + ending).rename(kept.with_name(kept.name + ending))
    new.rename(path)
    return kept


def _salvaged(
    path: Path, names: list[str]
) -> tuple[dict[str, tuple[float, int]], dict[tuple[str, int], _Row]]:
    """All runs and entries that can be read, by every way there is to them."""
    runs: dict[str, tuple[float, int]] = {}
    entries: dict[tuple[str, int], _Row] = {}
    with _opened(path) as db:
        with suppress(sqlite3.Error):
            for id, created, token in db.execute("SELECT id, created, token FROM runs"):
                runs[id] = (created, token)
        rows = list(_by_place(db))
        for run in {*runs, *names, *(row[0] for row in rows)}:
            rows += _by_key(db, run)
    for run, seq, at, body in rows:
        with suppress(zlib.error, msgspec.DecodeError):
            unpack(body)
            entries[run, seq] = (at, body)
    return runs, entries


@contextmanager
def _opened(path: Path) -> Generator[sqlite3.Connection]:
    """The damaged file; where its first page is gone, a copy with the first page of a new one."""
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        if _has_a_head(db):
            yield db
            return
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        patched = Path(folder) / "journal.db"
        with closing(sqlite3.connect(patched, isolation_level=None)) as fresh:
            prepare(fresh, patched)
        head = patched.read_bytes()
        size = int.from_bytes(head[16:18], "big")
        data = bytearray(path.read_bytes())
        data[:size] = head[:size]
        struct.pack_into(">I", data, 28, len(data) // size)
        patched.write_bytes(data)
        with closing(sqlite3.connect(patched, isolation_level=None)) as db:
            yield db


def _has_a_head(db: sqlite3.Connection) -> bool:
    try:
        db.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    except sqlite3.Error:
        return False
    return True


def _by_place(db: sqlite3.Connection) -> Iterator[_Entry]:
    """Entries in the order of the file; what cannot be read is stepped over."""
    query = "SELECT rowid, run, seq, at, body FROM events NOT INDEXED WHERE rowid >= ? LIMIT 1"
    at, misses = 0, 0
    while misses < _MISSES:
        try:
            row = db.execute(query, (at,)).fetchone()
        except sqlite3.OperationalError:
            return  # an old file, whose entries have no such number
        except sqlite3.Error:
            at, misses = at + 1, misses + 1
            continue
        if row is None:
            return
        yield row[1:]
        at, misses = row[0] + 1, 0


def _by_key(db: sqlite3.Connection, run: str) -> Iterator[_Entry]:
    """Entries of one run by their numbers."""
    query = "SELECT run, seq, at, body FROM events WHERE run = ? AND seq >= ? ORDER BY seq LIMIT 1"
    seq, misses = 1, 0
    while misses < _MISSES:
        try:
            row = db.execute(query, (run, seq)).fetchone()
        except sqlite3.Error:
            seq, misses = seq + 1, misses + 1
            continue
        if row is None:
            return
        yield row
        seq, misses = row[1] + 1, 0
