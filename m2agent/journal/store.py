"""All runs in one SQLite file, each event fsynced before it is seen.

WAL with synchronous=FULL: what `add` returned from is on the disk.
"""

import errno
import os
import secrets
import sqlite3
import time
import zlib
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import msgspec

from m2agent.errors import RunBusy, SetupError, UsageError
from m2agent.events import Asked, Ended, Event, Record, Spawned, Status, Turned
from m2agent.home import private
from m2agent.journal.lease import Lease, is_held
from m2agent.journal.schema import pack, prepare, unpack
from m2agent.journal.witness import Witness, written

_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
_CHILD = "-"
"""Parts a sub-agent's run from the run whose call it stands for: "k3x9ab-3.1"."""


def is_child(run: str) -> bool:
    """Whether this is the run of a sub-agent."""
    return _CHILD in run


def path(run: str) -> str:
    """Which calls lead from a person's run to this one: "3.1/" for the sub-agent of call 3.1."""
    return "".join(f"{call}/" for call in run.split(_CHILD)[1:])


def root(run: str) -> str:
    """The run that a person began, of which this is a part."""
    return run.partition(_CHILD)[0]


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
            try:
                self._db = _prepared(path)
            except sqlite3.OperationalError as error:
                if not (error.sqlite_errorname or "").startswith("SQLITE_IOERR_SHM"):
                    raise
                self._db = _prepared(path, alone=True)

    def create(self) -> "Run":
        """Begin a new run and own it."""
        run = "".join(secrets.choice(_ALPHABET) for _ in range(6))
        with _explained(self.path):
            self._db.execute("INSERT INTO runs (id, created) VALUES (?, ?)", (run, time.time()))
        return self.open(run)

    def child(self, parent: str, call: str) -> "Run":
        """Own the run of the sub-agent that a call stands for; it is made the first time.

        Its id follows from the two, so a call that is carried on after a crash finds it again.
        """
        run = f"{parent}{_CHILD}{call}"
        with _explained(self.path):
            self._db.execute(
                "INSERT OR IGNORE INTO runs (id, created) VALUES (?, ?)", (run, time.time())
            )
        return self.open(run)

    def open(self, run: str) -> "Run":
        """Own a run, so as to go on with it.

        Raises RunBusy while another process does, and SetupError for a run of which entries are
        missing: whoever went on from there would do things twice.
        """
        folder = self._folder / run
        with _explained(self.path):
            lease = Lease.take(folder, run)
            try:
                (token,) = self._db.execute(
                    "UPDATE runs SET token = token + 1 WHERE id = ? RETURNING token", (run,)
                ).fetchone()
                records = self.read(run)
                _whole(run, records, written(folder))
                witness = Witness(folder)
            except BaseException:
                lease.release()
                raise
        artifacts = private(folder / "artifacts")
        owned = Run(self, self._db, lease, witness, run, token, records, artifacts)
        self._owned = [*(other for other in self._owned if not other.closed), owned]
        return owned

    def read(self, run: str) -> list[Record]:
        """A run's events in order, without owning it."""
        with _explained(self.path):
            rows = self._db.execute(
                "SELECT seq, at, body FROM events WHERE run = ? ORDER BY seq", (run,)
            ).fetchall()
            return [Record(run, seq, at, unpack(body)) for seq, at, body in rows]

    def with_children(self, records: Sequence[Record]) -> Iterator[Record]:
        """Records, each that began a sub-agent followed by all of that one's."""
        for record in records:
            yield record
            if isinstance(record.event, Spawned):
                yield from self.with_children(self.read(record.event.child))

    def find(self, name: str) -> str:
        """The id of the run that `name` means: an id, the beginning of one, or "last".

        A sub-agent's run is meant only by its whole id.
        """
        with _explained(self.path):
            if name == "last":
                rows = self._db.execute(
                    "SELECT id FROM runs WHERE instr(id, ?) = 0 ORDER BY created DESC LIMIT 1",
                    (_CHILD,),
                )
            else:
                prefix = name.replace("%", "").replace("_", "")
                rows = self._db.execute("SELECT id FROM runs WHERE id LIKE ?", (prefix + "%",))
            found = [run for (run,) in rows if run == name or not is_child(run)]
        if name in found or len(found) == 1:
            return name if name in found else found[0]
        if found:
            raise UsageError(f"Several runs begin with {name!r}: {', '.join(sorted(found))}.")
        raise UsageError(f"There is no run {name!r}. Show all with: m2agent runs")

    def ids(self) -> list[str]:
        """The ids of all runs, those of sub-agents among them."""
        with _explained(self.path):
            return [run for (run,) in self._db.execute("SELECT id FROM runs ORDER BY created")]

    def runs(self) -> list[RunInfo]:
        """All runs, the newest first; those of sub-agents are found in the runs they belong to."""
        with _explained(self.path):
            rows = self._db.execute("SELECT id, created FROM runs ORDER BY created DESC").fetchall()
            return [self._info(run, created) for run, created in rows if not is_child(run)]

    def _info(self, run: str, created: float) -> RunInfo:
        task, status, updated = "", None, created
        for (body,) in self._db.execute(
            "SELECT body FROM events WHERE run = ? ORDER BY seq LIMIT 5", (run,)
        ):
            event = unpack(body)
            if isinstance(event, Asked):
                task = event.text
                break
        last = self._db.execute(
            "SELECT at, body FROM events WHERE run = ? ORDER BY seq DESC LIMIT 1", (run,)
        ).fetchone()
        if last:
            updated = last[0]
            event = unpack(last[1])
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
        journal: Journal,
        db: sqlite3.Connection,
        lease: Lease,
        witness: Witness,
        id: str,
        token: int,
        records: Sequence[Record],
        artifacts: Path,
    ) -> None:
        self.id = id
        self.artifacts = artifacts
        self.events = [record.event for record in records]
        self.journal = journal
        self._db = db
        self._lease = lease
        self._witness = witness
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
        rows = [(r.run, r.seq, r.at, pack(r.event)) for r in records]
        with _explained(self.journal.path), _transaction(self._db):
            (token,) = self._db.execute(
                "SELECT token FROM runs WHERE id = ?", (self.id,)
            ).fetchone()
            if token != self._token:
                raise RunBusy(f"Run {self.id} was taken over by another process.")
            self._db.executemany("INSERT INTO events VALUES (?, ?, ?, ?)", rows)
        self._seq += len(events)
        self._witness.note(self._seq)
        self.events.extend(events)
        return records

    @property
    def closed(self) -> bool:
        return self._lease.released

    def close(self) -> None:
        """Give the run up; its history stays."""
        if not self.closed:
            self._witness.close()
        self._lease.release()


