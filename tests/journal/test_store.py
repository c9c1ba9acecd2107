"""The journal on a real disk: what is added is kept, whole and in order, by one owner."""

import os
import sqlite3
import subprocess
import sys
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_type_hints

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from m2agent.errors import RunBusy, SetupError, UsageError
from m2agent.events import Asked, Began, Ended, Event, Said, Turned
from m2agent.journal import Journal
from m2agent.journal.export import flat, line


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    opened = Journal(tmp_path / "journal.db")
    yield opened
    opened.close()


_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | _TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXT, inner, max_size=3),
    max_leaves=8,
)


def _of(hint: Any) -> st.SearchStrategy[Any]:
    """Values of a field's type."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if hint is Any:
        return _JSON
    if hint is str:
        return _TEXT
    if hint is float:
        return st.floats(allow_nan=False, allow_infinity=False)
    if hint in (int, bool, bytes):
        return st.from_type(hint).filter(lambda v: not isinstance(v, int) or abs(v) < 2**53)
    if hint is type(None):
        return st.none()
    if origin is typing.Literal:
        return st.sampled_from(arguments)
    if origin is list:
        return st.lists(_of(arguments[0]), max_size=3)
    if origin is dict:
        return st.dictionaries(_TEXT, _of(arguments[1]), max_size=3)
    if arguments:
        return st.one_of([_of(argument) for argument in arguments])
    hints = get_type_hints(hint)
    return st.builds(hint, **{name: _of(hints[name]) for name in hint.__struct_fields__})


_EVENTS = st.one_of([_of(kind) for kind in typing.get_args(Event)])


@given(events=st.lists(_EVENTS, min_size=1, max_size=6))
@settings(max_examples=60, deadline=None)
def test_every_event_comes_back_as_it_was_written(
    tmp_path_factory: pytest.TempPathFactory, events: list[Event]
) -> None:
    journal = Journal(tmp_path_factory.mktemp("journal") / "journal.db")
    run = journal.create()
    run.add(*events)
    run.close()

    assert [record.event for record in journal.read(run.id)] == events
    journal.close()


@given(event=_EVENTS)
@settings(max_examples=60, deadline=None)
def test_a_printed_event_has_every_field_even_at_its_default(event: Event) -> None:
    from m2agent.events import Record

    printed = flat(Record("abc", 1, 0.0, event))

    assert set(printed) == {"run", "seq", "at", "type", *event.__struct_fields__}
    assert "\n" not in line(Record("abc", 1, 0.0, event))


def test_events_are_numbered_without_a_gap_across_owners(journal: Journal) -> None:
    run = journal.create()
    run.add(Asked("one"), Said("two"))
    run.close()
    again = journal.open(run.id)
    again.add(Said("three"))

    assert [record.seq for record in journal.read(run.id)] == [1, 2, 3]
    assert again.events == [Asked("one"), Said("two"), Said("three")]


def test_a_run_has_one_owner_at_a_time(journal: Journal) -> None:
    run = journal.create()

    with pytest.raises(RunBusy, match=f"process {os.getpid()}"):
        journal.open(run.id)
    run.close()
    journal.open(run.id).close()


def test_a_writer_that_was_replaced_writes_nothing(journal: Journal) -> None:
    old = journal.create()
    old.add(Asked("one"))
    old.close()  # as if its lock had been lost
    new = journal.open(old.id)

    with pytest.raises(RunBusy, match="taken over"):
        old.add(Said("late"))
    new.add(Said("mine"))
    assert [record.event for record in journal.read(new.id)] == [Asked("one"), Said("mine")]


def test_a_run_is_found_by_its_beginning_and_as_the_last(journal: Journal) -> None:
    first, second = journal.create(), journal.create()

    assert journal.find(first.id) == first.id
    assert journal.find(first.id[:5]) == first.id
    assert journal.find("last") == second.id
    with pytest.raises(UsageError, match="no run 'nosuch'"):
        journal.find("nosuch")
    with pytest.raises(UsageError):
        journal.find("%")


def test_the_list_of_runs_says_what_was_asked_and_how_it_ended(journal: Journal) -> None:
    done, cut = journal.create(), journal.create()
    done.add(Began("m", "s"), Asked("File the invoices."), Turned(), Ended("done", "", 0))
    cut.add(Began("m", "s"), Asked("Count them."))
    done.close()

    told = [(info.id, info.task, info.status, info.running) for info in journal.runs()]

    assert told == [
        (cut.id, "Count them.", None, True),
        (done.id, "File the invoices.", "done", False),
    ]


def test_a_killed_owner_frees_its_run_and_loses_nothing_it_added(journal: Journal) -> None:
    program = """
