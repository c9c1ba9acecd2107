"""A run played again on what it recorded: unchanged it is the same, and nothing happens."""

from pathlib import Path

import pytest
from command import Command, call

_TURNS = [
    {"thinking": "Look.", "calls": [call("notes_search", query=""), call("notes_read", id="Nope")]},
    {"calls": [call("mail_draft", to=["ann@supplier.example"], subject="Hello", body="Hi.")]},
    {"calls": [call("mail_send", draft_id="{{3.draft_id}}")]},
    {"text": "I sent it: [message m2]"},
]


@pytest.fixture
def sent(m2agent: Command) -> str:
    """The id of a run that drafted a mail, asked, and sent it."""
    task = "Draft a mail to ann@supplier.example and send it."
    done = m2agent("run", task, "--model", m2agent.script(*_TURNS), "--on-ask", "allow", "--json")
    return done.final["run"]


def test_a_replay_with_nothing_changed_is_the_same_and_opens_no_account(
    m2agent: Command, sent: str
) -> None:
    for folder in ("mail", "notes"):
        (m2agent.home / "accounts" / folder).rename(m2agent.folder / folder)

    done = m2agent("replay", sent, "--events")

    assert "every call and every decision is the same" in done.err
    then = [e for e in m2agent("export", sent).events if e["type"] in ("called", "returned")]
    now = [e for e in done.events if e["type"] in ("called", "returned")]
    assert [_plain(event) for event in now] == [_plain(event) for event in then]
    assert not list(m2agent.home.rglob("*.eml"))


def _plain(event: dict[str, object]) -> dict[str, object]:
    return {k: v for k, v in event.items() if k not in ("run", "seq", "at", "seconds")}


def test_other_rules_are_tried_on_a_recorded_run(m2agent: Command, sent: str) -> None:
    rules = m2agent.folder / "rules.toml"
    rules.write_text('[[rule]]\ndecision = "deny"\ntool = "mail_send"\n')

    done = m2agent("replay", sent, "--rules", str(rules))

    assert "deny (rule 1), was " in done.err
    assert len(list(m2agent.home.rglob("*.eml"))) == 1


def test_another_model_gets_recorded_results_and_is_told_what_is_not_recorded(
    m2agent: Command, sent: str
) -> None:
    other = m2agent.script(
        {"calls": [call("notes_search", query="")]},
        {"calls": [call("mail_send", draft_id="d9")]},
        {"text": "I would go on."},
    )
    prompt = m2agent.folder / "prompt.txt"
    prompt.write_text("Be short.")

    done = m2agent("replay", sent, "--model", other, "--system", str(prompt), "--events")

    assert done.events[0]["system"] == "Be short."
    first, second = [e for e in done.events if e["type"] == "returned"]
    assert first["ok"]
    assert (second["ok"], second["text"]) == (
        False,
        "The recording has no result for this call. Go on without it.",
    )
    assert "mail_send" in done.err and "not in the recording" in done.err
    assert len(list(m2agent.home.rglob("*.eml"))) == 1


def test_a_replay_is_neither_resumed_nor_undone(m2agent: Command, sent: str) -> None:
    m2agent("replay", sent)

    for command in (["resume", "last"], ["undo", "last", "--yes"]):
        done = m2agent(*command)
        assert done.code == 2
        assert f"m2agent replay {sent}" in done.err


def test_what_never_began_cannot_be_played(m2agent: Command, tmp_path: Path) -> None:
    assert m2agent("replay", "nosuch").code == 2
