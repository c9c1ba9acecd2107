"""Gmail's query language: what it parses to, and that SQLite finds what it says."""

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mail_scene import NOW, mail

from m2agent.errors import ToolFailed
from m2agent_connectors.local_mail.search import count, found
from m2agent_connectors.local_mail.store import Store
from m2agent_connectors.mail.message import parse as parse_mail
from m2agent_connectors.mail.query import (
    EVERYTHING,
    And,
    HasAttachment,
    Label,
    Larger,
    MessageId,
    Node,
    Not,
    Or,
    Since,
    Smaller,
    Text,
    Until,
    parse,
)

DAY = 86_400
ME = "me@office.example"


def tree(query: str) -> Node:
    return parse(query, now=NOW.timestamp(), me=ME, anywhere=True)


def word(text: str) -> Text:
    return Text("any", text)


@pytest.mark.parametrize(
    ("query", "meaning"),
    [
        ("", EVERYTHING),
        ("invoice", word("invoice")),
        ("a b", And((word("a"), word("b")))),
        ("a AND b", And((word("a"), word("b")))),
        ("a OR b c", And((Or((word("a"), word("b"))), word("c")))),
        ("OR a OR", word("a")),
        ("oreo order", And((word("oreo"), word("order")))),
        ("{a b}", Or((word("a"), word("b")))),
        ('"pay now"', word("pay now")),
        ('"pay now', word("pay now")),
        ("-a", Not(word("a"))),
        ("--a", Not(word("a"))),
        ("- a", word("a")),
        ("NOT a", Not(word("a"))),
        ("NOT NOT a", word("a")),
        ("NOTE a", And((word("NOTE"), word("a")))),
        ("-(a b)", Not(And((word("a"), word("b"))))),
        ("-()", EVERYTHING),
        ("well-known", word("well-known")),
        ("a) b", And((word("a"), word("b")))),
        ("(((a", word("a")),
        ("from:ann", Text("from", "ann")),
        ("From: ann", Text("from", "ann")),
        ("from:me", Text("from", ME)),
        ('from:"Ann Bell"', Text("from", "Ann Bell")),
        ("-from:{a b}", Not(Or((Text("from", "a"), Text("from", "b"))))),
        ("from:(a OR b)", Or((Text("from", "a"), Text("from", "b")))),
        ("subject:(a from:b)", And((Text("subject", "a"), Text("from", "b")))),
        ("subject:(a) b", And((Text("subject", "a"), word("b")))),
        ("subject: from:x", Text("from", "x")),
        ("from:", EVERYTHING),
        ("to:a cc:b bcc:c", And((Text("to", "a"), Text("cc", "b"), Text("bcc", "c")))),
        ("filename:pdf", Text("filename", "pdf")),
        ("label:my-project", Label("my-project")),
        ('label:"My Project/x"', Label("my-project-x")),
        ("in:inbox", Label("inbox")),
        ("in:drafts", Label("draft")),
        ("in:anywhere", EVERYTHING),
        ("is:unread", Label("unread")),
        ("is:read", Not(Label("unread"))),
        ("-is:starred", Not(Label("starred"))),
        ("has:attachment", HasAttachment()),
        ("after:2026/11/21", Since(1_795_219_200.0)),
        ("after:2026-11-21", Since(1_795_219_200.0)),
        ("newer:11/21/2026", Since(1_795_219_200.0)),
        ("before:21/11/2026", Until(1_795_219_200.0)),
        ("older:1795219200", Until(1_795_219_200.0)),
        ("newer_than:7d", Since(NOW.timestamp() - 7 * DAY)),
        ("older_than:12h", Until(NOW.timestamp() - DAY / 2)),
        ("newer_than:1m", Since(NOW.timestamp() - 31 * DAY)),
        ("newer_than:1y", Since(NOW.timestamp() - 365 * DAY)),
        ("newer_than:999y", Since(0.0)),
        ("larger:5M", Larger(5_000_000)),
        ("smaller:200kb", Smaller(200_000)),
        ("rfc822msgid:<a@b.example>", MessageId("a@b.example")),
        ("10:30", word("10:30")),
        ("https://x.example/a", word("https://x.example/a")),
        ("Re: hello", And((word("Re:"), word("hello")))),
        ("!!! ?", EVERYTHING),
    ],
)
def test_a_query_means(query: str, meaning: Node) -> None:
    assert tree(query) == meaning


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("form:ann", "Did you mean from:?"),
        ("sender:ann", "There is no search operator sender:."),
        ("has:drive", "Use has:attachment."),
        ("is:blue", "is:unread, is:read, is:starred, is:important"),
        ("before:yesterday", "before:yesterday is no day. Write before:2026/11/21."),
        ("after:2026/02/30", "is no day"),
        ("newer_than:week", "Write newer_than:7d"),
        ("larger:huge", "Write larger:5M"),
        ("(" * 30 + "a", "nested too deeply"),
        ("a " * 600, "at most 1,000 characters"),
    ],
)
def test_what_cannot_be_asked_is_refused_in_words(query: str, words: str) -> None:
    with pytest.raises(ToolFailed) as refusal:
        tree(query)
    assert words in str(refusal.value)


