"""The tour of the README, as processes: 30 turns that park at the send, and kill -9 on the way."""

import email
import email.policy
import json
import random
import signal
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from command import Command, Done

from m2agent import office
from m2agent.events import Began
from m2agent.journal import Journal
from m2agent_models.m2 import render

_MODEL = f"script:{office.SCRIPT}"


def world(folder: Path) -> dict[str, Any]:
    """All that a run changes in an office, without times and made-up ids."""
    notes = {
        str(path.relative_to(folder)): path.read_text("utf-8")
        for path in sorted((folder / "notes").rglob("*.md"))
    }
    work = {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted((folder / "work").rglob("*"))
        if path.is_file()
    }
    sent: list[tuple[str, str, str]] = []
    for path in (folder / "mail" / "outbox").glob("*.eml"):
        mail = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
        body = mail.get_body(("plain",))
        sent.append(
            (
                str(mail["To"]),
                str(mail["Subject"]),
                body.get_content().replace("\r\n", "\n") if body else "",
            )
        )
    with sqlite3.connect(folder / "mail" / "mailbox.db") as db:
        (mails,) = db.execute("SELECT count(*) FROM message").fetchone()
    db.close()
    return {"notes": notes, "work": work, "sent": sorted(sent), "mails": mails}


@dataclass(frozen=True)
class Toured:
    """The tour without any harm: parked, and after the yes."""

    m2agent: Command
    parked: Done
    before: dict[str, Any]
    approved: Done
    after: dict[str, Any]


@pytest.fixture(scope="module")
def toured(tmp_path_factory: pytest.TempPathFactory) -> Toured:
    folder = tmp_path_factory.mktemp("tour")
    office.write(folder / "office")
    m2agent = Command(folder)
    place = str(folder / "office")
    parked = m2agent("run", office.TASK, "--model", _MODEL, "--office", place, "--events")
    before = world(folder / "office")
    approved = m2agent("approve", "last", "--events")
    return Toured(m2agent, parked, before, approved, world(folder / "office"))


def test_the_tour_parks_at_the_send_and_approve_sends_exactly_what_was_shown(
    toured: Toured,
) -> None:
    assert (toured.parked.code, toured.approved.code) == (4, 0)
    events = [*toured.parked.events, *toured.approved.events]
    assert sum(e["type"] == "turned" for e in events) == 30
    asked = {e["id"]: e for e in events if e["type"] == "decided" and e["decision"] == "ask"}
    started = {e["id"]: e for e in events if e["type"] == "started" and e["id"] in asked}
    assert len(asked) == 4
    for id, decided in asked.items():
        assert started[id]["hash"] == decided["hash"]
        assert started[id]["content"] == decided["content"] != ""

    assert toured.before["sent"] == []
    assert len(toured.after["sent"]) == 4
    for to, _, body in toured.after["sent"]:
        (shown,) = [e["preview"] for e in asked.values() if to in e["preview"]]
        assert body.strip() in shown
    assert "[row Invoices/F85348]" in events[-1]["answer"]


def test_the_journal_of_the_tour_takes_at_most_twice_what_the_model_read_and_wrote(
    toured: Toured,
) -> None:
    path = toured.m2agent.home / "journal.db"
    journal = Journal(path)
    events = [record.event for record in journal.read(journal.find("last"))]
    journal.close()
    began = events[0]
    assert isinstance(began, Began)

    assert path.stat().st_size <= 2 * len(render(events, began.tools).encode())


@pytest.mark.parametrize("seed", range(4))
def test_the_tour_killed_at_random_points_ends_in_the_same_world(
    tmp_path: Path, toured: Toured, seed: int
) -> None:
    office.write(tmp_path / "office")
    m2agent, chance = Command(tmp_path), random.Random(seed)
    process = m2agent.start(
        *("run", office.TASK, "--model", _MODEL, "--office", str(tmp_path / "office")),
        *("--events", "--on-ask", "allow"),
    )
    for _ in range(3):
        assert process.stdout
        for _, line in zip(range(chance.randrange(1, 90)), process.stdout, strict=False):
            json.loads(line)
        process.kill()
        process.communicate()
        assert process.returncode == -signal.SIGKILL
        process = m2agent.start("resume", "last", "--events", "--on-ask", "allow")
    process.communicate(timeout=120)
    assert process.returncode == 0

    events = m2agent("export", "last").events
    receipts = [(r["kind"], r["id"]) for e in events for r in e.get("receipts", [])]
    assert len(receipts) == len(set(receipts))
    assert world(tmp_path / "office") == toured.after
