"""The mail tools that act: done once, found again after a crash, and undone."""

import subprocess
import sys
import time
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from mail_scene import ME, Mailbox, mail, opened, reopened

from m2agent.errors import ToolFailed, Unclear
from m2agent.events import Receipt
from m2agent_connectors.local_mail.store import Store
from m2agent_connectors.mail.message import parse

pytestmark = pytest.mark.usefixtures("mailboxes_closed")


@pytest.fixture
async def box(tmp_path: Path) -> Mailbox:
    return await opened(
        tmp_path,
        mail("Invoice 7", "Pay.", id="7", cc="Bob <bob@x.example>", attachments={
            "invoice.csv": ("text/csv", b"a,b\n"),
        }),
        mail("Oak", "Ten.", id="8", day=21),
        b"X-Gmail-Labels: Inbox,Work\n" + mail("Ash", "Two.", id="9", day=22),
    )  # fmt: skip


async def everything(box: Mailbox) -> list[dict[str, Any]]:
    return (await box.call("search", query="in:anywhere", limit=50)).data["items"]


# Drafts


async def test_a_draft_is_kept_and_nothing_is_sent(box: Mailbox) -> None:
    (box.work / "sum.csv").write_text("1,2\n")
    result = await box.call(
        "draft",
        to=["Cleo <cleo@x.example>"],
        subject="Sums",
        body="See **file**.",
        attach=["sum.csv"],
    )
    assert result.text == (
        "d4 is saved and not sent; mail_send draft_id=d4 sends it.\n"
        "To: Cleo <cleo@x.example>\nSubject: Sums\nAttached: sum.csv  4 bytes"
    )
    assert result.receipts == [Receipt("draft", "d4")]
    assert result.data == {
        "draft_id": "d4",
        "thread": "t4",
        "message_id": "m2a.run.0@office.example",
        "to": ["Cleo <cleo@x.example>"],
        "cc": [],
        "bcc": [],
        "subject": "Sums",
        "attachments": ["sum.csv"],
    }
    assert await box.found("in:drafts") == ["Sums"]
    assert box.sent() == {}
    read = await box.call("read", id="d4")
    assert f"From: {ME}\n" in read.text and read.text.endswith("\n\nSee **file**.")


async def test_a_reply_is_in_the_thread_and_goes_to_those_it_should(box: Mailbox) -> None:
    result = await box.call(
        "draft", reply_to="m1", reply_all=True, body="No.", cc=["cleo@x.example"]
    )
    assert result.data["to"] == ["Ann Bell <ann@x.example>"]
    assert result.data["cc"] == ["Bob <bob@x.example>", "cleo@x.example"]
    assert (result.data["subject"], result.data["thread"]) == ("Re: Invoice 7", "t1")
    written = parse((await content(box, result.data["draft_id"])).body)
    assert (written.in_reply_to, written.references) == ("7@x.example", ("7@x.example",))
    outside = [o for o in result.origin if o.trust == "outside"]
    assert [o.source for o in outside] == ["mail m1 from ann@x.example"]
    assert "Re: Invoice 7" in result.text[outside[0].start : outside[0].end]


async def test_what_a_model_drafted_is_not_the_persons_own_word_until_it_is_sent(
    box: Mailbox,
) -> None:
    id = (await box.call("draft", reply_to="m1", body="No.")).data["draft_id"]
    assert (await box.call("read", id=id)).origin[0].trust == "outside"
    sent = (await box.call("send", draft_id=id)).data["id"]
    assert (await box.call("read", id=sent)).origin[0].trust == "own"


async def test_a_forward_passes_on_text_and_files(box: Mailbox) -> None:
    result = await box.call("draft", forward="m1", to=["cleo@x.example"], body="Look.")
    assert (result.data["subject"], result.data["attachments"]) == (
        "Fwd: Invoice 7",
        ["invoice.csv"],
    )
    text = (await box.call("read", id=result.data["draft_id"])).text
    assert "Look.\n\n---------- Forwarded message ----------\nFrom: Ann Bell" in text
    assert text.endswith("\n\nPay.")


async def test_a_change_replaces_what_is_given_and_keeps_the_rest(box: Mailbox) -> None:
    made = await box.do("draft", reply_to="m1", body="First.", cc=["cleo@x.example"])
    changed = await box.do("draft", draft_id="d4", body="Second.", cc=[])
    assert changed.result.data["draft_id"] == "d4"
    assert changed.result.data["to"] == ["Ann Bell <ann@x.example>"]
    assert changed.result.data["cc"] == []
    assert changed.result.data["thread"] == "t1"
    assert (await box.found("in:drafts first"), await box.found("in:drafts second")) == (
        [],
        ["Re: Invoice 7"],
    )
    assert (await box.undo(changed)).text == "d4 is as it was before."
    assert parse((await content(box, "d4")).body).cc[0].address == "cleo@x.example"
    assert await box.found("in:drafts first") == ["Re: Invoice 7"]
    assert (await box.undo(made)).text == "Deleted d4."
    assert await box.found("in:drafts") == []
    with pytest.raises(ToolFailed, match="There is no mail 'd4'"):
        await box.call("send", draft_id="d4")
    assert (await box.call("draft", body="x")).data["draft_id"] == "d5", "no id comes twice"