def _whole(run: str, records: Sequence[Record], through: int) -> None:
    """Raises SetupError if entries are missing, in the middle or at the end."""
    gap = next((n for n, record in enumerate(records, 1) if record.seq != n), None)
    if gap is not None:
        turns = sum(isinstance(record.event, Turned) for record in records[: gap - 1])
        last = records[gap - 1].seq - 1
        lost = (
            f"Entry {gap} of run {run} is"
            if gap == last
            else f"Entries {gap} to {last} of run {run} are"
        )
        raise SetupError(
            f"{lost} lost, so it cannot go on.",
            fix=f"Take another way from before them: m2agent fork {run} --turn {max(turns - 1, 0)}",
        )
    if through > len(records):
        raise SetupError(
            f"The journal ends at entry {len(records)} of run {run}, and {through} were written:"
            " its file journal.db-wal was removed, or an older copy was put back.",
            fix="Put the file back, or go on without what is lost: m2agent doctor --repair",
        )


def _prepared(path: Path, *, alone: bool = False) -> sqlite3.Connection:
    """The file, opened; alone it needs no room on a full disk for what processes share."""
    db = sqlite3.connect(path, isolation_level=None, timeout=10)
    try:
        if alone:
            db.execute("PRAGMA locking_mode=EXCLUSIVE")
        prepare(db, path)
    except BaseException:
        db.close()
        raise
    return db


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
                raise _damaged(path, str(error)) from error
            case "BUSY" | "LOCKED":
                raise SetupError(
                    f"The journal {path} is locked by another program.",
                    fix="End the program that has it open, then try again.",
                ) from error
            case _:
                raise
    except (zlib.error, msgspec.DecodeError) as error:
        raise _damaged(path, f"an entry cannot be read ({error})") from error


def _damaged(path: Path, why: str) -> SetupError:
    return SetupError(
        f"The journal {path} is damaged: {why}.",
        fix="Save what can be saved, and keep the damaged file: m2agent doctor --repair",
    )


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
