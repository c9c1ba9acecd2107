"""Drafts: written from a tool's arguments, found again after a crash, and put back as they were."""

from collections.abc import Mapping
from typing import Any

from m2agent.errors import ToolFailed
from m2agent.tool import Content, Operation, Result
from m2agent_connectors.local_mail.store import Store
from m2agent_connectors.mail import compose, drafting, editing
from m2agent_connectors.mail.address import Address
from m2agent_connectors.mail.drafting import Wanted
from m2agent_connectors.mail.message import parse


def draft_number(store: Store, id: str) -> int:
    """Raises ToolFailed for a mail that is no draft, or none any more."""
    number = store.number(id)
    labels = store.labels_of(number)
    if "DRAFT" not in labels:
        done = f"was sent already, as m{number}" if "SENT" in labels else "is no draft"
        raise ToolFailed(f"{id} {done}. mail_draft without draft_id makes a new one.")
    return number


def write(store: Store, op: Operation, me: Address, wanted: Wanted, *, now: float) -> Result:
    """Make the draft, or change the one that `draft_id` names."""
    number, original, raw = _composed(store, op, me, wanted, now)
    mail = parse(raw)
    with store.transaction():
        if number is None:
            number = store.add(raw, mail, date=now, labels=["DRAFT"])
            if wanted.reply_to and original:
                thread = store.one("SELECT thread FROM message WHERE id = ?", original)
                store.execute("UPDATE message SET thread = ? WHERE id = ?", (thread, number))
        else:
            _keep_earlier(store, number)
            store.replace(number, raw, mail, date=now)
    return told(store, number, original)


def rehearsed(store: Store, op: Operation, me: Address, wanted: Wanted, *, now: float) -> Content:
    """What `write` would write."""
    raw = _composed(store, op, me, wanted, now)[2]
    return Content(raw, compose.preview(raw))


def _composed(
    store: Store, op: Operation, me: Address, wanted: Wanted, now: float
) -> tuple[int | None, int | None, bytes]:
    """The draft that is changed, the mail that is answered, and the new text."""
    number = draft_number(store, wanted.draft_id) if wanted.draft_id else None
    original = store.number(wanted.about) if wanted.about else None
    raw = drafting.written(
        op,
        wanted,
        me,
        earlier=None if number is None else store.mail(number),
        original=None if original is None else store.mail(original),
        now=now,
    )
    return number, original, raw


def edit(store: Store, op: Operation, me: Address, draft_id: str, text: str) -> None:
    """Make the draft say what a person wants, who is asked whether to send it."""
    number = draft_number(store, draft_id)
    raw = editing.edited(store.raw(number), text, me, id=compose.message_id(f"{op.key}e", me))
    mail = parse(raw)
    date = store.one("SELECT date FROM message WHERE id = ?", number)
    with store.transaction():
        _keep_earlier(store, number)
        store.replace(number, raw, mail, date=date)


def written_by(store: Store, op: Operation, me: Address) -> int | None:
    """The draft that the operation has written, if it has; sent by now or not."""
    id = compose.message_id(op.key, me)
    for number in store.column("SELECT id FROM message WHERE message_id = ?", id):
        if not store.labels_of(number).isdisjoint(("DRAFT", "SENT")):
            return number
    return None


def told(store: Store, number: int, original: int | None) -> Result:
    """A draft as mail_draft reports it."""
    (entry,) = store.entries([number])
    about = store.entries([original])[0] if original else None
    return drafting.told(entry, store.mail(number), about)


def before(store: Store, draft_id: str | None) -> dict[str, Any]:
    """By what Message-ID the text that a change replaces can be found again."""
    if draft_id is None:
        return {}
    number = draft_number(store, draft_id)
    return {"message_id": store.one("SELECT message_id FROM message WHERE id = ?", number)}


def undo(
    store: Store, draft_id: str, earlier: Mapping[str, Any], left: Mapping[str, Any]
) -> Result:
    """Delete a draft that was made, or put back the text of one that was changed.

    `left` is the data of the result that is undone. Raises ToolFailed if it was changed since.
    """
    if not store.one("SELECT id FROM message WHERE id = ?", int(draft_id.lstrip("d"))):
        return Result(f"{draft_id} is gone already.")
    number = draft_number(store, draft_id)
    now = store.one("SELECT message_id FROM message WHERE id = ?", number)
    if earlier and now == earlier["message_id"]:
        return Result(f"{draft_id} is as it was before.")
    if now != left["message_id"]:
        raise ToolFailed(f"{draft_id} was changed since, so it stays as it is.")
    if not earlier:
        with store.transaction():
            store.delete(number)
        return Result(f"Deleted {draft_id}.")
    raw = store.one("SELECT bytes FROM earlier WHERE message_id = ?", earlier["message_id"])
    if raw is None:
        raise ToolFailed(f"The earlier text of {draft_id} is not kept any more.")
    mail = parse(raw)
    date = mail.date or store.one("SELECT date FROM message WHERE id = ?", number)
    with store.transaction():
        store.replace(number, raw, mail, date=date)
    return Result(f"{draft_id} is as it was before.")


def _keep_earlier(store: Store, number: int) -> None:
    store.execute(
        "INSERT OR REPLACE INTO earlier SELECT message_id, id, bytes FROM message"
        " JOIN raw ON message = id WHERE id = ?",
        (number,),
    )
