"""All runs in one SQLite file, each event fsynced before it is seen.

WAL with synchronous=FULL: what `add` returned from is on the disk. Events are stored as JSON text,
so that a damaged file can be salvaged by eye. The schema only ever grows: `_MIGRATIONS` holds
every step since the first release, and PRAGMA user_version says how many were taken.
"""

import errno
import os
import secrets
import sqlite3
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import msgspec

from m2agent.errors import RunBusy, SetupError, UsageError
from m2agent.events import Asked, Ended, Event, Record, Status
from m2agent.home import private
from m2agent.journal.lease import Lease, is_held

_MIGRATIONS = [
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
]

_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[Event] = msgspec.json.Decoder(Event)


@dataclass(frozen=True)
class RunInfo:
    """One line of a list of runs. `status` is None while nothing has ended the run."""

    id: str
    created: float
    updated: float
    task: str
    status: Status | None
    running: bool


class Journal:
    """The file of all runs."""

    def __init__(self, path: Path) -> None:
        """Open the journal, making it where there is none; one that cannot be written, to read.

        Raises SetupError where it cannot be read or made, or comes from a newer m2agent.
        """
        self.path = path
        self._folder = path.parent / "runs"
        self._owned: list[Run] = []
        private(path.parent)
        with _explained(path):
            if path.exists() and not os.access(path.parent, os.W_OK):
                address = f"file:{quote(str(path))}?immutable=1"
                self._db = sqlite3.connect(address, isolation_level=None, uri=True)
                return
            path.touch(mode=0o600)
            self._db = sqlite3.connect(path, isolation_level=None, timeout=10)
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=FULL")
            self._migrate()

    def _migrate(self) -> None:
        (version,) = self._db.execute("PRAGMA user_version").fetchone()
        if version > len(_MIGRATIONS):
            raise SetupError(
                f"The journal {self.path} was written by a newer m2agent.",
                fix="Run: pip install --upgrade m2agent",
            )
        for number, step in enumerate(_MIGRATIONS[version:], start=version + 1):
            self._db.executescript(f"BEGIN IMMEDIATE; {step} PRAGMA user_version={number}; COMMIT;")

    def create(self) -> "Run":
        """Begin a new run and own it."""
        run = "".join(secrets.choice(_ALPHABET) for _ in range(6))
        with _explained(self.path):
            self._db.execute("INSERT INTO runs (id, created) VALUES (?, ?)", (run, time.time()))
        return self.open(run)

    def open(self, run: str) -> "Run":
        """Own a run, so as to go on with it. Raises RunBusy while another process does."""
        with _explained(self.path):
            lease = Lease.take(self._folder / run, run)
            (token,) = self._db.execute(
                "UPDATE runs SET token = token + 1 WHERE id = ? RETURNING token", (run,)
            ).fetchone()
        artifacts = private(self._folder / run / "artifacts")
        owned = Run(self.path, self._db, lease, run, token, self.read(run), artifacts)
        self._owned = [*(other for other in self._owned if not other.closed), owned]
        return owned

    def read(self, run: str) -> list[Record]:
        """A run's events in order, without owning it."""
        with _explained(self.path):
            rows = self._db.execute(
                "SELECT seq, at, body FROM events WHERE run = ? ORDER BY seq", (run,)
            ).fetchall()
        return [Record(run, seq, at, _decoder.decode(body)) for seq, at, body in rows]

    def find(self, name: str) -> str:
        """The id of the run that `name` means: an id, the beginning of one, or "last"."""
        with _explained(self.path):
            if name == "last":
                rows = self._db.execute("SELECT id FROM runs ORDER BY created DESC LIMIT 1")
            else:
                prefix = name.replace("%", "").replace("_", "")
                rows = self._db.execute("SELECT id FROM runs WHERE id LIKE ?", (prefix + "%",))
            found = [run for (run,) in rows]
        if name in found or len(found) == 1:
            return name if name in found else found[0]
        if found:
            raise UsageError(f"Several runs begin with {name!r}: {', '.join(sorted(found))}.")
        raise UsageError(f"There is no run {name!r}. Show all with: m2agent runs")

    def runs(self) -> list[RunInfo]:
        """All runs, the newest first."""
        with _explained(self.path):
            rows = self._db.execute("SELECT id, created FROM runs ORDER BY created DESC").fetchall()
            return [self._info(run, created) for run, created in rows]

    def _info(self, run: str, created: float) -> RunInfo:
        task, status, updated = "", None, created
        for (body,) in self._db.execute(
            "SELECT body FROM events WHERE run = ? ORDER BY seq LIMIT 5", (run,)
        ):
            event = _decoder.decode(body)
            if isinstance(event, Asked):
                task = event.text
                break
        last = self._db.execute(
            "SELECT at, body FROM events WHERE run = ? ORDER BY seq DESC LIMIT 1", (run,)
        ).fetchone()
        if last:
            updated = last[0]
            event = _decoder.decode(last[1])
            status = event.status if isinstance(event, Ended) else None
        return RunInfo(run, created, updated, task, status, is_held(self._folder / run))

    def check(self) -> str:
        """What SQLite finds wrong with the file; "ok" if nothing."""
        with _explained(self.path):
            return "\n".join(row for (row,) in self._db.execute("PRAGMA integrity_check"))

    def close(self) -> None:
        """Give up every run that was opened here, and close the file."""
        for run in self._owned:
            run.close()
        self._db.close()


