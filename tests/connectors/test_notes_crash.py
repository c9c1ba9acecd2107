"""A change that is cut off at any line happened wholly or not at all, and it is known which."""

import asyncio
import json
import resource
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import notes_killed
import pytest
from notes_scene import Notes, opened, quick_disk

from m2agent.errors import ToolFailed, Unclear
from m2agent.tool import Operation

CHANGES: dict[str, dict[str, Any]] = {
    "create": {"parent": "", "title": "INV-2", "props": {"Amount": 3}, "body": "x"},
    "update": {"id": "invoices/INV-1", "props": {}, "edits": [], "append": "once"},
    "trash": {"id": "invoices/INV-1"},
    "restore": {"id": "old"},
}


@pytest.fixture
def disk() -> Iterator[Path]:
    with quick_disk() as folder:
        yield folder


@pytest.fixture
async def seed(disk: Path) -> Notes:
    notes = await opened(disk / "seed")
    notes.write("invoices/INV-1", "---\nAmount: 7\n---\ntext\n")
    notes.write(".trash/old", "old")
    return notes


async def killed(seed: Path, copies: Path, method: str, arguments: dict[str, Any]) -> list[Path]:
    """The copies in which the change was killed; in the last one it came to its end."""
    copies.mkdir()
    script = [sys.executable, notes_killed.__file__, str(seed), str(copies), method]
    process = await asyncio.create_subprocess_exec(*script, json.dumps(arguments))
    assert await process.wait() == 0
    return sorted(copies.iterdir(), key=lambda path: int(path.name))


@pytest.mark.parametrize("method", CHANGES)
async def test_a_change_killed_at_any_line_is_whole_or_absent_and_known(
    seed: Notes, disk: Path, method: str
) -> None:
    *copies, whole = await killed(seed.folder, disk / "copies", method, CHANGES[method])
    after = (await opened(whole)).files()
    expected = notes_killed.change(whole).operations.outcome(notes_killed.KEY)
    assert expected is not None
    assert after != seed.files()
    outcomes: set[bool] = set()
    for folder in copies:
        notes = await opened(folder)
        change = notes_killed.change(folder)
        result = change.operations.outcome(notes_killed.KEY)
        assert result == (expected if result else None)
        assert visible(notes) == (after if result else seed.files())
        assert change.operations.outcome(notes_killed.KEY) == result
        if result is None:
            getattr(change, method)(**CHANGES[method])
        assert notes.files() == after
        outcomes.add(result is not None)
    assert outcomes == {True, False}
    assert len(copies) > 20


async def test_finding_out_may_itself_be_killed_at_any_line(seed: Notes, disk: Path) -> None:
    copies = await killed(seed.folder, disk / "copies", "update", CHANGES["update"])
    staged = [folder for folder in copies if list((folder / "invoices").glob(".m2agent-*"))]
    begun = [folder for folder in staged if (folder / ".m2agent/operations").exists()]
    for folder in await killed(begun[-1], disk / "again", "outcome", {}):
        notes = await opened(folder)
        assert notes_killed.change(folder).operations.outcome(notes_killed.KEY) is None
        assert visible(notes) == seed.files()


def visible(notes: Notes) -> dict[str, bytes]:
    """The files but those that an operation left behind unfinished, which the next one takes."""
    return {name: data for name, data in notes.files().items() if ".m2agent-" not in name}


async def test_the_tools_themselves_can_say_whether_they_happened(seed: Notes) -> None:
    for tool, arguments in [
        ("create", {"parent": "", "title": "new"}),
        ("update", {"id": "new", "append": "x"}),
        ("comment", {"id": "new", "text": "x"}),
        ("trash", {"id": "new"}),
    ]:
        done = await seed.do(tool, **arguments)
        assert await done.call.reconcile(done.op) == done.result
        never = Operation("never", seed.folder, seed.folder)
        assert await done.call.reconcile(never) is None


async def test_what_was_moved_by_somebody_since_is_asked_and_not_guessed(seed: Notes) -> None:
    done = await seed.do("create", parent="", title="new", body="x")
    (seed.folder / "new.md").unlink()
    with pytest.raises(Unclear, match=r"new.md was about to be written and is not there"):
        await done.call.reconcile(done.op)


async def test_a_result_holds_when_the_person_goes_on_writing(seed: Notes) -> None:
    done = await seed.do("update", id="INV-1", append="x")
    path = seed.folder / "invoices/INV-1.md"
    path.write_text("changed in place")
    assert await done.call.reconcile(done.op) == done.result
    fresh = path.with_name("fresh")
    fresh.write_text("replaced as editors do")
    fresh.replace(path)
    assert await done.call.reconcile(done.op) == done.result


async def test_a_note_written_anew_where_one_was_trashed_does_not_undo_that(seed: Notes) -> None:
    done = await seed.do("trash", id="INV-1")
    seed.write("invoices/INV-1", "new")
    assert await done.call.reconcile(done.op) == done.result


async def test_a_torn_line_in_the_log_was_never_acted_upon(seed: Notes) -> None:
    done = await seed.do("create", parent="", title="new")
    log = seed.folder / ".m2agent/operations"
    whole = log.read_bytes()
    (seed.folder / "new.md").unlink()
    log.write_bytes(whole.rstrip()[:-20])
    assert await done.call.reconcile(done.op) is None
    again = await seed.do("create", parent="", title="new")
    assert await again.call.reconcile(again.op) == again.result


async def test_a_full_disk_changes_nothing_and_says_so(seed: Notes) -> None:
    before = seed.files()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    for size in (0, 40, 200, 400):
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
        try:
            with pytest.raises(ToolFailed, match=r"cannot be written: File too large\. Nothing"):
                await seed.call("update", id="INV-1", append="x" * 200)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert seed.files() == before


async def test_a_note_the_person_made_read_only_is_left_alone(seed: Notes) -> None:
    before = seed.files()
    (seed.folder / "invoices/INV-1.md").chmod(0o444)
    with pytest.raises(ToolFailed, match=r"cannot be written: It is read-only\. Nothing"):
        await seed.call("update", id="INV-1", append="x")
    assert seed.files() == before


async def test_a_folder_that_takes_no_log_takes_no_change(seed: Notes) -> None:
    before = seed.files()
    (seed.folder / ".m2agent").write_text("in the way")
    with pytest.raises(ToolFailed, match=r"INV-1.md cannot be written: .*\. Nothing was changed"):
        await seed.call("update", id="INV-1", append="x")
    (seed.folder / ".m2agent").unlink()
    assert seed.files() == before
