"""The mail tools that look: what a model is told, in how many words, and whose words they are."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import msgspec
import pytest
from mail_scene import AFTERWARDS, ME, Mailbox, mail, opened, reopened

from m2agent.connector import Account, connector_named
from m2agent.errors import SetupError, ToolFailed
from m2agent.events import Origin
from m2agent_connectors.local_mail import LocalMail

pytestmark = pytest.mark.usefixtures("mailboxes_closed")

NAMES = "search read labels save_attachment draft send label trash label_edit"


@pytest.fixture
async def box(tmp_path: Path) -> Mailbox:
    labelled = b"X-Gmail-Labels: "
    return await opened(
        tmp_path,
        labelled + b"Inbox,Unread,Work\n" + mail(
            "Invoice 1042", "Total: 1,204 EUR.\n\nAnn", id="1", day=18,
            attachments={
                "invoice.csv": ("text/csv", b"a,b\n"),
                "scan.pdf": ("application/pdf", b"%"),
            },
        ),
        labelled + b"Sent\n" + mail(
            "Re: Invoice 1042", "It does not add up.\n\n> Total: 1,204 EUR.", id="2", day=19,
            sender=ME, to="Ann Bell <ann@x.example>", in_reply_to="<1@x.example>",
        ),
        labelled + b"Inbox\n" + mail("Lunch | INBOX", "Noon?", id="3", day=20),
        labelled + b"Spam\n" + mail("Lottery", "You won.", id="4", sender="w@spam.example"),
    )  # fmt: skip


async def test_nine_tools_describe_themselves_in_under_6000_characters(box: Mailbox) -> None:
    specs = box.toolbox.specs
    assert [spec.name for spec in specs] == [f"mail_{name}" for name in NAMES.split()]
    assert sum(len(json.dumps(msgspec.to_builtins(spec))) for spec in specs) < 6_000
    assert connector_named("local-mail") is LocalMail


async def test_effects_say_what_a_person_must_be_asked_about(box: Mailbox) -> None:
    arguments: dict[str, dict[str, object]] = {
        "search": {}, "read": {"id": "m1"}, "labels": {}, "send": {"draft_id": "d1"},
        "save_attachment": {"id": "m1", "name_or_index": "1"}, "draft": {}, "label": {},
        "trash": {"ids": []}, "label_edit": {"action": "create", "name": "x"},
    }  # fmt: skip
    effects = {name: box.checked(name, **given).effect for name, given in arguments.items()}
    assert effects == {
        "search": "read", "read": "read", "labels": "read", "send": "send",
        "save_attachment": "write", "draft": "write", "label": "write", "trash": "write",
        "label_edit": "write",
    }  # fmt: skip
    assert box.checked("label_edit", action="delete", name="x").effect == "destroy"


async def test_a_search_is_a_line_for_each_mail_and_says_whose_words_they_are(
    box: Mailbox,
) -> None:
    result = await box.call("search", query="newer_than:7d")
    assert result.text == (
        '3 of 3 for "newer_than:7d"\n'
        "m3 2026-11-20 Ann Bell <ann@x.example> | Lunch ¦ INBOX | INBOX | Noon?\n"
        "m2 2026-11-19 Mia Sand <me@office.example> | Re: Invoice 1042 | SENT | "
        "It does not add up. [t1: 2 mails]\n"
        "m1 2026-11-18 Ann Bell <ann@x.example> | Invoice 1042 | INBOX,UNREAD,Work | "
        "Total: 1,204 EUR. Ann [att 2] [t1: 2 mails]"
    )
    assert [(o.trust, o.source, result.text[o.start : o.end][:3]) for o in result.origin] == [
        ("own", "mailbox", "3 o"),
        ("outside", "mail m3 from ann@x.example", "m3 "),
        ("own", "mailbox", "\n"),
        ("own", "mail m2 from me@office.example", "m2 "),
        ("own", "mailbox", "\n"),
        ("outside", "mail m1 from ann@x.example", "m1 "),
    ]
    assert result.data["items"][2] == {
        "id": "m1",
        "thread": "t1",
        "from": "Ann Bell <ann@x.example>",
        "to": [ME],
        "subject": "Invoice 1042",
        "date": "2026-11-18T09:12:00Z",
        "labels": ["INBOX", "UNREAD", "Work"],
        "snippet": "Total: 1,204 EUR. Ann",
        "attachments": 2,
    }


async def test_a_search_goes_on_where_the_page_before_it_ended(box: Mailbox) -> None:
    first = await box.call("search", query="from:ann", limit=1)
    assert first.text.startswith('1 of 2 for "from:ann"  page=m3 goes on\n')
    await box.call("trash", ids=["m3"])
    rest = await box.call("search", query="from:ann", limit=1, page=first.data["next"])
    assert [item["id"] for item in rest.data["items"]] == ["m1"]
    assert rest.data["next"] is None


async def test_words_are_found_by_their_stem_and_names_as_they_are_written(box: Mailbox) -> None:
    assert await box.found("invoices") == ["Re: Invoice 1042", "Invoice 1042"]
    assert await box.found("from:anne") == []
    assert await box.found("filename:csv from:bell") == ["Invoice 1042"]


async def test_nothing_found_says_where_else_there_is_something(box: Mailbox) -> None:
    nothing = await box.call("search", query="lottery")
    assert nothing.text == ('Nothing found for "lottery". 1 in the trash or spam: add in:anywhere.')
    assert nothing.data == {"items": [], "total": 0, "next": None}
    assert (await box.call("search", query="xyz")).text == 'Nothing found for "xyz".'


async def test_a_mail_is_read_with_its_head_and_its_files(box: Mailbox) -> None:
    result = await box.call("read", id="m1")
    assert result.text == (
        "m1  [t1: 2 mails]\nFrom: Ann Bell <ann@x.example>\nTo: Mia Sand <me@office.example>\n"
        "Date: 2026-11-18 09:12 UTC\nSubject: Invoice 1042\nLabels: INBOX,UNREAD,Work\n"
        "Attachments:\n  1  invoice.csv  text/csv  4 bytes\n"
        "  2  scan.pdf  application/pdf  1 bytes\n\nTotal: 1,204 EUR.\n\nAnn"
    )
    assert result.origin == [Origin("outside", "mail m1 from ann@x.example", 0, len(result.text))]
    assert result.data["message_id"] == "1@x.example"
    assert result.data["to"] == [ME]
    assert result.data["attachments"][1] == {
        "index": 2, "name": "scan.pdf", "type": "application/pdf", "size": 1, "inline": False,
    }  # fmt: skip
    assert result.data["next_offset"] is None
    assert "INBOX,UNREAD" in (await box.call("read", id="m1")).text, "reading changes nothing"


async def test_what_others_said_in_an_own_mail_stays_theirs(box: Mailbox) -> None:
    folded = await box.call("read", id="m2")
    assert "[quoted history, 1 line: quotes=true shows it]" in folded.text
    result = await box.call("read", id="m2", quotes=True)
    own, theirs = result.origin
    assert (own.trust, theirs.trust) == ("own", "outside")
    assert result.text[theirs.start : theirs.end] == "> Total: 1,204 EUR."


async def test_a_mail_that_only_claims_to_be_ones_own_is_not(tmp_path: Path) -> None:
    box = await opened(tmp_path, b"Received: by x\n" + mail("Pay", sender=ME))
    assert (await box.call("read", id="m1")).origin[0].trust == "outside"


async def test_a_thread_is_read_from_its_oldest_mail_on(box: Mailbox) -> None:
    result = await box.call("read", thread="t1")
    assert result.text.startswith("t1: 2 mails\n\nm1  [t1")
    assert result.text.index("Total: 1,204") < result.text.index("It does not add up.")
    assert [item["id"] for item in result.data["items"]] == ["m1", "m2"]
    assert {origin.trust for origin in result.origin} == {"own", "outside"}


async def test_a_long_thread_shows_its_older_mails_as_lines(tmp_path: Path) -> None:
    first = mail("Oak", id="0", day=1)
    answers = [
        mail("Re: Oak", f"No. {n}", id=f"{n}", references="<0@x.example>") for n in range(1, 60)
    ]
    box = await opened(tmp_path, first, *answers)
    result = await box.call("read", thread="t1", max_chars=7_000)
    assert result.text.startswith("t1: 60 mails\nm1 2026-11-01 Ann Bell")
    assert len(result.data["items"]) == 50
    assert "more characters; mail_read thread=t1 offset=7000]" in result.text


async def test_long_mails_are_read_in_pages_that_fit_together(tmp_path: Path) -> None:
    words = " ".join(map(str, range(3_000)))
    box = await opened(tmp_path, mail("Long", words))
    text, offset, pages = "", 0, 0
    while offset is not None:
        page = await box.call("read", id="m1", offset=offset, max_chars=5_000)
        assert len(page.text) < 5_100
        assert all(0 <= o.start <= (o.end or 0) <= len(page.text) for o in page.origin)
        text, offset, pages = text + page.data["text"], page.data["next_offset"], pages + 1
    assert pages == 3
    assert text.split()[-3_000:] == words.split()
    assert (await box.call("read", id="m1")).text.endswith(
        "more characters; mail_read id=m1 offset=4000]"
    )
    assert (await box.call("read", id="m1", offset=10**9)).data["text"] == ""


async def test_all_headers_are_shown_on_request(box: Mailbox) -> None:
    text = (await box.call("read", id="m2", headers=True)).text
    assert "In-Reply-To: <1@x.example>" in text and "X-Gmail-Labels: Sent" in text


async def test_a_reply_to_that_leads_elsewhere_is_told(tmp_path: Path) -> None:
    box = await opened(
        tmp_path, mail("a", reply_to="evil@y.example"), mail("b", reply_to="ann@x.example")
    )
    assert "Reply-To: evil@y.example" in (await box.call("read", id="m1")).text
    assert "Reply-To" not in (await box.call("read", id="m2")).text


async def test_labels_are_listed_with_their_counts(box: Mailbox) -> None:
    await box.call("trash", ids=["m3"])
    result = await box.call("labels")
    lines = result.text.split("\n")
    assert lines[0] == "INBOX  1 mail, 1 unread"
    assert lines[-2:] == ["TRASH  1 mail, 0 unread", "Work  1 mail, 1 unread"]
    assert result.data["items"][0] == {"name": "INBOX", "total": 1, "unread": 1}


@pytest.mark.parametrize(
    ("tool", "arguments", "words"),
    [
        ("read", {"id": "m99"}, "There is no mail 'm99'. mail_search gives mails with their ids."),
        ("read", {"id": "'; DROP TABLE"}, "There is no mail"),
        ("read", {"id": "t1"}, "t1 is a thread, not a mail."),
        ("read", {"thread": "t99"}, "There is no thread 't99'."),
        ("read", {"thread": "m1"}, "There is no thread 'm1'."),
        ("read", {}, "Give either id or thread."),
        ("read", {"id": "m1", "thread": "t1"}, "Give either id or thread."),
        ("search", {"query": "form:ann"}, "Did you mean from:?"),
        ("search", {"page": "m99"}, "There is no mail 'm99'."),
        ("search", {"limit": 500}, "limit: Input should be less than or equal to 50"),
        ("save_attachment", {"id": "m3", "name_or_index": "1"}, "This mail has no attachments."),
        (
            "save_attachment",
            {"id": "m1", "name_or_index": "9"},
            "This mail has no attachment '9'. It has: 1 invoice.csv, 2 scan.pdf.",
        ),
        (
            "save_attachment",
            {"id": "m1", "name_or_index": "1", "path": "../x"},
            "'../x' is outside the work folder.",
        ),
        ("label", {"ids": ["m1"], "add": ["Wrok"]}, "There is no label 'Wrok'. Did you mean Work?"),
        ("label", {"ids": ["m1"], "add": ["SENT"]}, "Only mail_send sends."),
        ("label", {"ids": ["m1"], "remove": ["TRASH"]}, "mail_trash moves mails"),
        ("label", {"ids": ["m1"]}, "Say which labels: add, or remove."),
        ("label", {"add": ["Work"]}, "Say which mails: ids, or a thread."),
        ("label", {"ids": ["m1"], "add": ["work"], "remove": ["Work"]}, "both added and removed"),
        ("trash", {"ids": []}, "Say which mails: ids."),
        ("label_edit", {"action": "delete", "name": "inbox"}, "INBOX is a label of the mailbox"),
        ("label_edit", {"action": "rename", "name": "Work"}, "Say what the label is to be called"),
        (
            "label_edit",
            {"action": "rename", "name": "Work", "new_name": "spam"},
            "There is a label SPAM already.",
        ),
        ("label_edit", {"action": "create", "name": "a,b"}, "1 to 100 characters and no comma"),
        ("send", {"draft_id": "m1"}, "m1 is no draft."),
        ("draft", {"to": ["nobody"]}, "'nobody' is no mail address."),
        ("draft", {"attach": ["none.pdf"]}, "There is no file 'none.pdf' there to attach."),
        ("draft", {"attach": ["/etc/passwd"]}, "is outside the work folder."),
        ("draft", {"reply_to": "m1", "forward": "m3"}, "Give only one of reply_to, forward"),
        ("draft", {"draft_id": "m2", "body": "x"}, "m2 was sent already, as m2."),
    ],
)
async def test_what_cannot_be_done_is_said_in_words(
    box: Mailbox, tool: str, arguments: dict[str, object], words: str
) -> None:
    with pytest.raises(ToolFailed) as failure:
        await box.call(tool, **arguments)
    assert words in str(failure.value)


# Opening


async def test_the_name_in_ones_own_mails_is_taken_from_the_last_one_sent(box: Mailbox) -> None:
    await box.connector.close()
    account = Account("mail", box.folder, box.work, {"address": "me@office.example"})
    connector = await LocalMail.open(account)
    AFTERWARDS.push_async_callback(connector.close)
    read = await Mailbox(box.folder, box.work, connector).call("draft", to=["ann@x.example"])
    text = (await connector.read(id=read.data["draft_id"])).text
    assert f"From: {ME}\n" in text


async def test_an_empty_mailbox_works(tmp_path: Path) -> None:
    box = await opened(tmp_path, address=None)
    assert (await box.call("search", query="x")).text == 'Nothing found for "x".'
    assert (await box.call("search")).text == "Nothing found."
    done = await box.call("draft", to=["ann@x.example"], body="Hi.")
    assert "From: me@office.example\n" in (await box.call("read", id=done.data["draft_id"])).text


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"adress": "me@x.example"}, "Did you mean address?"),
        ({"address": "me"}, "The address of the account 'mail' is none: 'me'."),
        ({"folder": 3}, "The setting 'folder' of the account 'mail' is wrong"),
    ],
)
async def test_wrong_settings_are_refused_with_the_fix(
    tmp_path: Path, settings: dict[str, object], words: str
) -> None:
    with pytest.raises(SetupError) as refusal:
        await LocalMail.open(Account("mail", tmp_path / "m", tmp_path, settings))
    assert words in str(refusal.value)


async def test_a_folder_or_file_that_cannot_be_a_mailbox_is_refused_with_the_fix(
    tmp_path: Path,
) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(SetupError, match="cannot be made"):
        await LocalMail.open(Account("mail", tmp_path / "file/m", tmp_path))
    (tmp_path / "mailbox.db").write_bytes(b"This is no database at all." * 100)
    with pytest.raises(SetupError, match=r"cannot be opened: .*file is not a database"):
        await LocalMail.open(Account("mail", tmp_path, tmp_path))


async def test_a_mailbox_of_a_later_version_is_left_alone(box: Mailbox) -> None:
    await box.connector.close()
    with closing(sqlite3.connect(box.folder / "mailbox.db")) as db:
        db.execute("PRAGMA user_version = 99")
    with pytest.raises(SetupError, match="was written by a newer m2agent"):
        await reopened(box)


async def test_another_folder_can_be_set(tmp_path: Path, own_home: Path) -> None:
    account = Account("mail", tmp_path / "unused", tmp_path, {"folder": "~/Mail"})
    await (await LocalMail.open(account)).close()
    assert (own_home / "Mail/mailbox.db").exists() and not (tmp_path / "unused").exists()


async def test_everything_is_there_again_after_closing(box: Mailbox) -> None:
    before = (await box.call("search", query="in:anywhere")).text
    assert (await (await reopened(box)).call("search", query="in:anywhere")).text == before