class Run:
    """One run, owned. `events` is its history, `artifacts` its folder for long texts."""

    def __init__(
        self,
        path: Path,
        db: sqlite3.Connection,
        lease: Lease,
        id: str,
        token: int,
        records: Sequence[Record],
        artifacts: Path,
    ) -> None:
        self.id = id
        self.artifacts = artifacts
        self.events = [record.event for record in records]
        self._path = path
        self._db = db
        self._lease = lease
        self._token = token
        self._seq = records[-1].seq if records else 0

    def add(self, *events: Event) -> list[Record]:
        """Write events down, all or none; when this returns they are on the disk.

        Raises RunBusy if another process took the run over: then nothing was written, and what
        was to follow must not happen. Raises SetupError where the disk is full or read-only.
        """
        now = time.time()
        records = [
            Record(self.id, self._seq + n, now, event) for n, event in enumerate(events, start=1)
        ]
        rows = [(r.run, r.seq, r.at, _encoder.encode(r.event).decode()) for r in records]
        with _explained(self._path), _transaction(self._db):
            (token,) = self._db.execute(
                "SELECT token FROM runs WHERE id = ?", (self.id,)
            ).fetchone()
            if token != self._token:
                raise RunBusy(f"Run {self.id} was taken over by another process.")
            self._db.executemany("INSERT INTO events VALUES (?, ?, ?, ?)", rows)
        self._seq += len(events)
        self.events.extend(events)
        return records

    @property
    def closed(self) -> bool:
        return self._lease.released

    def close(self) -> None:
        """Give the run up; its history stays."""
        self._lease.release()


@contextmanager
def _transaction(db: sqlite3.Connection) -> Generator[None]:
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


@contextmanager
def _explained(path: Path) -> Generator[None]:
    """Turn what only a person can mend into a SetupError; anything else is a bug and rises."""
    try:
        yield
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
        raise (_full if full else _not_writable)(path, str(error.strerror)) from error
    except sqlite3.Error as error:
        match (error.sqlite_errorname or "").removeprefix("SQLITE_").split("_")[0]:
            case "FULL" | "IOERR":
                raise _full(path, str(error)) from error
            case "READONLY" | "CANTOPEN" | "PERM":
                raise _not_writable(path, str(error)) from error
            case "CORRUPT" | "NOTADB":
                raise SetupError(
                    f"The journal {path} is damaged: {error}.",
                    fix=f"Keep it, and begin a new one: mv {path} {path}.damaged",
                ) from error
            case "BUSY" | "LOCKED":
                raise SetupError(
                    f"The journal {path} is locked by another program.",
                    fix="End the program that has it open, then try again.",
                ) from error
            case _:
                raise


def _full(path: Path, why: str) -> SetupError:
    return SetupError(
        f"The journal {path} could not be written: {why}. Nothing before is lost.",
        fix="Free some disk space, then run: m2agent resume last",
    )


def _not_writable(path: Path, why: str) -> SetupError:
    return SetupError(
        f"The journal {path} cannot be written: {why}.",
        fix="Make its folder writable, or name another: export M2AGENT_HOME=FOLDER",
    )
