"""The selftest of mail: one draft to oneself, sent once, and a label, on whatever service it is."""

import secrets
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, suppress

from m2agent.cli.selftest.proof import comes_true, expect
from m2agent.errors import ToolFailed
from m2agent.testing.service import Done, Service


async def mail(box: Service) -> AsyncGenerator[str]:
    """Sentences, as they are proven. Closing it cleans up. Raises NotProven and ToolFailed."""
    title = f"m2agent selftest {secrets.token_hex(4)}"
    async with AsyncExitStack() as afterwards:

        async def take_back(done: Done) -> None:
            with suppress(ToolFailed):
                await box.undo(done)

        made = await box.do("label_edit", action="create", name=title)
        afterwards.push_async_callback(take_back, made)
        yield "a label is made"

        (box.folder / "lines.csv").write_text("item,price\noak,724.00\n")
        me = await _me(box, title)
        wanted = {"to": [me], "subject": title, "body": "First.", "attach": ["lines.csv"]}
        drafted = await box.do("draft", **wanted)
        afterwards.push_async_callback(take_back, drafted)
        draft_id = drafted.result.data["draft_id"]
        read = await box.call("read", id=draft_id)
        expect("First." in read.text and "lines.csv" in read.text, "the draft reads as written")
        yield "a draft to yourself is stored as it was written, with its file"
        again = await drafted.call.reconcile(drafted.op, drafted.before)
        expect(again and again.data["draft_id"] == draft_id, "a draft is found by its operation")
        yield "after a crash the draft would be found again, not written twice"

        await box.call("draft", draft_id=draft_id, body="Second, and *last*.")
        send, op = box.check("send", draft_id=draft_id), box.op()
        content = await send.content(op)
        expect(content and "Second, and" in content.preview, "the change is in what would be sent")
        yield "a draft is changed under the same id"

        before = await send.before(op)
        expect(await send.reconcile(op, before) is None, "nothing counts as sent before it is")
        sent = await send.run(op)
        id = str(sent.data["id"])
        afterwards.push_async_callback(_trash, box, id)
        found = await send.reconcile(op, before)
        expect(found and found.data["id"] == id, "the sent mail is found after sending")
        yield "before sending it is known that it was not sent, afterwards that it was"
        words = await _failure(box, "send", draft_id=draft_id)
        expect(words, "the same draft cannot be sent twice")
        yield "the same draft cannot be sent twice"
        arrived = (await box.call("read", id=id)).data
        kept = arrived["message_id"] == (again.data["message_id"] if again else "")
        yield f"the service {'keeps' if kept else 'replaces'} the Message-ID of what is sent"

        async def searched() -> bool:
            items = (await box.call("search", query=f'subject:selftest "{title}"')).data["items"]
            return any(item["id"] == id for item in items)

        expect(await comes_true(searched), "a search finds the mail within a minute")
        yield "a search finds it"
        reply = await box.do("draft", reply_to=id, body="Answer.")
        afterwards.push_async_callback(take_back, reply)
        expect(reply.result.data["thread"] == arrived["thread"], "an answer is in its thread")
        expect(reply.result.data["subject"] == f"Re: {title}", "an answer has its subject")
        yield "an answer belongs to its thread"

        saved = await box.call("save_attachment", id=id, name_or_index="1", path="saved.csv")
        expect("oak,724.00" in saved.text, "the file is saved, and its text told")
        yield "its file is saved as it was sent"
        labelled = await box.do("label", ids=[id], add=[title, "STARRED"])
        labels = (await box.call("read", id=id)).data["labels"]
        expect({title, "STARRED"} <= set(labels), "labels are put on")
        await box.undo(labelled)
        labels = (await box.call("read", id=id)).data["labels"]
        expect(not {title, "STARRED"} & set(labels), "labels are taken off again by undoing it")
        yield "labels are put on, and taken off again by undoing it"
        await box.call("trash", ids=[id])
        await box.call("trash", ids=[id], restore=True)
        labels = (await box.call("read", id=id)).data["labels"]
        expect("TRASH" not in labels, "the trash gives it back")
        yield "the trash takes it and gives it back"


async def _me(box: Service, title: str) -> str:
    """The account's own address, as it writes it into a draft."""
    draft = await box.do("draft", subject=title, body="Whose is it?")
    try:
        text = (await box.call("read", id=draft.result.data["draft_id"], headers=True)).text
        return next(line for line in text.splitlines() if line.startswith("From: "))[6:]
    finally:
        await box.undo(draft)


async def _trash(box: Service, id: str) -> None:
    with suppress(ToolFailed):
        await box.call("trash", ids=[id])


async def _failure(box: Service, tool: str, **arguments: str) -> str:
    try:
        await box.call(tool, **arguments)
    except ToolFailed as failure:
        return str(failure)
    return ""