async def test_a_draft_that_was_written_is_found_again_by_its_operation(box: Mailbox) -> None:
    call, op = box.checked("draft", reply_to="m1", body="No."), box.operation("run.7")
    assert await call.reconcile(op) is None
    result = await call.run(op)
    await reopened(box)
    again = box.checked("draft", reply_to="m1", body="No.")
    assert await again.reconcile(op) == result
    assert await again.reconcile(box.operation("run.8")) is None
    change, op = box.checked("draft", draft_id="d4", body="Yes."), box.operation("run.9")
    assert await change.reconcile(op) is None
    assert await change.run(op) == await change.reconcile(op)


async def test_attachments_that_no_server_takes_are_refused(box: Mailbox) -> None:
    with (box.work / "big.bin").open("wb") as file:
        file.truncate(30_000_000)
    with pytest.raises(ToolFailed, match=r"'big.bin' has 30.0 MB; mails carry at most 25.0 MB."):
        await box.call("draft", attach=["big.bin"])
    for name in "ab":
        (box.work / name).write_bytes(b"x" * 15_000_000)
    with pytest.raises(ToolFailed, match="Attach fewer"):
        await box.call("draft", attach=["a", "b"])
    assert await box.found("in:drafts") == []


# Sending


async def content(box: Mailbox, draft_id: str) -> Any:
    return await box.checked("send", draft_id=draft_id).content(box.operation())


async def drafted(box: Mailbox, **more: Any) -> str:
    arguments = {"to": ["ann@x.example"], "subject": "Yes", "body": "Tuesday.", **more}
    return (await box.call("draft", **arguments)).data["draft_id"]


async def test_what_was_approved_is_what_is_sent_byte_for_byte(box: Mailbox) -> None:
    id = await drafted(box)
    approved = await content(box, id)
    assert approved.preview == (
        f"From: {ME}\nTo: ann@x.example\nSubject: Yes\n"
        "Date: Mon, 23 Nov 2026 12:00:00 GMT\n\nTuesday."
    )
    result = await box.call("send", draft_id=id)
    assert result.text == "Sent as m4 to ann@x.example."
    assert result.receipts == [Receipt("message", "m4")]
    assert result.data == {
        "id": "m4", "thread": "t4", "message_id": "m2a.run.0@office.example",
    }  # fmt: skip
    assert box.sent() == {"run.2.eml": approved.body}
    assert (await box.found("in:sent"), await box.found("in:drafts")) == (["Yes"], [])


async def test_a_draft_is_sent_once(box: Mailbox) -> None:
    id = await drafted(box)
    await box.call("send", draft_id=id)
    for attempt in (box.call("send", draft_id=id), content(box, id)):
        with pytest.raises(ToolFailed, match="d4 was sent already, as m4"):
            await attempt
    assert len(box.sent()) == 1


async def test_a_draft_to_nobody_or_in_the_trash_is_not_sent(box: Mailbox) -> None:
    with pytest.raises(ToolFailed, match="has no recipient"):
        await box.call("send", draft_id=await drafted(box, to=[]))
    id = await drafted(box)
    await box.call("trash", ids=[id])
    with pytest.raises(ToolFailed, match="is in the trash"):
        await box.call("send", draft_id=id)
    assert box.sent() == {}


async def test_after_a_crash_it_is_known_whether_a_mail_was_sent(box: Mailbox) -> None:
    id = await drafted(box)
    op = box.operation("run.7")
    call = box.checked("send", draft_id=id)
    assert await call.reconcile(op) is None
    result = await call.run(op)
    await reopened(box)
    again = box.checked("send", draft_id=id)
    assert await again.reconcile(op) == result
    assert await again.reconcile(box.operation("run.8")) is None
    next((box.folder / "outbox").iterdir()).unlink()
    assert await again.reconcile(op) == result, "the outbox is the person's to tidy up"


@pytest.mark.parametrize("file_is_there", [True, False])
async def test_a_send_that_was_cut_off_is_finished_or_forgotten(
    box: Mailbox, file_is_there: bool
) -> None:
    id, op = await drafted(box), box.operation("run.7")
    raw = (await content(box, id)).body
    store = Store.open(box.folder / "mailbox.db")
    store.execute("INSERT INTO outgoing VALUES (4, 'run.7')")
    store.close()
    if file_is_there:
        (box.folder / "outbox/run.7.eml").write_bytes(raw)
    call = box.checked("send", draft_id=id)
    if file_is_there:
        with pytest.raises(ToolFailed, match="was sent already"):
            await call.run(box.operation("other.1"))
        found = await call.reconcile(op)
        assert found and found.text == "Sent as m4 to ann@x.example."
    else:
        assert await call.reconcile(op) is None
        await call.run(box.operation("other.1"))
        assert await call.reconcile(op) is None
    assert len(box.sent()) == 1