@pytest.mark.parametrize(
    ("query", "left_out"),
    [("a", ["trash", "spam"]), ("in:trash", ["spam"]), ("in:spam OR in:trash", []), ("in:all", [])],
)
def test_trash_and_spam_are_left_out_unless_they_are_named(query: str, left_out: list[str]) -> None:
    wanted = tree(query)
    excluded = tuple(Not(Label(key)) for key in left_out)
    expected = And((wanted, *excluded)) if excluded else wanted
    assert parse(query, now=0.0) == expected


@given(st.text(max_size=60) | st.text('aO-R(){}": fromlbein', max_size=60))
@settings(max_examples=400)
def test_any_text_is_a_query_or_refused_in_words_and_sqlite_takes_it(text: str) -> None:
    try:
        wanted = tree(text)
    except ToolFailed:
        return
    assert count(shelf().store, wanted) >= 0


# SQLite against a plain reading of the same tree

WORDS = ("red", "blue", "green", "one", "two")
PEOPLE = ("ann", "bob", "cleo")
LABELS = ("INBOX", "UNREAD", "TRASH", "My Project")


@dataclass(frozen=True)
class Kept:
    """A mail of the shelf, in the few facts that queries can ask for."""

    number: int
    subject: str
    body: str
    sender: str
    to: str
    cc: str
    file: str
    labels: frozenset[str]
    date: float
    size: int
    id: str


@dataclass(frozen=True)
class Shelf:
    store: Store
    mails: tuple[Kept, ...]


