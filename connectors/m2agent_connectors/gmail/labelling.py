"""Labels at Gmail: put on mails and taken off, made, renamed and deleted; the trash is one."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from m2agent.errors import ToolFailed, Unclear
from m2agent.tool import Result
from m2agent_connectors.gmail.api import NotThere
from m2agent_connectors.gmail.mailbox import ME, Mailbox, no_mail
from m2agent_connectors.mail import labels
from m2agent_connectors.mail.labels import Action

_AT_ONCE = 1_000  # mails that Gmail relabels in one request
_COUNTED = 100  # each label's counts cost a request
_OWN = (
    "INBOX", "SENT", "DRAFT", "TRASH", "SPAM", "UNREAD", "STARRED", "IMPORTANT", "CHAT",
)  # fmt: skip


@dataclass(frozen=True)
class Change:
    """Labels, by name, to add to mails and to remove from them.

    `ids` are as the tools name the mails, `messages` as Gmail does, in the same order.
    """

    ids: Sequence[str]
    messages: Sequence[str]
    add: Sequence[str]
    remove: Sequence[str]


async def relabelling(
    box: Mailbox,
    ids: Sequence[str] | None,
    thread: str | None,
    add: Sequence[str] | None,
    remove: Sequence[str] | None,
) -> Change:
    """What mail_label was asked for. Raises ToolFailed for mails or labels that are not there."""
    shown = list(ids or ())
    if thread:
        shown += [entry.id for entry in await box.entries(await box.thread(thread))]
    change = await _of(box, shown)
    added = [await _existing(box, name) for name in add or ()]
    removed = [await _existing(box, name) for name in remove or ()]
    labels.distinct(added, removed)
    return Change(change.ids, change.messages, added, removed)


async def trashing(box: Mailbox, ids: Sequence[str], *, restore: bool) -> Change:
    """What mail_trash was asked for."""
    change = await _of(box, ids)
    put, take = ([], ["TRASH"]) if restore else (["TRASH"], [])
    return Change(change.ids, change.messages, put, take)


async def before(box: Mailbox, change: Change) -> dict[str, Any]:
    """Which labels the mails have now, by id, and which of them the change concerns."""
    named = [await box.label_id(name) for name in (*change.add, *change.remove)]
    return {"mails": await _labels_of(box, change.messages), "concerned": named}


async def relabel(box: Mailbox, change: Change) -> Result:
    body = {
        "addLabelIds": [await box.label_id(name) for name in change.add],
        "removeLabelIds": [await box.label_id(name) for name in change.remove],
    }
    for at in range(0, len(change.messages), _AT_ONCE):
        some = list(change.messages[at : at + _AT_ONCE])
        await box.api.ask(box.messages.batchModify(userId=ME, body={**body, "ids": some}))
    return labels.relabelled(change.ids, change.add, change.remove)


async def trash(box: Mailbox, change: Change) -> Result:
    move = box.messages.trash if change.add else box.messages.untrash
    await box.api.all([move(userId=ME, id=id) for id in change.messages])
    return labels.trashed(change.ids, restored=not change.add)


async def happened(box: Mailbox, change: Change) -> bool:
    """Whether all mails have the labels that they should have."""
    put = {await box.label_id(name) for name in change.add}
    gone = {await box.label_id(name) for name in change.remove}
    now = await _labels_of(box, change.messages)
    return all(put <= set(names) and not gone & set(names) for names in now.values())


async def restore(box: Mailbox, before: Mapping[str, Any]) -> Result:
    """Give mails back the labels they had before a change; labels put on since then stay."""
    for id, names in before["mails"].items():
        message = box.messages
        with suppress(NotThere):
            now = set((await _labels_of(box, [id]))[id])
            if "TRASH" in now - set(names):
                await box.api.ask(message.untrash(userId=ME, id=id))
            elif "TRASH" in set(names) - now:
                await box.api.ask(message.trash(userId=ME, id=id))
            now = set((await _labels_of(box, [id]))[id])
            fixed = {"TRASH", "SENT", "DRAFT"}
            body = {
                "addLabelIds": sorted(set(names) - now - fixed),
                "removeLabelIds": sorted((now - set(names)) & set(before["concerned"]) - fixed),
            }
            if any(body.values()):
                await box.api.ask(message.modify(userId=ME, id=id, body=body))
    return Result("The labels are as they were before.")


async def edit(box: Mailbox, action: Action, name: str, new_name: str | None) -> Result:
    """Make, rename or delete a label. Raises ToolFailed where that cannot be."""
    id, known = await _known(box, name)
    if known in _OWN or known.startswith("CATEGORY_"):
        raise ToolFailed(f"{known} is a label of the mailbox itself and stays as it is.")
    resource = box.api.users.labels()
    if action == "create":
        if not known:
            known = labels.valid(name)
            try:
                await box.api.ask(resource.create(userId=ME, body={"name": known}))
            except ToolFailed:
                box.forget_labels()  # a try whose answer was lost may have made it
                if not await box.label_id(known):
                    raise
    else:
        known = await _existing(box, name)
        if action == "delete":
            with suppress(NotThere):
                await box.api.ask(resource.delete(userId=ME, id=id))
        else:
            taken = (await _known(box, new_name or ""))[1] or None
            new_name = labels.free(known, new_name, taken)
            await box.api.ask(resource.patch(userId=ME, id=id, body={"name": new_name}))
    box.forget_labels()
    return labels.edited(action, known, new_name)


async def edit_happened(box: Mailbox, action: Action, name: str, new_name: str | None) -> bool:
    """Whether an edit was made. Raises Unclear where the labels do not tell."""
    box.forget_labels()
    there = bool((await _known(box, name))[0])
    if action != "rename":
        return there == (action == "create")
    renamed = bool(new_name and (await _known(box, new_name))[0])
    if there == renamed:
        raise Unclear(f"There are both {name!r} and {new_name!r}, or neither, among the labels.")
    return renamed


async def undo_edit(box: Mailbox, before: Mapping[str, Any], done: Mapping[str, Any]) -> Result:
    """The inverse of creating or renaming; `done` is the data of the edit's result."""
    name = str(done["name"])
    if done["action"] == "delete":
        raise ToolFailed("A deleted label cannot be put back on the mails it was on.")
    if done["action"] == "create" and before["name"]:
        return Result(f"The label {name} was there before, so it stays.")
    id = await box.label_id(name)
    if id is None:
        return Result(f"The label {name} is gone already.")
    if done["action"] == "create":
        label = await box.api.ask(box.api.users.labels().get(userId=ME, id=id))
        if mails := int(label.get("messagesTotal") or 0):
            raise ToolFailed(f"The label {name} is on {mails} mails now, so it stays.")
        await edit(box, "delete", name, None)
    else:
        await edit(box, "rename", name, str(before["name"]))
    return Result(f"The label {name} is gone again.")


