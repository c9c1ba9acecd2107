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
        opened = details(entry)
        assert opened is None or is_harmless(opened.plain)


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
        for part in (line(entry), details(entry))
        if part is not None
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
    opened = details(story.entries[0])
    assert opened is not None
    assert len(opened.plain) < 20_000
    assert "988,000 more characters: m2agent export shows them" in opened.plain


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
        ("mail_send", {"draft_id": "d3"}, "Send: Ann Billing: Your total"),
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