import os, sys, pathlib
from m2agent.journal import Journal
from m2agent.events import Asked, Said
run = Journal(pathlib.Path(sys.argv[1])).create()
run.add(Asked("one"), Said("two"))
print(run.id, flush=True)
os.kill(os.getpid(), 9)
"""
    done = subprocess.run(
        [sys.executable, "-c", program, str(journal.path)],
        capture_output=True,
        text=True,
        check=False,
    )
    run = journal.open(done.stdout.strip())

    assert done.returncode == -9
    assert run.events == [Asked("one"), Said("two")]


def test_a_full_disk_is_said_plainly_and_keeps_what_was_written(journal: Journal) -> None:
    program = """
import pathlib, resource, signal, sys
from m2agent.errors import SetupError
from m2agent.events import Said
from m2agent.journal import Journal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
run = Journal(pathlib.Path(sys.argv[1])).create()
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, resource.RLIM_INFINITY))
try:
    for n in range(10_000):
        run.add(Said(f"{n} " + "x" * 2_000))
        print(n, flush=True)
except SetupError as error:
    print(error.fix)
"""
    done = subprocess.run(
        [sys.executable, "-c", program, str(journal.path)],
        capture_output=True,
        text=True,
        check=True,
    )
    *numbers, fix = done.stdout.splitlines()
    kept = [record.event for record in journal.read(journal.find("last"))]

    assert "disk space" in fix
    assert len(kept) == len(numbers) > 10
    assert journal.check() == "ok"


def test_a_damaged_journal_is_named_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    path.write_bytes(b"not a database at all, but long enough to be looked at " * 40)
    before = path.read_bytes()

    with pytest.raises(SetupError, match="damaged") as caught:
        Journal(path)
    assert caught.value.fix.endswith("m2agent doctor --repair")
    assert path.read_bytes() == before


def test_a_journal_of_a_newer_version_is_not_touched(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    Journal(path).close()
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version=99")
    db.close()

    with pytest.raises(SetupError, match="newer m2agent"):
        Journal(path)


def test_a_folder_that_cannot_be_made_is_a_sentence_with_a_fix(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(SetupError, match="cannot be made") as caught:
        Journal(tmp_path / "file" / "journal.db")
    assert "M2AGENT_HOME" in caught.value.fix


def test_a_journal_on_a_read_only_disk_is_still_read(tmp_path: Path) -> None:
    folder = tmp_path / "home"
    journal = Journal(folder / "journal.db")
    run = journal.create()
    run.add(Asked("one"))
    journal.close()
    if subprocess.run(["mount", "--bind", folder, folder], check=False).returncode:
        pytest.skip("needs the right to mount")
    try:
        subprocess.run(["mount", "-o", "remount,ro,bind", folder], check=True)
        journal = Journal(folder / "journal.db")
        assert [record.event for record in journal.read(run.id)] == [Asked("one")]
        assert [info.task for info in journal.runs()] == ["one"]
        for write in (journal.create, lambda: journal.open(run.id)):
            with pytest.raises(SetupError, match="cannot be written"):
                write()
        journal.close()
    finally:
        subprocess.run(["umount", folder], check=True)
