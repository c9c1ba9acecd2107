"""What is drawn of an event, whoever wrote the texts in it."""

import unicodedata
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from m2agent.events import (
    Approved,
    Asked,
    Broken,
    Called,
    Compacted,
    Decided,
    Declined,
    Ended,
    Event,
    Item,
    Judged,
    Noted,
    Planned,
    Receipt,
    Reported,
    Returned,
    Said,
    Settled,
    Spawned,
    Started,
    Thought,
    Turned,
    Unsettled,
)
from m2agent_tui.describe import Names, title
from m2agent_tui.drawing import details, line
from m2agent_tui.live import tail
from m2agent_tui.look import Block
from m2agent_tui.story import Story

JOINERS = "\u200c\u200d"

EVENTS: list[Callable[[str], list[Event]]] = [
    lambda text: [Asked(text)],
    lambda text: [Thought(text)],
    lambda text: [Said(text)],
    lambda text: [Called("1.1", text, {text: text}), Turned()],
    lambda text: [
        Called("1.1", "mail_send", {"draft_id": text, "n": 1, "list": [text]}),
        Decided("1.1", "ask", text, text, text, text, text, text),
        Declined("1.1", "", text, text),
        Returned("1.1", False, text),
    ],
    lambda text: [
        Called("1.1", "mail_draft", {"to": [text], "subject": text}),
        Approved("1.1", "", text),
        Started("1.1", "key", ""),
        Unsettled("1.1", "key", text),
        Settled("1.1", "key", True, text),
        Returned("1.1", True, text, None, [Receipt(text, text)], artifacts=[text]),
    ],
    lambda text: [Broken(text, text)],
    lambda text: [Noted(text)],
    lambda text: [Planned([Item(text, text, text)])],
    lambda text: [Judged(False, [Item(text, text, text)])],
    lambda text: [Compacted(1, text)],
    lambda text: [Spawned("1", "a", text), Reported("1", "a", text, [Receipt(text, text)])],
    lambda text: [Ended("failed", text, 6, text)],
]

KEYS = (
    *("from", "to", "subject", "text", "date", "attachments", "title", "body", "props", "rows"),
    *("items", "total", "properties", "exit_code", "output", "cwd", "draft_id", "id", "edits"),
    *("old", "new", "command", "append", "name", "type", "size", "options", "snippet"),
)

hostile = st.text(
    st.one_of(
        st.characters(),
        st.sampled_from("\x1b\x00\x07\x9b\u202e\u2066\u200b\ufeff\U000e0041[]/@\\\t\r\n"),
    ),
    min_size=1,
)


def is_harmless(text: str) -> bool:
    return not [
        character
        for character in text
        if unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp")
        and character not in "\n\t" + JOINERS
    ]


@pytest.mark.parametrize("events", EVENTS)
@given(text=hostile)
def test_no_text_of_an_event_can_steer_the_terminal(
    events: Callable[[str], list[Event]], text: str
) -> None:
    story = Story()
    for event in events(text):
        story.take(event)
    for entry in story.entries:
        assert is_harmless(line(entry).plain)
        assert all(is_harmless(block.text.plain) for block in details(entry))


@pytest.mark.parametrize("events", EVENTS)
def test_markup_in_a_text_is_shown_as_it_was_written(
    events: Callable[[str], list[Event]],
) -> None:
    text = "[bold red]x[/] [link='http://evil.example']y[/link] [@click=app.quit]z[/]"
    story = Story()
    for event in events(text):
        story.take(event)
    shown = "\n".join(
        part.plain
        for entry in story.entries
        for part in (line(entry), *(block.text for block in details(entry)))
    )
    assert text in shown


@given(hostile)
def test_the_end_of_a_stream_is_as_harmless_as_all_else(text: str) -> None:
    rows = tail(text, 20)
    assert len(rows) <= 8
    assert is_harmless("\n".join(row.plain for row in rows))


def test_a_closed_entry_is_one_line_however_long_its_texts_are() -> None:
    story = Story()
    story.take(Called("1.1", "shell_run", {"command": "x\n" * 500_000}))
    story.take(Returned("1.1", True, "y" * 1_000_000))
    shown = line(story.entries[0]).plain
    assert "\n" not in shown
    assert len(shown) < 500


def test_opened_results_are_bounded_and_say_so() -> None:
    story = Story()
    story.take(Called("1.1", "shell_run", {"command": "ls"}))
    story.take(Returned("1.1", True, "y" * 1_000_000))
    opened = "".join(block.text.plain for block in details(story.entries[0]))
    assert len(opened) < 20_000
    assert "988,000 more characters: m2agent export shows them" in opened


json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | hostile,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner),
    max_leaves=12,
)