async def test_a_cut_off_send_shows_as_sent_when_the_mailbox_is_opened_again(box: Mailbox) -> None:
    await drafted(box)
    store = Store.open(box.folder / "mailbox.db")
    store.execute("INSERT INTO outgoing VALUES (4, 'run.7')")
    store.close()
    (box.folder / "outbox/run.7.eml").write_bytes(b"x")
    await reopened(box)
    assert (await box.found("in:sent"), await box.found("in:drafts")) == (["Yes"], [])


async def test_an_outbox_that_cannot_be_written_sends_nothing_and_says_so(box: Mailbox) -> None:
    id = await drafted(box)
    (box.folder / "outbox").rmdir()
    (box.folder / "outbox").write_text("in the way")
    with pytest.raises(ToolFailed, match=r"Nothing was sent: .* cannot be written") as failure:
        await box.call("send", draft_id=id)
    assert not isinstance(failure.value, Unclear)
    assert await box.found("in:drafts") == ["Yes"]


SENDER = """
import asyncio, sys
from pathlib import Path
from m2agent.connector import Account
from m2agent.tool import Operation
from m2agent_connectors.local_mail import LocalMail


async def main(folder):
    box = await LocalMail.open(Account("mail", folder, folder))
    for n in range(10_000):
        key = f"{sys.argv[2]}.{n}"
        op = Operation(f"draft.{key}", folder, folder)
        drafted = await box.draft(op, to=["ann@x.example"], subject=key, body="x")
        print(key, drafted.data["draft_id"], flush=True)
        await box.send(Operation(key, folder, folder), drafted.data["draft_id"])

asyncio.run(main(Path(sys.argv[1])))
"""


def cut_off(folder: Path, name: str, seconds: float) -> list[list[str]]:
    """Let a process send mails, and kill it; the keys and drafts it said it would send."""
    command = [sys.executable, "-c", SENDER, str(folder), name]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        lines = [process.stdout.readline()]
        time.sleep(seconds)
        process.kill()
        lines += process.stdout.readlines()
    return [line.split() for line in lines]


async def test_killed_at_any_moment_a_mail_is_sent_once_or_not_at_all(tmp_path: Path) -> None:
    for round in range(4):
        said = cut_off(tmp_path / "mail", f"r{round}", 0.05 + 0.03 * round)
        box = await opened(tmp_path)
        key, id = said[-1]
        call, op = box.checked("send", draft_id=id), box.operation(key)
        if await call.reconcile(op) is None:
            assert f"{key}.eml" not in box.sent()
            await call.run(op)
        names = sorted(name.removesuffix(".eml") for name in box.sent() if name.endswith(".eml"))
        subjects = sorted(parse(box.sent()[f"{name}.eml"]).subject for name in names)
        assert subjects == names
        assert {key for key, _ in said} <= set(names)
        assert (await box.call("search", query="in:sent")).data["total"] == len(names)
        await box.connector.close()


# Labels and the trash


async def test_labels_are_put_on_and_taken_off_and_given_back(box: Mailbox) -> None:
    before = await everything(box)
    done = await box.do("label", ids=["m1", "m3"], add=["work", "starred"], remove=["INBOX"])
    assert done.result.text == "+Work +STARRED -INBOX on m1, m3"
    assert done.result.receipts == [
        Receipt("label", "m1", "+Work +STARRED -INBOX"),
        Receipt("label", "m3", "+Work +STARRED -INBOX"),
    ]
    assert await box.found("label:work is:starred -in:inbox") == ["Ash", "Invoice 7"]
    assert await done.call.reconcile(done.op) == done.result
    await box.call("label", ids=["m3"], remove=["STARRED"])
    assert await done.call.reconcile(done.op) is None
    await box.undo(done)
    assert await everything(box) == before


async def test_a_label_can_go_on_a_whole_thread(box: Mailbox) -> None:
    await box.call("draft", reply_to="m1", body="x")
    result = await box.call("label", thread="t1", add=["Work"])
    assert result.data == {"ids": ["m1", "d4"], "added": ["Work"], "removed": []}


