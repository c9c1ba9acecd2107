"""What may become of the journal's file, and what can be saved then."""

import random
import shutil
import sqlite3
from pathlib import Path

import pytest

from m2agent.errors import RunBusy, SetupError
from m2agent.events import Asked, Began, Called, Ended, Event, Noted, Returned, Said, Turned
from m2agent.journal import Journal, Run
from m2agent.journal.fork import forked
from m2agent.journal.repair import repair

_LONG = random.Random(1)


def _told(journal: Journal, run: str) -> list[Event]:
    return [record.event for record in journal.read(run)]


def _filled(run: Run, turns: int = 60) -> None:
    events: list[Event] = [Began("m", "s"), Asked("Do it.")]
    for n in range(1, turns + 1):
        words = f"{n} " + "".join(_LONG.choices("abcdefgh ", k=_LONG.randrange(10, 2_500)))
        events += [Called(f"{n}.1", "mail_search", {"query": words}), Turned("calls")]
        events += [Returned(f"{n}.1", True, words)]
    run.add(*events)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A journal with three runs, all of it in one file."""
    path = tmp_path / "journal.db"
    journal = Journal(path)
    for _ in range(3):
        _filled(journal.create())
    journal.close()
    return path


def test_a_sound_journal_is_left_as_it_is(path: Path) -> None:
    before = path.read_bytes()

    report = repair(path)

    assert (report.runs, report.entries, report.kept, report.lost) == (3, 546, None, {})
    assert path.read_bytes() == before


@pytest.mark.parametrize("seed", range(6))
def test_of_a_journal_with_broken_pages_every_other_entry_is_saved(path: Path, seed: int) -> None:
    journal = Journal(path)
    before = {info.id: journal.read(info.id) for info in journal.runs()}
    journal.close()
    chance, data = random.Random(seed), bytearray(path.read_bytes())
    pages = len(data) // 1024
    for page in chance.sample(range(5, pages), 8):
        data[page * 1024 : page * 1024 + 512] = chance.randbytes(512)
    path.write_bytes(data)

    report = repair(path)
    journal = Journal(path)
    after = {info.id: journal.read(info.id) for info in journal.runs()}

    assert report.kept and report.kept.read_bytes() == bytes(data)
    assert journal.check() == "ok"
    assert set(after) == set(before)
    kept = [record for records in after.values() for record in records]
    true = [r for records in before.values() for r in records]
    added = [r for r in kept if getattr(r.event, "about", "") == "lost" or "lost" in _text(r.event)]
    assert [record for record in kept if record not in added and record not in true] == []
    assert len(kept) - len(added) > 0.8 * len(true)
    assert report.lost
    journal.close()


def _text(event: Event) -> str:
    return event.text if isinstance(event, Returned) and not event.ok else ""


def test_a_journal_without_its_first_page_is_saved(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[:1024] = bytes(1024)
    path.write_bytes(data)
    with pytest.raises(SetupError, match="doctor --repair"):
        Journal(path)

    report = repair(path)

    assert (report.runs, report.entries, report.lost) == (3, 546, {})


def test_a_torn_file_loses_its_end_and_the_runs_in_it_are_told(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 2 // 3 // 1024 * 1024 + 100])

    report = repair(path)
    journal = Journal(path)

    assert report.lost
    for name, what in report.lost.items():
        if "middle" in what:
            continue
        owned = journal.open(name)  # fit to go on
        assert isinstance(owned.events[-1], Noted)
        assert "look before you do anything again" in owned.events[-1].text
        owned.close()
    journal.close()


def test_who_removes_the_write_ahead_log_is_told_and_nothing_is_done_twice(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    journal = Journal(path)
    run = journal.create()
    run.add(Began("m", "s"), Asked("Do it."), Called("1.1", "mail_send"), Turned("calls"))
    run.close()
    journal.close()  # all of it is in journal.db now
    journal = Journal(path)
    run = journal.open(run.id)
    run.add(Returned("1.1", True, "Sent."))
    killed = tmp_path / "killed"
    shutil.copytree(tmp_path, killed)  # as kill -9 leaves it
    (killed / "journal.db-wal").unlink()
    journal.close()

    journal = Journal(killed / "journal.db")
    with pytest.raises(SetupError, match=r"ends at entry 4 .* and 5 were written"):
        journal.open(run.id)
    journal.close()
    report = repair(killed / "journal.db")
    journal = Journal(killed / "journal.db")

    assert report.lost == {run.id: "1 entry at the end"}
    told = journal.open(run.id).events[4:]
    assert [type(event) for event in told] == [Returned, Noted]
    assert isinstance(told[0], Returned) and not told[0].ok
    journal.close()


def test_a_run_with_a_hole_can_be_read_and_forked_and_not_gone_on_with(path: Path) -> None:
    journal = Journal(path)
    name = journal.runs()[0].id
    journal.close()
    with sqlite3.connect(path) as db:
        db.execute("DELETE FROM events WHERE run = ? AND seq BETWEEN 30 AND 33", (name,))
    db.close()
    journal = Journal(path)

    with pytest.raises(SetupError, match="Entries 30 to 33") as caught:
        journal.open(name)
    assert caught.value.fix.endswith(f"m2agent fork {name} --turn 8")
    assert len(forked(_told(journal, name), 8)) > 20
    journal.close()


def test_a_journal_in_use_is_not_repaired(path: Path) -> None:
    journal = Journal(path)
    run = journal.open(journal.runs()[0].id)

    with pytest.raises(RunBusy, match="under way"):
        repair(path)
    run.close()
    journal.close()


@pytest.mark.parametrize(
    "file", sorted(Path(__file__).with_name("data").glob("schema-*.db")), ids=str
)
def test_a_journal_of_every_released_schema_opens_and_goes_on(file: Path, tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    shutil.copy(file, path)
    journal = Journal(path)
    (info,) = journal.runs()
    run = journal.open(info.id)

    assert (info.task, info.status, len(run.events)) == ("Answer Ann: größer.", "done", 12)
    assert run.events[4] == Turned("calls", tokens=b"\x01\x02\x00\xff")
    assert isinstance(run.events[-1], Ended)
    run.add(Said("more"))
    assert _told(journal, info.id) == run.events
    assert journal.check() == "ok"
    journal.close()
