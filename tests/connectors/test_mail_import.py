"""Mail from elsewhere: all that can be read comes in, the rest is counted and named."""

import asyncio
import mailbox
import os
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mail_scene import AFTERWARDS, ME, NOW, Mailbox, mail, mbox, opened, stdlib_mails

from m2agent.connector import Account
from m2agent_connectors.local_mail import ImportReport, LocalMail
from m2agent_connectors.local_mail.archive import Found, Skipped, mails
from m2agent_connectors.local_mail.importing import import_mails
from m2agent_connectors.local_mail.store import Store

pytestmark = pytest.mark.usefixtures("mailboxes_closed")


def imported(folder: Path, path: Path) -> tuple[Store, ImportReport]:
    store = Store.open(folder / "mailbox.db")
    AFTERWARDS.callback(store.close)
    with store.transaction():
        return store, import_mails(store, path, now=NOW.timestamp())


def found(path: Path) -> list[Found]:
    return [item for item in mails(path) if isinstance(item, Found)]


def skipped(path: Path) -> list[tuple[str, str]]:
    return [(item.name, item.why) for item in mails(path) if isinstance(item, Skipped)]


async def test_the_first_opening_takes_in_the_import_folder_and_later_ones_do_not(
    tmp_path: Path,
) -> None:
    box = await opened(tmp_path, mail("One"), mail("Two"))
    assert sorted(await box.found("")) == ["One", "Two"]
    assert box.connector.describe().startswith("2 mails in ")
    (box.folder / "import/late.eml").write_bytes(mail("Late"))
    await box.connector.close()
    assert sorted(await (await opened(tmp_path)).found("")) == ["One", "Two"]


async def test_import_mail_adds_what_is_not_there_yet(tmp_path: Path) -> None:
    box = await opened(tmp_path, mail("One"))
    (tmp_path / "more.mbox").write_bytes(mbox(mail("One"), mail("Two")))
    report = await box.connector.import_mail(tmp_path / "more.mbox")
    assert report == ImportReport(imported=1, duplicates=1)
    assert sorted(await box.found("")) == ["One", "Two"]


def test_the_same_mail_in_another_wrapping_is_a_duplicate_and_another_mail_is_not(
    tmp_path: Path,
) -> None:
    one, other = mail("One", "First.", id="1"), mail("One", "Changed.", id="1")
    wrapped = b"X-GM-THRID: 1\nX-Gmail-Labels: Inbox,Work\nStatus: RO\n" + one
    (tmp_path / "a.mbox").write_bytes(mbox(one, wrapped.replace(b"\n", b"\r\n"), other))
    store, report = imported(tmp_path, tmp_path / "a.mbox")
    assert (report.imported, report.duplicates) == (2, 1)
    assert store.labels_of(1) == {"INBOX", "Work"}


def test_an_mbox_is_split_where_mails_begin_and_nowhere_else(tmp_path: Path) -> None:
    text = (
        b"Subject: %d\n\nHi.\n\nFrom now on we pay.\n>From him.\n>>From her.\nx\nFrom a@b.example\n"
    )
    (tmp_path / "a.mbox").write_bytes(
        b"From ann@x.example Fri Nov 20 09:12:00 2026\n" + text % 1
        + b"\nFrom 17@xxx Fri Nov 20 09:12:00 +0000 2026\n" + text % 2
        + b"\nFrom - Fri Nov 20 09:12:00 2026\r\n" + text % 3
        + b"\nFrom bob at x.example  Fri Nov 20 09:12:00 2026\n" + text % 4
    )  # fmt: skip
    raws = [item.raw for item in found(tmp_path / "a.mbox")]
    assert raws[:3] == [text.replace(b">From", b"From") % n + b"\n" for n in (1, 2, 3)]
    assert raws[3:] == [text.replace(b">From", b"From") % 4]
    assert {item.date for item in found(tmp_path / "a.mbox")} == {1_795_165_920}


def test_what_python_writes_as_mbox_and_maildir_is_read_back(tmp_path: Path) -> None:
    wanted = [mail(f"Mail {n}", f"Text {n}\n\nFrom me\n", day=n + 1) for n in range(5)]
    box, folder = mailbox.mbox(tmp_path / "a.mbox"), mailbox.Maildir(tmp_path / "dir")
    for raw in wanted:
        box.add(raw)
        folder.add(raw)
    box.close()
    for path in (tmp_path / "a.mbox", tmp_path / "dir"):
        raws = sorted(item.raw.rstrip(b"\n") for item in found(path))
        assert raws == sorted(raw.rstrip(b"\n") for raw in wanted)


