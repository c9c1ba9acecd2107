"""What every service of mail must do: cases at the level of tools, for pytest.

class TestPost(MailContract):
    @pytest.fixture
    async def mail(self, tmp_path: Path) -> AsyncIterator[Mail]:
        yield Mail(post, tmp_path, me="mia@office.example", deliver=post.deliver, sent=post.sent)

The mailbox must be empty, and belong to `me`. What a case needs it has delivered, or makes itself
through the tools. Searches use only what every service understands.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from email.utils import format_datetime
from typing import Any

from m2agent.errors import ToolFailed
from m2agent.testing.service import Done, Service

ANN = "Ann Bell <ann@x.example>"
BOB = "Bob Orr <bob@y.example>"

_NAMES = "search read labels save_attachment draft send label trash label_edit"


@dataclass
class Mail(Service):
    """An opened mailbox. `deliver` lets a mail arrive in the inbox, unread; `sent` is what left."""

    me: str
    deliver: Callable[[bytes], Awaitable[None]]
    sent: Callable[[], Awaitable[list[bytes]]]

    async def receive(self, subject: str = "Hello", text: str = "Hello there.", **more: Any) -> str:
        """Let a mail arrive; its id."""
        await self.deliver(letter(subject, text, to=self.me, **more))
        return await self.id_of(f'subject:{subject.split()[-1]} "{subject}"')

    async def id_of(self, query: str) -> str:
        return str((await self.found(query))[0]["id"])

    async def found(self, query: str) -> list[dict[str, Any]]:
        return (await self.call("search", query=query, limit=50)).data["items"]

    async def subjects(self, query: str) -> list[str]:
        return [item["subject"] for item in await self.found(query)]

    async def drafted(self, **more: Any) -> Done:
        given = {"to": [ANN], "subject": "Answer", "body": "On *Tuesday*.", **more}
        return await self.do("draft", **given)

    async def post(self) -> list[EmailMessage]:
        """What was sent, as mails."""
        return [_parsed(raw) for raw in await self.sent()]


def letter(
    subject: str,
    text: str,
    *,
    to: str,
    sender: str = ANN,
    cc: str = "",
    html: str = "",
    files: dict[str, bytes] | None = None,
    **headers: str,
) -> bytes:
    """A mail as it arrives; `headers` such as `in_reply_to` are added."""
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = sender, to, subject
    if cc:
        mail["Cc"] = cc
    mail["Date"] = format_datetime(datetime.now(UTC))
    mail["Message-ID"] = f"<{'-'.join(subject.lower().split())}@x.example>"
    for name, value in headers.items():
        mail[name.replace("_", "-").title()] = value
    mail.set_content(text)
    if html:
        mail.add_alternative(html, subtype="html")
    for name, data in (files or {}).items():
        mail.add_attachment(data, maintype="application", subtype="octet-stream", filename=name)
    return mail.as_bytes()


class MailContract:
    """The cases. A subclass gives the fixture `mail`."""

    async def test_the_tools_tell_the_model_of_themselves_in_few_words(self, mail: Mail) -> None:
        import msgspec

        assert len(msgspec.json.encode(mail.toolbox.specs)) < 6_000
        assert [s.name for s in mail.toolbox.specs] == [f"mail_{n}" for n in _NAMES.split()]

    # Looking

    async def test_a_mail_that_arrived_is_found_and_read(self, mail: Mail) -> None:
        await mail.receive("Lunch")
        id = await mail.receive("Invoice 1042", "Total: 1,204 EUR.", cc=BOB)
        assert await mail.subjects("subject:1042") == ["Invoice 1042"]
        assert sorted(await mail.subjects("from:ann in:inbox")) == ["Invoice 1042", "Lunch"]
        read = await mail.call("read", id=id)
        assert read.data["from"] == ANN
        assert read.data["cc"] == [BOB]
        assert read.data["message_id"] == "invoice-1042@x.example"
        assert "Total: 1,204 EUR." in read.text
        assert {"INBOX", "UNREAD"} <= set(read.data["labels"]), "reading changes nothing"
        assert {origin.trust for origin in read.origin} == {"outside"}

    async def test_every_mail_comes_once_over_all_pages(self, mail: Mail) -> None:
        for number in range(7):
            await mail.deliver(letter(f"Oak {number}", "x", to=mail.me))
        subjects: list[str] = []
        page: str | None = None
        while True:
            found = (await mail.call("search", query="from:ann", limit=3, page=page)).data
            subjects += [item["subject"] for item in found["items"]]
            page = found["next"]
            if page is None:
                break
        assert sorted(subjects) == [f"Oak {number}" for number in range(7)]

    async def test_nothing_found_is_said(self, mail: Mail) -> None:
        assert "Nothing found" in (await mail.call("search", query="subject:nowhere")).text

    async def test_html_is_told_as_text_that_reads_well(self, mail: Mail) -> None:
        page = "<h1>Offer</h1><p>See <a href='https://x.example/a'>this</a></p><script>x()</script>"
        text = (await mail.call("read", id=await mail.receive("Offer", "\n", html=page))).text
        assert "# Offer" in text and "this" in text
        assert "<" not in text.partition("# Offer")[2] and "x()" not in text

    async def test_quoted_history_is_folded_and_shown_on_request(self, mail: Mail) -> None:
        said = "Yes.\n\nOn Monday Mia wrote:\n" + "\n".join(f"> line {n}" for n in range(9))
        id = await mail.receive("Re: Plan", said)
        assert "line 3" not in (await mail.call("read", id=id)).text
        assert "line 3" in (await mail.call("read", id=id, quotes=True)).text

    async def test_a_long_mail_is_read_in_parts(self, mail: Mail) -> None:
        words = " ".join(map(str, range(2_000)))
        id = await mail.receive("Long", words)
        text, offset = "", 0
        while offset is not None:
            part = (await mail.call("read", id=id, offset=offset, max_chars=3_000)).data
            text, offset = text + part["text"], part["next_offset"]
        assert text.split()[-2_000:] == words.split()

    async def test_a_thread_is_read_from_its_oldest_mail_on(self, mail: Mail) -> None:
        await mail.receive("Plan", "First.")
        more = {"in_reply_to": "<plan@x.example>", "references": "<plan@x.example>"}
        id = await mail.receive("Re: Plan", "Second.", sender=BOB, **more)
        thread = (await mail.call("read", id=id)).data["thread"]
        text = (await mail.call("read", thread=thread)).text
        assert text.index("First.") < text.index("Second.")

    async def test_a_mail_with_no_body_says_so(self, mail: Mail) -> None:
        bare = f"From: {ANN}\nTo: {mail.me}\nSubject: Bare\nMessage-ID: <bare@x.example>\n\n"
        await mail.deliver(bare.encode())
        assert "(no text)" in (await mail.call("read", id=await mail.id_of("subject:bare"))).text

    async def test_an_attachment_is_listed_saved_and_taken_back(self, mail: Mail) -> None:
        id = await mail.receive("Paper", files={"a.csv": b"a,b\n", "b.bin": bytes(range(256))})
        files = (await mail.call("read", id=id)).data["attachments"]
        assert [(file["name"], file["size"]) for file in files] == [("a.csv", 4), ("b.bin", 256)]
        done = await mail.do("save_attachment", id=id, name_or_index="2", path="new/")
        assert (mail.folder / "new/b.bin").read_bytes() == bytes(range(256))
        assert await done.call.reconcile(done.op, done.before) == done.result
        await mail.undo(done)
        assert not (mail.folder / "new/b.bin").exists()

    # Labels and the trash

    async def test_labels_are_put_on_and_taken_off_and_given_back(self, mail: Mail) -> None:
        id = await mail.receive("Oak")
        await mail.call("label_edit", action="create", name="Work")
        done = await mail.do("label", ids=[id], add=["work", "starred"], remove=["INBOX", "UNREAD"])
        assert await done.call.reconcile(done.op, done.before) == done.result
        labels = set((await mail.call("read", id=id)).data["labels"])
        assert {"Work", "STARRED"} <= labels and not {"INBOX", "UNREAD"} & labels
        assert await mail.subjects("label:work") == ["Oak"]
        await mail.undo(done)
        labels = set((await mail.call("read", id=id)).data["labels"])
        assert {"INBOX", "UNREAD"} <= labels and not {"Work", "STARRED"} & labels

    async def test_labels_are_made_renamed_and_deleted(self, mail: Mail) -> None:
        made = await mail.do("label_edit", action="create", name="Wood")
        id = await mail.receive("Oak")
        await mail.call("label", ids=[id], add=["Wood"])
        renamed = await mail.do("label_edit", action="rename", name="wood", new_name="Timber")
        assert await mail.subjects("label:timber") == ["Oak"]
        await mail.undo(renamed)
        assert await mail.subjects("label:wood") == ["Oak"]
        names = [one["name"] for one in (await mail.call("labels")).data["items"]]
        assert "Wood" in names and "INBOX" in names
        try:
            await mail.undo(made)
        except ToolFailed as failure:
            assert "so it stays" in str(failure)
        await mail.call("label", ids=[id], remove=["Wood"])
        await mail.undo(made)
        assert "Wood" not in (await mail.call("labels")).text
        assert mail.check("label_edit", action="delete", name="x").effect == "destroy"

    async def test_the_trash_gives_mails_back_as_they_were(self, mail: Mail) -> None:
        id = await mail.receive("Oak")
        done = await mail.do("trash", ids=[id])
        assert await mail.subjects("subject:oak") == []
        assert await done.call.reconcile(done.op, done.before) == done.result
        await mail.call("trash", ids=[id], restore=True)
        await mail.call("trash", ids=[id])
        await mail.undo(done)
        assert await mail.subjects("subject:oak in:inbox") == ["Oak"]

    # Writing

    async def test_a_draft_is_written_and_nothing_leaves(self, mail: Mail) -> None:
        (mail.folder / "offer.pdf").write_bytes(b"%PDF")
        done = await mail.drafted(cc=[BOB], attach=["offer.pdf"])
        data = done.result.data
        assert (data["to"], data["cc"]) == ([ANN], [BOB])
        assert (data["subject"], data["attachments"]) == ("Answer", ["offer.pdf"])
        assert await done.call.reconcile(done.op, done.before) == done.result
        assert await mail.subjects("in:drafts") == ["Answer"]
        assert await mail.sent() == []
        await mail.undo(done)
        assert await mail.subjects("in:drafts") == []

    async def test_a_draft_is_changed_and_put_back(self, mail: Mail) -> None:
        id = (await mail.drafted()).result.data["draft_id"]
        changed = await mail.do("draft", draft_id=id, body="On Friday.", cc=[BOB])
        assert changed.result.data["draft_id"] == id
        assert (changed.result.data["to"], changed.result.data["cc"]) == ([ANN], [BOB])
        assert "On Friday." in (await mail.call("read", id=id)).text
        await mail.undo(changed)
        assert "Tuesday" in (await mail.call("read", id=id)).text

    async def test_an_answer_belongs_to_its_thread_and_goes_to_who_asked(self, mail: Mail) -> None:
        id = await mail.receive("Plan", cc=f"{BOB}, {mail.me}", references="<0@x.example>")
        alone = (await mail.call("draft", reply_to=id, body="Yes.")).data
        assert (alone["to"], alone["cc"], alone["subject"]) == ([ANN], [], "Re: Plan")
        everyone = (await mail.call("draft", reply_to=id, reply_all=True, body="Yes.")).data
        assert (everyone["to"], everyone["cc"]) == ([ANN], [BOB]), "and not to oneself"
        await mail.call("send", draft_id=everyone["draft_id"])
        (sent,) = await mail.post()
        assert sent["In-Reply-To"] == "<plan@x.example>"
        assert str(sent["References"]).split() == ["<0@x.example>", "<plan@x.example>"]
        thread = (await mail.call("read", id=id)).data["thread"]
        assert (await mail.found("in:sent"))[0]["thread"] == thread

    async def test_a_forward_passes_on_text_and_files(self, mail: Mail) -> None:
        id = await mail.receive("Paper", "Pay.", files={"a.csv": b"a,b\n"})
        data = (await mail.call("draft", forward=id, to=[BOB], body="Look.")).data
        assert (data["subject"], data["attachments"]) == ("Fwd: Paper", ["a.csv"])
        text = (await mail.call("read", id=data["draft_id"])).text
        assert text.index("Look.") < text.index("Pay.")

    # Sending

    async def test_what_was_approved_is_what_is_sent_once(self, mail: Mail) -> None:
        id = (await mail.drafted()).result.data["draft_id"]
        call, op = mail.check("send", draft_id=id), mail.op()
        assert call.effect == "send"
        content = await call.content(op)
        assert content and "Tuesday" in content.preview and ANN in content.preview
        before = await call.before(op)
        assert await call.reconcile(op, before) is None
        result = await call.run(op)
        again = await call.reconcile(op, before)
        assert again and again.data == result.data
        assert await mail.sent() == [content.body]
        (sent,) = await mail.post()
        plain, page = sent.get_body(("plain",)), sent.get_body(("html",))
        assert plain and plain.get_content().strip() == "On *Tuesday*."
        assert page and "<em>Tuesday</em>" in page.get_content()
        assert await mail.failure("send", draft_id=id)
        assert len(await mail.sent()) == 1
        assert (await mail.subjects("in:sent"), await mail.subjects("in:drafts")) == (
            ["Answer"],
            [],
        )

    async def test_a_draft_to_nobody_is_not_sent(self, mail: Mail) -> None:
        id = (await mail.drafted(to=[])).result.data["draft_id"]
        assert "no recipient" in await mail.failure("send", draft_id=id)
        assert await mail.sent() == []

    async def test_a_deleted_draft_is_not_sent_and_said_to_be_gone(self, mail: Mail) -> None:
        done = await mail.drafted()
        await mail.undo(done)
        id = done.result.data["draft_id"]
        assert repr(id) in await mail.failure("send", draft_id=id)
        assert repr(id) in await mail.failure("draft", draft_id=id, body="x")
        assert await mail.sent() == []

    # What cannot be

    async def test_what_cannot_be_done_is_said_in_words(self, mail: Mail) -> None:
        id = await mail.receive("Oak")
        cases: list[tuple[str, dict[str, Any], str]] = [
            ("read", {"id": "nowhere"}, "mail_search"),
            ("read", {"id": "'; DROP TABLE"}, "mail_search"),
            ("read", {"thread": "nowhere"}, "no thread"),
            ("read", {}, "Give either id or thread."),
            ("search", {"query": "form:ann"}, "Did you mean from:?"),
            ("save_attachment", {"id": id, "name_or_index": "1"}, "no attachments"),
            ("label", {"ids": [id], "add": ["Wrok"]}, "no label 'Wrok'"),
            ("label", {"ids": ["nowhere"], "add": ["STARRED"]}, "nowhere"),
            ("label", {"ids": [id], "add": ["SENT"]}, "Only mail_send sends."),
            ("trash", {"ids": []}, "Say which mails"),
            ("trash", {"ids": ["nowhere"]}, "nowhere"),
            ("label_edit", {"action": "delete", "name": "inbox"}, "of the mailbox"),
            ("send", {"draft_id": "nowhere"}, "nowhere"),
            ("draft", {"to": ["nobody"]}, "is no mail address"),
            ("draft", {"reply_to": "nowhere", "body": "x"}, "nowhere"),
            ("draft", {"attach": ["none.pdf"]}, "no file 'none.pdf'"),
            ("draft", {"attach": ["../x"]}, "outside the work folder"),
        ]
        for tool, arguments, words in cases:
            assert words in await mail.failure(tool, **arguments), (tool, arguments)

    async def test_more_than_mail_servers_take_is_refused_before_anything_happens(
        self, mail: Mail
    ) -> None:
        with (mail.folder / "big.bin").open("wb") as file:
            file.truncate(30_000_000)
        assert "30.0 MB" in await mail.failure("draft", to=[ANN], attach=["big.bin"])
        assert await mail.subjects("in:drafts") == []


def _parsed(raw: bytes) -> EmailMessage:
    return message_from_bytes(raw, EmailMessage, policy=default)