async def label_named(box: Mailbox, name: str) -> str | None:
    """The label's name as it is written, or None."""
    return (await _known(box, name))[1] or None


async def listed(box: Mailbox) -> Result:
    """All labels; those that come first with their counts."""
    box.forget_labels()
    known = await box.labels()
    ids = sorted(known, key=lambda id: (_rank(id), known[id].lower()))
    resource = box.api.users.labels()
    answers = await box.api.all([resource.get(userId=ME, id=id) for id in ids[:_COUNTED]])
    rows: list[tuple[str, int | None, int | None]] = [
        (known[id], int(one.get("messagesTotal") or 0), int(one.get("messagesUnread") or 0))
        for id, one in zip(ids, answers, strict=False)
    ]
    return labels.listed([*rows, *((known[id], None, None) for id in ids[_COUNTED:])])


def _rank(id: str) -> int:
    return _OWN.index(id) if id in _OWN else len(_OWN)


async def _of(box: Mailbox, ids: Sequence[str]) -> Change:
    ids = list(dict.fromkeys(id.strip() for id in ids))
    if not ids:
        raise ToolFailed("Say which mails: ids, or a thread.")
    messages = [await box.message_id(id) for id in ids]
    return Change(ids, messages, [], [])


async def _labels_of(box: Mailbox, messages: Sequence[str]) -> dict[str, list[str]]:
    requests = [box.messages.get(userId=ME, id=id, format="minimal") for id in messages]
    try:
        answers = await box.api.all(requests)
    except NotThere:
        raise no_mail(", ".join(messages)) from None
    return {one["id"]: sorted(one.get("labelIds") or ()) for one in answers}


async def _known(box: Mailbox, name: str) -> tuple[str, str]:
    """A label's id and name as it is written; both empty if there is none."""
    id = await box.label_id(name)
    return (id, (await box.labels())[id]) if id else ("", "")


async def _existing(box: Mailbox, name: str) -> str:
    known = (await _known(box, name))[1] or None
    return labels.assignable(name, known, (await box.labels()).values())