@cache
def shelf() -> Shelf:
    """Sixty mails that differ in everything a query can ask for."""
    store = Store.open(Path(mkdtemp(dir=Path.home())) / "mailbox.db")
    mails: list[Kept] = []
    with store.transaction():
        for n in range(60):
            sender, to, cc = (PEOPLE[(n * k + n // 7) % 3] for k in (1, 2, 4))
            subject = f"{WORDS[n % 5]} {WORDS[n // 5 % 5]}"
            body = f"{WORDS[n // 3 % 5]} {WORDS[n * 2 % 5]}"
            file = f"{WORDS[n // 4 % 5]}.{'pdf' if n % 2 else 'csv'}" if n % 3 == 0 else ""
            raw = mail(
                subject,
                body + " " + "x" * (n * 40),
                sender=f"{sender}@x.example",
                to=f"{to}@y.example",
                day=1 + n // 3,
                id=f"mail-{n}",
                cc=f"{cc}@z.example",
                attachments={file: ("text/csv", b"1")} if file else None,
            )
            labels = frozenset(name for k, name in enumerate(LABELS) if (n >> k) & 1)
            read = parse_mail(raw)
            number = store.add(raw, read, date=read.date or 0.0, labels=sorted(labels))
            keys = frozenset(name.lower().replace(" ", "-") for name in labels)
            mails.append(
                Kept(
                    number, subject, body, f"{sender} x example", f"{to} y example",
                    f"{cc} z example", file, keys, read.date or 0.0, len(raw),
                    f"mail-{n}@x.example",
                )
            )  # fmt: skip
    return Shelf(store, tuple(mails))


def matches(node: Node, kept: Kept) -> bool:
    match node:
        case And(parts):
            return all(matches(part, kept) for part in parts)
        case Or(parts):
            return any(matches(part, kept) for part in parts)
        case Not(part):
            return not matches(part, kept)
        case Label(key):
            return key in kept.labels
        case HasAttachment():
            return kept.file != ""
        case Since(seconds):
            return kept.date >= seconds
        case Until(seconds):
            return kept.date < seconds
        case Larger(size):
            return kept.size > size
        case Smaller(size):
            return kept.size < size
        case MessageId(id):
            return kept.id == id
        case Text("any", text):
            fields = (kept.subject, kept.body, kept.sender, kept.to, kept.cc, kept.file)
            return any(follow(text, field) for field in fields)
        case Text(field, text):
            named = {"from": kept.sender, "to": kept.to, "cc": kept.cc, "bcc": ""}
            return follow(text, {**named, "subject": kept.subject, "filename": kept.file}[field])


def follow(text: str, field: str) -> bool:
    """Whether the words of the text follow each other in the field."""
    wanted, there = (re.findall(r"\w+", t.lower()) for t in (text, field))
    length = len(wanted)
    return any(there[at : at + length] == wanted for at in range(len(there)))


def terms() -> st.SearchStrategy[str]:
    word = st.sampled_from(WORDS)
    person = st.sampled_from([*PEOPLE, "ann@x.example", "z.example", "me"])
    day = st.integers(1, 22).map(lambda d: f"2026/11/{d}")
    return st.one_of(
        word,
        st.tuples(word, word).map(lambda pair: f'"{pair[0]} {pair[1]}"'),
        st.tuples(st.sampled_from(["from", "to", "cc", "bcc"]), person).map(":".join),
        word.map("subject:{}".format),
        st.sampled_from(["pdf", "red", "blue.csv"]).map("filename:{}".format),
        st.sampled_from(["inbox", "unread", "trash", "my-project", "nothing"]).map(
            "label:{}".format
        ),
        st.sampled_from(["is:unread", "is:read", "in:anywhere", "has:attachment"]),
        st.tuples(st.sampled_from(["after", "before"]), day).map(":".join),
        st.integers(1, 25).map("newer_than:{}d".format),
        st.integers(1, 25).map("older_than:{}d".format),
        st.integers(300, 3_000).map("larger:{}".format),
        st.integers(0, 70).map("rfc822msgid:mail-{}@x.example".format),
    )


def queries() -> st.SearchStrategy[str]:
    def grown(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
        several = st.lists(inner, min_size=1, max_size=3)
        return st.one_of(
            several.map(" ".join),
            several.map(lambda parts: f"({' '.join(parts)})"),
            several.map(lambda parts: f"{{{' '.join(parts)}}}"),
            several.map(" OR ".join),
            inner.map(lambda part: f"-({part})"),
            inner.map(lambda part: f"NOT ({part})"),
        )

    return st.recursive(terms(), grown, max_leaves=6)


@given(queries())
@settings(max_examples=300)
def test_sqlite_finds_what_the_tree_says(query: str) -> None:
    wanted = parse(query, now=NOW.timestamp(), me="ann@x.example")
    right = [kept.number for kept in shelf().mails if matches(wanted, kept)]
    newest_first = sorted(right, key=lambda n: (shelf().mails[n - 1].date, n), reverse=True)
    assert found(shelf().store, wanted, limit=100, after=None) == newest_first
    assert count(shelf().store, wanted) == len(right)


@given(queries(), st.integers(1, 9))
@settings(max_examples=60)
def test_pages_put_together_are_the_whole_answer(query: str, limit: int) -> None:
    wanted = parse(query, now=NOW.timestamp())
    pages: list[int] = []
    while page := found(shelf().store, wanted, limit=limit, after=pages[-1] if pages else None):
        pages += page
    assert pages == found(shelf().store, wanted, limit=100, after=None)
