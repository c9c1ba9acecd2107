"""A dry run reads for real, and everything else is only written down."""

from pathlib import Path

import pytest
from command import Command
from test_tour import world

from m2agent import office

_MODEL = f"script:{office.SCRIPT}"


@pytest.fixture
def place(m2agent: Command) -> Path:
    """An office that was opened once, so that its mail is in."""
    folder = m2agent.folder / "office"
    office.write(folder)
    hello = m2agent.script({"text": "Hello."})
    assert m2agent("run", "Say hello.", "--model", hello, "--office", str(folder)).code == 0
    return folder


def test_the_tour_as_a_dry_run_changes_nothing_and_shows_all_it_would_do(
    m2agent: Command, place: Path
) -> None:
    before = world(place)
    given = ("--model", _MODEL, "--office", str(place), "--dry-run")

    cut = m2agent("run", office.TASK, *given, "--max-turns", "27")
    assert cut.code == 5, cut.err
    done = m2agent("resume", "last")

    assert done.code == 0, done.err
    assert "nothing was changed or sent" in done.err
    assert world(place) == before
    events = m2agent("export", "last").events
    tools = {e["id"]: e["tool"] for e in events if e["type"] == "called"}
    sent = [e for e in events if e["type"] == "returned" and tools[e["id"]] == "mail_send"]
    assert len(sent) == 4
    for returned in sent:
        assert returned["text"].startswith("Dry run: not done.")
        assert "\nDear " in returned["text"]
        assert [receipt["kind"] for receipt in returned["receipts"]] == ["dry-run"]


def test_what_a_dry_run_did_cannot_be_undone_since_it_is_not_done(
    m2agent: Command, place: Path
) -> None:
    given = ("--model", _MODEL, "--office", str(place), "--dry-run")
    m2agent("run", office.TASK, *given, "--max-turns", "10")

    done = m2agent("undo", "last", "--yes")

    assert done.code == 2
    assert "A dry run changed nothing." in done.err