def test_flags_and_folders_of_a_maildir_become_labels(tmp_path: Path) -> None:
    top = tmp_path / "Maildir"
    kept = {
        "new/1": mail("Fresh"),
        "cur/2:2,S": mail("Seen"),
        "cur/3:2,FS": mail("Flagged"),
        ".Sent/cur/4:2,S": mail("Sent", sender=ME),
        ".Trash/cur/5:2,ST": mail("Gone"),
        ".Projects.Oak/new/6": mail("Oak"),
    }
    for name, raw in kept.items():
        for part in ("cur", "new", "tmp"):
            (top / name).parent.parent.joinpath(part).mkdir(parents=True, exist_ok=True)
        (top / name).write_bytes(raw)
    store, report = imported(tmp_path, top)
    labels = {
        store.one("SELECT subject FROM message WHERE id = ?", number): store.labels_of(number)
        for number in range(1, report.imported + 1)
    }
    assert labels == {
        "Fresh": {"INBOX", "UNREAD"},
        "Seen": {"INBOX"},
        "Flagged": {"INBOX", "STARRED"},
        "Sent": {"SENT"},
        "Gone": {"TRASH"},
        "Oak": {"Oak", "UNREAD"},
    }


def test_labels_of_a_takeout_are_taken_over_but_not_those_a_sender_wrote(tmp_path: Path) -> None:
    takeout = b"X-GM-THRID: 1\nX-Gmail-Labels: =?UTF-8?Q?Sent,Caf=C3=A9,Opened?=\n"
    forged = b"Received: from x by y; Fri, 20 Nov 2026 09:12:00 +0000\nX-Gmail-Labels: Sent\n"
    (tmp_path / "a.mbox").write_bytes(mbox(takeout + mail("A"), forged + mail("B")))
    store, _ = imported(tmp_path, tmp_path / "a.mbox")
    assert (store.labels_of(1), store.labels_of(2)) == ({"SENT", "Café"}, {"INBOX"})


def test_the_own_address_is_where_mails_were_delivered_and_tells_what_was_sent(
    tmp_path: Path,
) -> None:
    delivered = b"Delivered-To: me@home.example\nReceived: by y\n"
    (tmp_path / "a.mbox").write_bytes(
        mbox(
            delivered + mail("In", to="list@x.example"),
            mail("Out", sender="me@home.example"),
            delivered + mail("Forged", sender="me@home.example"),
        )
    )
    store, _ = imported(tmp_path, tmp_path / "a.mbox")
    assert store.own == "me@home.example"
    assert [store.labels_of(n) for n in (1, 2, 3)] == [{"INBOX"}, {"SENT"}, {"INBOX"}]
    assert [entry.own for entry in store.entries([1, 2, 3])] == [False, True, False]


@pytest.mark.skipif(not stdlib_mails(), reason="this Python comes without its test mails")
async def test_cpythons_own_test_mails_come_in_and_can_be_read(tmp_path: Path) -> None:
    folder = tmp_path / "mails"
    folder.mkdir()
    for path in stdlib_mails():
        (folder / path.name).write_bytes(path.read_bytes())
    box = await opened(tmp_path)
    report = await box.connector.import_mail(folder)
    assert report.imported + report.duplicates + len(report.skipped) == len(stdlib_mails())
    assert report.imported > 40 and report.repaired
    items = (await box.call("search", query="in:anywhere", limit=50)).data["items"]
    assert len(items) == min(report.imported, 50)
    for item in items:
        assert (await box.call("read", id=item["id"], headers=True)).text


def test_what_is_no_mail_is_named_with_the_reason(tmp_path: Path) -> None:
    folder = tmp_path / "mails"
    (folder / "deep/er").mkdir(parents=True)
    contents = {
        "a.zip": b"PK\x03\x04...",
        "b.gz": b"\x1f\x8b...",
        "c.msg": b"\xd0\xcf\x11\xe0...",
        "d.eml": b"",
        "deep/er/e.bin": b"\x00\x01\x02",
        "deep/er/f.eml": mail("Deep"),
    }
    for name, data in contents.items():
        (folder / name).write_bytes(data)
    (folder / "link.eml").symlink_to(folder / "deep/er/f.eml")
    (folder / "loop").symlink_to(folder)
    assert skipped(folder) == [
        ("a.zip", "It is a ZIP archive: unpack it first."),
        ("b.gz", "It is compressed: unpack it first."),
        ("c.msg", "It is an Outlook file: save the mail as .eml first."),
        ("d.eml", "It is empty."),
        ("link.eml", "It is a link; give the place it leads to."),
        ("loop", "It is a link; give the place it leads to."),
        ("deep/er/e.bin", "It does not begin as a mail does."),
    ]
    assert [item.name for item in found(folder)] == ["deep/er/f.eml"]
    assert skipped(tmp_path / "none") == [("none", "There is no such file or folder.")]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_what_may_not_be_read_is_named_and_the_rest_is_taken(tmp_path: Path) -> None:
    (tmp_path / "secret").mkdir(mode=0)
    (tmp_path / "a.eml").touch(mode=0)
    (tmp_path / "b.eml").write_bytes(mail("B"))
    reasons = [("a.eml", "It cannot be read: Permission denied.")]
    assert skipped(tmp_path) == [*reasons, ("secret", reasons[0][1])]
    assert [item.name for item in found(tmp_path)] == ["b.eml"]


