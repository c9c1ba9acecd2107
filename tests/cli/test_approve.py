"""`m2agent approve`: one of many, changed first, and always."""

import json
import sys
from pathlib import Path

import pytest
from command import Command, Done

_MAILS = {"Ann": "ann@x.example", "Bob": "bob@x.example"}


@pytest.fixture
def parked(tmp_path: Path) -> Command:
    """A run that waits for a yes to two mails, and goes on to a third."""
    m2agent = Command(tmp_path)
    turns = [
        {
            "calls": [
                {
                    "tool": "mail_draft",
                    "arguments": {"to": [address], "subject": "Oak", "body": f"Dear {name},"},
                }
                for name, address in _MAILS.items()
            ]
        },
        {
            "calls": [
                {"tool": "mail_send", "arguments": {"draft_id": f"{{{{{n}.draft_id}}}}"}}
                for n in (1, 2)
            ]
        },
        {"text": "Ok."},
    ]
    (tmp_path / "turns.jsonl").write_text("".join(json.dumps(turn) + "\n" for turn in turns))
    done = m2agent("run", "Write to them.", "--model", "script:turns.jsonl", "--events")
    assert done.code == 4, done.err
    return m2agent


def sent(m2agent: Command) -> list[str]:
    return sorted(path.read_text() for path in m2agent.home.rglob("outbox/*.eml"))


def editing(m2agent: Command, old: str, new: str, *options: str) -> Done:
    """Approve with an editor that replaces `old` by `new` in what it is given."""
    script = m2agent.folder / "editor.py"
    script.write_text(
        "import sys, pathlib\n"
        "f = pathlib.Path(sys.argv[1])\n"
        f"f.write_text(f.read_text().replace({old!r}, {new!r}))\n"
    )
    editor = f"EDITOR='{sys.executable} {script}' VISUAL= "
    return m2agent("approve", "last", "--edit", *options, "--events", shell=f"{editor} {{}}")


def test_many_sends_are_one_card_with_everything_in_full(parked: Command) -> None:
    shown = parked("show", "last").out
    card = shown.partition("**Ended")[2]
    assert card.count("Dear Ann,") == card.count("Dear Bob,") == 1
    assert card.count("m2agent approve") == 2
    assert "--step 2.1" in card


def test_a_mail_changed_first_goes_out_as_it_was_saved(parked: Command) -> None:
    done = editing(parked, "Dear Ann,", "Dear Ann, hello", "--step", "2.1")

    kinds = [(e["type"], e.get("id")) for e in done.events if e.get("id") == "2.1"]
    assert [k for k, _ in kinds] == ["edited", "decided", "approved", "started", "returned"]
    assert done.code == 4
    (mail,) = sent(parked)
    assert "Dear Ann, hello" in mail


def test_a_change_that_cannot_be_made_sends_nothing(parked: Command) -> None:
    done = editing(parked, "From:", "From: Eve, ", "--step", "2.1")
    assert done.code == 4
    assert "From cannot be changed" in done.err
    assert sent(parked) == []


def test_two_steps_are_not_changed_in_one_editor(parked: Command) -> None:
    done = editing(parked, "Dear", "Hi")
    assert done.code == 2
    assert "--step" in done.err
    assert "2.1, 2.2" in done.err


def test_an_always_is_kept_with_the_rules_and_listed(parked: Command) -> None:
    done = parked("approve", "last", "--always", "recipient", "--events")

    assert done.code == 0, done.err
    assert [e["always"] for e in done.events if e["type"] == "approved"] == ["recipient"] * 2
    assert len(sent(parked)) == 2
    listed = parked("rules", "list").out
    assert "ann@x.example" in listed
    assert "bob@x.example" in listed