@pytest.mark.parametrize("tool", ["mail_search", "mail_draft", "notes_update", "shell_run", "x_y"])
@given(arguments=st.dictionaries(st.sampled_from(KEYS), json), data=json, ok=st.booleans())
def test_arguments_and_data_of_any_shape_can_be_drawn(
    tool: str, arguments: dict[str, object], data: object, ok: bool
) -> None:
    story = Story()
    story.take(Called("1.1", tool, arguments))
    story.take(Returned("1.1", ok, "text", data))
    (entry,) = story.entries
    assert is_harmless(line(entry).plain)
    assert all(is_harmless(block.text.plain) for block in details(entry))


def opened(tool: str, arguments: dict[str, object], data: object, text: str = "") -> list[Block]:
    story = Story()
    story.take(Called("1.1", tool, arguments))
    story.take(Returned("1.1", True, text, data))
    return details(story.entries[0])


def test_a_mail_that_was_read_is_a_letter_with_its_head_and_what_is_attached() -> None:
    mail = {
        "from": "Ann <ann@example.com>",
        "to": ["Kim"],
        "subject": "Invoice 1042",
        "date": "2026-11-20T12:51:00Z",
        "text": "m1\nFrom: Ann\n\nDear Kim,\n\nit is **late**.",
        "attachments": [{"name": "a.pdf", "type": "application/pdf", "size": 315}],
    }
    _, head, body, _ = opened("mail_read", {"id": "m1"}, mail)
    assert head.text.plain.splitlines() == [
        "From: Ann <ann@example.com>",
        "To: Kim",
        "Date: 2026-11-20 12:51",
        "Subject: Invoice 1042",
        "Attached: a.pdf (application/pdf, 315 bytes)",
    ]
    assert (body.how, body.text.plain) == ("page", "Dear Kim,\n\nit is **late**.")


def test_rows_are_a_table_in_which_wide_letters_count_twice() -> None:
    data = {"rows": [{"Name": "請求書", "Sum": 7}, {"Name": "Rent", "Sum": None}]}
    _, rows, _ = opened("notes_query", {"table": "Bills"}, data)
    assert rows.text.plain.splitlines() == ["Name    Sum", "請求書  7", "Rent"]


def test_a_command_is_shown_as_in_a_terminal() -> None:
    data = {"exit_code": 2, "output": "ls: no such file\n", "cwd": "."}
    shown, _ = opened("shell_run", {"command": "ls x"}, data)
    assert shown.how == "terminal"
    assert shown.text.plain.splitlines() == ["$ ls x", "ls: no such file", "exit 2 in ."]


def test_a_change_of_a_note_shows_what_goes_and_what_comes() -> None:
    change: dict[str, object] = {
        "id": "n1",
        "props": {"Status": "Paid"},
        "edits": [{"old": "a\nb", "new": "a\nc"}],
    }
    head, edit, *_ = opened("notes_update", change, {})
    assert head.text.plain.splitlines() == ["note: n1", "Status becomes: Paid"]
    assert edit.text.plain.splitlines() == ["  a", "- b", "+ c"]


@pytest.mark.parametrize(
    ("tool", "arguments", "words"),
    [
        ("mail_search", {"query": "from:ann invoice"}, "Search mail: from:ann invoice"),
        ("mail_search", {}, "Search mail"),
        ("mail_read", {"id": "m7"}, "Read mail: Invoice 1042"),
        ("mail_read", {"thread": "t9"}, "Read mail: t9"),
        ("mail_label", {"ids": ["m7", "m8"]}, "Label mail: Invoice 1042, m8"),
        (
            "mail_draft",
            {"to": ['"Ann Billing" <ann@example.com>'], "subject": "Invoice 1042"},
            "Draft to Ann Billing: Invoice 1042",
        ),
        ("mail_draft", {"to": "ann@example.com"}, "Draft to ann@example.com"),
        ("mail_draft", {"reply_to": "m7", "body": "Hi"}, "Draft a reply: Invoice 1042"),
        ("mail_send", {"draft_id": "d3"}, "Send to Ann Billing: Your total"),
        ("notes_create", {"parent": "p", "title": "Totals"}, "Write note: Totals"),
        ("shell_run", {"command": "wc -l\n*.csv"}, "Run: wc -l *.csv"),
        ("tickets_close", {"id": 5, "why": "same as 4"}, "Tickets close: 5, same as 4"),
        ("tickets_list", {"of": None, "tags": ["a", "b"]}, "Tickets list: a, b"),
    ],
)
def test_a_call_is_titled_in_the_words_of_a_person(
    tool: str, arguments: dict[str, object], words: str
) -> None:
    names = Names()
    names.learn({"items": [{"id": "m7", "subject": "Invoice 1042"}, {"id": 3}, "m9"]})
    names.learn({"draft_id": "d3", "to": ["Ann Billing <a@b.c>"], "subject": "Your total"})
    assert title(tool, arguments, names) == words
