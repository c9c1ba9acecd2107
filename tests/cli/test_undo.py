"""Taking back what a run did, on the real mailbox and notes."""

import json
import os
from pathlib import Path

import pytest
from command import Command, call

from m2agent.journal import Journal

_TURNS = [
    {
        "calls": [
            call("notes_create", parent="", title="Plan", body="One."),
            call("mail_draft", to=["ann@supplier.example"], subject="Hello", body="Hi."),
        ]
    },
    {"calls": [call("notes_update", id="Plan", append="Two.")]},
    {"calls": [call("mail_send", draft_id="{{2.draft_id}}")]},
    {"text": "All of it is done."},
]


@pytest.fixture
def notes(m2agent: Command) -> Path:
    """The notes folder after a run that wrote a note, and sent a mail."""
    task = "Create the note Plan, append to it, draft a mail to ann@supplier.example and send it."
    done = m2agent("run", task, "--model", m2agent.script(*_TURNS), "--on-ask", "allow")
    assert done.code == 0, done.err
    return m2agent.home / "accounts" / "notes"


def test_undo_shows_what_it_would_do_and_does_nothing_without_a_yes(
    m2agent: Command, notes: Path
) -> None:
    done = m2agent("undo", "last")

    assert done.code == 4
    assert "notes_update" in done.err
    assert "stays: A sent mail stays sent." in done.err
    assert "Two." in (notes / "Plan.md").read_text()


def test_undo_takes_back_the_notes_and_says_that_the_mail_stays_sent(
    m2agent: Command, notes: Path
) -> None:
    done = m2agent("undo", "last", "--yes", "--events")

    assert done.code == 7
    assert not (notes / "Plan.md").exists()
    returned = {e["id"]: e for e in done.events if e["type"] == "returned"}
    assert returned["1.1"]["text"] == "A sent mail stays sent."
    assert returned["1.2"]["ok"]
    assert len(list(m2agent.home.rglob("outbox/*.eml"))) == 1
    rows = [json.loads(row) for row in m2agent("runs", "--json").out.splitlines()]
    assert [row["status"] for row in rows] == ["unverified", "done"]


def test_one_step_alone_can_be_taken_back(m2agent: Command, notes: Path) -> None:
    assert m2agent("undo", "last", "--step", "2.1", "--yes").code == 0

    text = (notes / "Plan.md").read_text()
    assert "One." in text
    assert "Two." not in text


def test_what_somebody_changed_since_is_left_alone(m2agent: Command, notes: Path) -> None:
    (notes / "Plan.md").write_text("All new, by hand.\n")

    done = m2agent("undo", "last", "--step", "2.1", "--yes")

    assert done.code == 7
    assert (notes / "Plan.md").read_text() == "All new, by hand.\n"


def test_a_run_that_changed_nothing_has_nothing_to_take_back(m2agent: Command) -> None:
    m2agent("run", "Say hello.", "--model", m2agent.script({"text": "Hello."}))

    done = m2agent("undo", "last", "--yes")

    assert done.code == 2
    assert "changed nothing" in done.err


def test_an_undo_is_itself_undone_and_that_again(m2agent: Command, notes: Path) -> None:
    def text() -> str:
        return (notes / "Plan.md").read_text() if (notes / "Plan.md").exists() else ""

    whole = text()
    m2agent("undo", "last", "--yes")
    assert text() == ""

    preview = m2agent("undo", "last")
    assert "notes_create" in preview.err
    assert "will be done again" in preview.err
    again = m2agent("undo", "last", "--yes")
    assert (again.code, text()) == (0, whole)
    back = m2agent("undo", "last", "--yes")
    assert (back.code, text()) == (0, "")


def test_an_undo_that_was_cut_off_is_resumed(m2agent: Command, notes: Path) -> None:
    process = m2agent.start("undo", "last", "--yes", "--events")
    assert process.stdout
    for line in process.stdout:
        if '"type":"started"' in line:  # before the newest step is walked back, or in it
            break
    process.kill()
    process.communicate()

    done = m2agent("resume", "last", "--events")

    assert done.code == 7
    assert not (notes / "Plan.md").exists()
    (ended,) = [event for event in done.events if event["type"] == "ended"]
    assert "mail_send (3.1): not undone" in ended["answer"]
    assert m2agent("resume", "last").code == 7


def test_a_run_that_somebody_works_on_is_not_undone(m2agent: Command, notes: Path) -> None:
    journal = Journal(m2agent.home / "journal.db")
    run = journal.open(journal.find("last"))

    done = m2agent("undo", run.id, "--yes")

    assert done.code == 4
    assert f"is being worked on by process {os.getpid()}" in done.err
    journal.close()


def test_what_a_sub_agent_did_is_taken_back_with_its_run(m2agent: Command) -> None:
    task = {"task": "Create the note."}
    model = m2agent.script(
        {"calls": [call("delegate", **task)]},
        {"agent": "note", "calls": [call("notes_create", parent="", title="Plan", body="One.")]},
        {"agent": "note", "text": "It is there."},
        {"text": "It is there."},
    )
    assert m2agent("run", "Create a note.", "--model", model, "--on-ask", "allow").code == 0
    (note,) = m2agent.home.rglob("Plan.md")

    shown = m2agent("undo", "last")
    assert "1.1/1.1  notes_create" in shown.err and note.exists()
    assert m2agent("undo", "last", "--step", "1.1/1.1", "--yes").code == 0
    assert not note.exists()