async def test_what_was_damaged_or_left_out_is_in_the_log(tmp_path: Path) -> None:
    (tmp_path / "mail/import").mkdir(parents=True)
    (tmp_path / "mail/import/a.mbox").write_bytes(mbox(b"Subject: Odd\n\nNo date.", mail("Good")))
    (tmp_path / "mail/import/b.zip").write_bytes(b"PK\x03\x04")
    box = await opened(tmp_path)
    assert (box.folder / "import.log").read_text() == (
        "damaged: a.mbox, mail 1 (Odd): no date that can be read; no sender\n"
        "left out: b.zip: It is a ZIP archive: unpack it first.\n"
        "imported: 2, there already: 0, damaged: 1, left out: 1\n"
    )
    assert (await box.call("search", query="odd")).data["items"][0][
        "date"
    ] == "2026-11-20T09:12:00Z"


@given(data=st.lists(st.binary(max_size=80), max_size=8).map(b"\n\nFrom a@b Fri 09:12 2026\n".join))
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_file_comes_in_or_is_named(tmp_path: Path, data: bytes) -> None:
    for start in (b"From a@b.example\n", b"Subject: x\n", b""):
        path = tmp_path / "file"
        path.write_bytes(start + data)
        items = list(mails(path))
        store, report = imported(tmp_path, path)
        total = report.imported + report.duplicates + len(report.skipped)
        assert total == len(items) >= 1
        store.close()


def test_a_huge_mail_is_cut_and_memory_stays_bounded(tmp_path: Path) -> None:
    path = tmp_path / "huge.mbox"
    with path.open("wb") as file:
        file.write(
            mbox(mail("First")) + b"From a@b.example Fri Nov 20 09:12:00 2026\nSubject: Huge\n\n"
        )
        for _ in range(80):
            file.write(b"x" * 1_000_000)
        file.write(b"\n\n" + mbox(mail("Last")))
    tracemalloc.start()
    sizes = [(len(item.raw), item.cut) for item in mails(path) if isinstance(item, Found)]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert sizes[1] == (64_000_000, True)
    assert [cut for _, cut in sizes] == [False, True, False]
    assert peak < 2.5 * 64_000_000


async def threads(box: Mailbox) -> list[list[str]]:
    items = (await box.call("search", query="in:anywhere", limit=50)).data["items"]
    by_thread: dict[str, list[str]] = {}
    for item in items:
        by_thread.setdefault(item["thread"], []).append(item["subject"])
    return sorted(sorted(subjects) for subjects in by_thread.values())


async def test_mails_that_refer_to_each_other_are_a_thread_in_whatever_order(
    tmp_path: Path,
) -> None:
    box = await opened(
        tmp_path,
        mail("Third", id="3", references="<1@x.example> <2@x.example>", day=12),
        mail("Fourth", id="4", in_reply_to="<gone@x.example>", day=13),
        mail("Second", id="2", in_reply_to="<1@x.example>", day=11),
        mail("First", id="1", day=10),
        mail("Fifth", id="5", references="<gone@x.example>", day=14),
    )
    assert await threads(box) == [["Fifth", "Fourth"], ["First", "Second", "Third"]]


async def test_answers_without_references_are_found_by_their_subject(tmp_path: Path) -> None:
    box = await opened(
        tmp_path,
        mail("AW: Re: Oak", id="2", day=12),
        mail("Oak", id="1", day=11),
        mail("Weekly report", id="3", day=11),
        mail("Weekly report", id="4", day=18),
        mail("Re: Oak", id="5", day=10),
    )
    assert await threads(box) == [
        ["AW: Re: Oak", "Oak"],
        ["Re: Oak"],
        ["Weekly report"],
        ["Weekly report"],
    ]


async def test_a_mail_cannot_tie_the_threads_of_others_together(tmp_path: Path) -> None:
    box = await opened(
        tmp_path,
        mail("One", id="1"),
        mail("Two", id="2"),
        mail("Tie", id="3", references="<1@x.example> <2@x.example>", day=21),
    )
    assert await threads(box) == [["One"], ["Tie", "Two"]]


async def test_thousands_of_mails_come_in_and_are_searched_at_once(tmp_path: Path) -> None:
    one = mail("Invoice 0000", "Total 0000 EUR", id="0000")
    box = await opened(tmp_path, *(one.replace(b"0000", b"%04d" % n) for n in range(3_000)))
    result = await box.call("search", query="invoices from:ann newer_than:30d", limit=5)
    assert result.data["total"] == 3_000
    assert (await box.found("1234")) == ["Invoice 1234"]


async def test_two_processes_that_open_a_new_mailbox_import_it_once(tmp_path: Path) -> None:
    (tmp_path / "import").mkdir()
    (tmp_path / "import/a.mbox").write_bytes(mbox(*(mail(f"Mail {n}") for n in range(50))))
    account = Account("mail", tmp_path, tmp_path)
    boxes = await asyncio.gather(*(LocalMail.open(account, NOW.timestamp) for _ in range(4)))
    for box in boxes:
        AFTERWARDS.push_async_callback(box.close)
    totals = [(await box.search(query="")).data["total"] for box in boxes]
    assert totals == [50] * 4
