"""Drafts at Gmail: written, found again after a crash by their Message-ID, and taken back."""

import time
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import Any

from m2agent.errors import ToolFailed, Unclear
from m2agent.tool import Content, Operation, Result
from m2agent_connectors.gmail.api import NotThere
from m2agent_connectors.gmail.mailbox import ME, Mailbox, bytes_of
from m2agent_connectors.mail import compose, drafting, editing
from m2agent_connectors.mail.drafting import Wanted
from m2agent_connectors.mail.message import parse

_INLINE = 3_000_000  # bytes of a mail that still go as JSON; larger ones go as an upload
_RECENT = 25


async def write(box: Mailbox, op: Operation, wanted: Wanted) -> Result:
    """Make the draft, or change the one that `draft_id` names."""
    raw, thread = await _composed(box, op, wanted)
    if wanted.draft_id:
        await box.api.ask(_request(box.drafts.update, raw, thread, id=wanted.draft_id.strip()))
        return await told(box, wanted.draft_id.strip(), wanted.about)
    try:
        made = await box.api.once(_request(box.drafts.create, raw, thread))
    except Unclear as doubt:
        return await _looked_up(box, op, wanted.about, doubt)
    return await told(box, made["id"], wanted.about)


async def rehearsed(box: Mailbox, op: Operation, wanted: Wanted) -> Content:
    """What `write` would write."""
    raw, _ = await _composed(box, op, wanted)
    return Content(raw, compose.preview(raw))


async def _composed(box: Mailbox, op: Operation, wanted: Wanted) -> tuple[bytes, str | None]:
    """The draft's text, and the thread it belongs to."""
    about = wanted.about
    original = (await box.mail(about))[1] if about else None
    earlier, thread = None, None
    if wanted.draft_id:
        draft = await box.draft(wanted.draft_id, "raw")
        earlier, thread = parse(bytes_of(draft["message"])), draft["message"]["threadId"]
    elif wanted.reply_to:
        thread = (await box.message(wanted.reply_to, "minimal"))["threadId"]
    raw = drafting.written(
        op,
        wanted,
        await box.writer(original),
        earlier=earlier,
        original=original,
        now=time.time(),
    )
    return raw, thread


async def edit(box: Mailbox, op: Operation, draft_id: str, text: str) -> None:
    """Make the draft say what a person wants, who is asked whether to send it."""
    draft = await box.draft(draft_id, "raw")
    sender = await box.writer(None)
    id = compose.message_id(f"{op.key}e", sender)
    raw = editing.edited(bytes_of(draft["message"]), text, sender, id=id)
    thread = draft["message"]["threadId"]
    await box.api.ask(_request(box.drafts.update, raw, thread, id=draft_id.strip()))


async def told(box: Mailbox, id: str, about: str | None) -> Result:
    """A draft as mail_draft reports it."""
    draft = await box.draft(id, "raw")
    mail = parse(bytes_of(draft["message"]))
    original = (await box.mail(about))[0] if about else None
    return drafting.told(await box.entry(draft["message"], mail), mail, original)


async def written_by(box: Mailbox, op: Operation, draft_id: str | None) -> str | None:
    """The id of the draft that the operation has written, if it has."""
    ids = {compose.message_id(op.key, me) for me in await box.me()}
    if draft_id:
        candidates = [draft_id]
    else:
        newest = await box.api.ask(box.drafts.list(userId=ME, maxResults=_RECENT))
        candidates = [one["id"] for one in newest.get("drafts") or ()]
    for id in candidates:
        try:
            draft = await box.draft(id, "raw")
        except NotThere:
            continue
        if parse(bytes_of(draft["message"])).message_id in ids:
            return id
    return None


async def before(box: Mailbox, op: Operation, draft_id: str | None) -> dict[str, Any]:
    """Where the text lies that a change replaces."""
    if not draft_id:
        return {}
    draft = await box.draft(draft_id, "raw")
    file = op.artifacts / f"draft-before-{op.key}.eml"
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(bytes_of(draft["message"]))
    except OSError as error:
        raise ToolFailed(f"The draft as it was cannot be kept: {error.strerror}.") from error
    return {"draft_id": draft_id, "thread": draft["message"]["threadId"], "file": str(file)}


async def undo(
    box: Mailbox, draft_id: str, earlier: Mapping[str, Any], left: Mapping[str, Any]
) -> Result:
    """Delete a draft that was made, or put back the text of one that was changed.

    `left` is the data of the result that is undone. Raises ToolFailed if it was changed since.
    """
    try:
        now = parse(bytes_of((await box.draft(draft_id, "raw"))["message"])).message_id
    except NotThere:
        return Result(f"{draft_id} is no draft any more.")
    if now != left["message_id"]:
        raise ToolFailed(f"{draft_id} was changed since, so it stays as it is.")
    if not earlier:
        with suppress(NotThere):  # an earlier try did it
            await box.api.ask(box.drafts.delete(userId=ME, id=draft_id))
        return Result(f"Deleted {draft_id}.")
    try:
        raw = Path(earlier["file"]).read_bytes()
    except OSError as error:
        raise ToolFailed(f"The earlier text of {draft_id} is not kept any more.") from error
    await box.api.ask(_request(box.drafts.update, raw, earlier["thread"], id=draft_id))
    return Result(f"{draft_id} is as it was before.")


async def _looked_up(box: Mailbox, op: Operation, about: str | None, doubt: Unclear) -> Result:
    """After an answer that did not come: the draft if it was made, else words to try again."""
    try:
        id = await written_by(box, op, None)
    except ToolFailed as error:
        raise Unclear(f"{doubt} {error}") from error
    if id is None:
        raise ToolFailed(f"{doubt} The draft was not made. Try again.") from doubt
    return await told(box, id, about)


def _request(method: Any, raw: bytes, thread: str | None, **more: str) -> Any:
    """A draft as a request; drafts with large attachments go as an upload."""
    placed: dict[str, Any] = {"threadId": thread} if thread else {}
    if len(raw) <= _INLINE:
        placed["raw"] = urlsafe_b64encode(raw).decode()
        return method(userId=ME, body={"message": placed}, **more)
    from googleapiclient.http import MediaIoBaseUpload

    media = MediaIoBaseUpload(BytesIO(raw), "message/rfc822", resumable=False)
    body = {"message": placed} if placed else None
    return method(userId=ME, body=body, media_body=media, **more)