async def test_the_trash_gives_mails_back_as_they_were(box: Mailbox) -> None:
    before = await everything(box)
    done = await box.do("trash", ids=["m1", "m2"])
    assert done.result.text == "In the trash: m1, m2"
    assert await box.found("") == ["Ash"]
    assert await box.found("in:trash") == ["Oak", "Invoice 7"]
    assert await done.call.reconcile(done.op) == done.result
    back = await box.do("trash", ids=["m1"], restore=True)
    assert back.result.receipts == [Receipt("restored", "m1")]
    await box.undo(back)
    assert await box.found("in:trash") == ["Oak", "Invoice 7"]
    await box.undo(done)
    assert await everything(box) == before


async def test_labels_are_made_renamed_and_deleted(box: Mailbox) -> None:
    made = await box.do("label_edit", action="create", name="Bad invoices")
    assert made.result.receipts == [Receipt("label", "Bad-invoices", "create")]
    await box.call("label", ids=["m1"], add=["bad invoices"])
    renamed = await box.do("label_edit", action="rename", name="bad-invoices", new_name="Wrong")
    assert await box.found("label:wrong") == ["Invoice 7"]
    assert await renamed.call.reconcile(renamed.op) is not None
    await box.undo(renamed)
    assert await renamed.call.reconcile(renamed.op) is None
    assert await box.found('label:"Bad invoices"') == ["Invoice 7"]
    with pytest.raises(ToolFailed, match="on 1 mails now, so it stays"):
        await box.undo(made)
    await box.call("label", ids=["m1"], remove=["bad invoices"])
    await box.undo(made)
    assert (await box.undo(made)).text == "The label Bad invoices is gone already."
    assert await made.call.reconcile(made.op) is None
    gone = await box.do("label_edit", action="delete", name="Work")
    assert gone.result.text == "The label Work is deleted; its mails stay."
    assert await gone.call.reconcile(gone.op) is not None
    with pytest.raises(ToolFailed, match="cannot be put back"):
        await box.undo(gone)
    assert await box.found("") == ["Ash", "Oak", "Invoice 7"]


async def test_making_a_label_that_is_there_changes_nothing_and_undoing_it_neither(
    box: Mailbox,
) -> None:
    done = await box.do("label_edit", action="create", name="work")
    assert done.result.text == "There is a label Work."
    assert (await box.undo(done)).text == "The label Work was there before, so it stays."
    assert await box.found("label:work") == ["Ash"]


async def test_a_rename_that_the_labels_do_not_tell_of_is_asked_about(box: Mailbox) -> None:
    await box.call("label_edit", action="create", name="Other")
    call = box.checked("label_edit", action="rename", name="Work", new_name="Other")
    with pytest.raises(Unclear, match="There are both 'Work' and 'Other', or neither"):
        await call.reconcile(box.operation())


# Attachments


async def test_an_attachment_is_saved_whole_and_taken_back(box: Mailbox) -> None:
    call, op = box.checked("save_attachment", id="m1", name_or_index="1"), box.operation()
    assert await call.reconcile(op) is None
    done = await box.do("save_attachment", id="m1", name_or_index="1")
    assert done.result.text == "invoice.csv  text/csv  4 bytes\n\na,b"
    assert done.result.receipts == [Receipt("file", "invoice.csv")]
    assert done.result.data["sha256"] == sha256(b"a,b\n").hexdigest()
    assert (box.work / "invoice.csv").read_bytes() == b"a,b\n"
    assert await call.reconcile(op) == done.result
    assert (await box.undo(done)).text == "Removed invoice.csv."
    assert list(box.work.iterdir()) == []


async def test_an_attachment_can_go_into_a_new_folder_under_another_name(box: Mailbox) -> None:
    one = await box.call("save_attachment", id="m1", name_or_index="invoice.csv", path="a/b/7.csv")
    two = await box.call("save_attachment", id="m1", name_or_index="1", path="c/")
    three = await box.call("save_attachment", id="m1", name_or_index="1", path="a")
    paths = [result.data["path"] for result in (one, two, three)]
    assert paths == ["a/b/7.csv", "c/invoice.csv", "a/invoice.csv"]
    assert all((box.work / path).read_bytes() == b"a,b\n" for path in paths)


async def test_a_file_that_is_there_is_never_overwritten_or_removed(box: Mailbox) -> None:
    (box.work / "invoice.csv").write_text("mine")
    with pytest.raises(ToolFailed, match=r"There is a file 'invoice.csv' already"):
        await box.call("save_attachment", id="m1", name_or_index="1")
    (box.work / "invoice.csv").write_bytes(b"a,b\n")
    done = await box.do("save_attachment", id="m1", name_or_index="1")
    assert (await box.undo(done)).text == "The file was there before, so it stays."
    other = await box.do("save_attachment", id="m1", name_or_index="1", path="x.csv")
    (box.work / "x.csv").write_text("edited")
    with pytest.raises(ToolFailed, match=r"x.csv was changed since"):
        await box.undo(other)
    assert sorted(path.name for path in box.work.iterdir()) == ["invoice.csv", "x.csv"]
