"""Labels: put on mails and taken off, made, renamed and deleted. The trash is one of them."""

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from m2agent.errors import ToolFailed, Unclear
from m2agent.events import Receipt
from m2agent.tool import Result
from m2agent_connectors.local_mail.store import SYSTEM_LABELS, Store
from m2agent_connectors.mail.clean import one_line
from m2agent_connectors.mail.lines import Stretch, joined

Action = Literal["create", "rename", "delete"]

_LONGEST_NAME = 100
_ELSEWHERE = {
    "DRAFT": "Only mail_draft makes drafts.",
    "SENT": "Only mail_send sends.",
    "TRASH": "mail_trash moves mails into the trash and out of it.",
}


@dataclass(frozen=True)
class Change:
    """Labels to add to mails and to remove from them."""

    numbers: Sequence[int]
    add: Sequence[str]
    remove: Sequence[str]

    def apply(self, store: Store) -> None:
        with store.transaction():
            store.change_labels(self.numbers, add=self.add, remove=self.remove)

    def happened(self, store: Store) -> bool:
        return all(
            labels.issuperset(self.add) and labels.isdisjoint(self.remove)
            for labels in map(store.labels_of, self.numbers)
        )

    def before(self, store: Store) -> dict[str, Any]:
        """Which of the labels concerned the mails have now, for `restore`."""
        concerned = {*self.add, *self.remove}
        return {
            "labels": sorted(concerned),
            "mails": {str(n): sorted(store.labels_of(n) & concerned) for n in self.numbers},
        }


def relabelling(
    store: Store,
    ids: Sequence[str] | None,
    thread: str | None,
    add: Sequence[str] | None,
    remove: Sequence[str] | None,
) -> Change:
    """What mail_label was asked for. Raises ToolFailed for mails or labels that are not there."""
    numbers = [store.number(id) for id in ids or ()] + (store.thread(thread) if thread else [])
    if not numbers:
        raise ToolFailed("Say which mails: ids, or a thread.")
    if not (add or remove):
        raise ToolFailed("Say which labels: add, or remove.")
    added = [_existing(store, name) for name in add or ()]
    removed = [_existing(store, name) for name in remove or ()]
    if both := set(added) & set(removed):
        raise ToolFailed(f"{', '.join(sorted(both))} cannot be both added and removed.")
    return Change(list(dict.fromkeys(numbers)), added, removed)


def trashing(store: Store, ids: Sequence[str], *, restore: bool) -> Change:
    """What mail_trash was asked for."""
    if not ids:
        raise ToolFailed("Say which mails: ids.")
    numbers = list(dict.fromkeys(store.number(id) for id in ids))
    return Change(numbers, [] if restore else ["TRASH"], ["TRASH"] if restore else [])


def relabelled(store: Store, change: Change) -> Result:
    """How mail_label reports a change that is made."""
    ids = [entry.id for entry in store.entries(change.numbers)]
    signs = [f"+{name}" for name in change.add] + [f"-{name}" for name in change.remove]
    data = {"ids": ids, "added": list(change.add), "removed": list(change.remove)}
    receipts = [Receipt("label", id, " ".join(signs)) for id in ids]
    return _own(f"{' '.join(signs)} on {', '.join(ids)}", data, receipts)


def trashed(store: Store, change: Change) -> Result:
    ids = [entry.id for entry in store.entries(change.numbers)]
    what = "In the trash" if change.add else "Out of the trash"
    receipts = [Receipt("trash" if change.add else "restored", id) for id in ids]
    return _own(f"{what}: {', '.join(ids)}", {"ids": ids, "trashed": bool(change.add)}, receipts)


def restore(store: Store, before: Mapping[str, Any]) -> Result:
    """Give mails back the labels they had before a change; other labels are left alone."""
    with store.transaction():
        for number, names in before["mails"].items():
            gone = [name for name in before["labels"] if name not in names]
            if store.one("SELECT id FROM message WHERE id = ?", int(number)):
                store.change_labels([int(number)], add=names, remove=gone)
    return Result("The labels are as they were before.")


def edit(store: Store, action: Action, name: str, new_name: str | None) -> Result:
    """Make, rename or delete a label. Raises ToolFailed where that cannot be."""
    known = store.label_named(name)
    if known in SYSTEM_LABELS:
        raise ToolFailed(f"{known} is a label of the mailbox itself and stays as it is.")
    if action == "create":
        store_name = known or _valid(name)
        with store.transaction():
            store.label(store_name)
        return edited(action, store_name)
    name = _existing(store, name)
    with store.transaction():
        if action == "delete":
            store.delete_label(name)
        else:
            store.rename_label(name, _free(store, name, new_name))
    return edited(action, name, new_name)


def edit_happened(store: Store, action: Action, name: str, new_name: str | None) -> bool:
    """Whether an edit was made. Raises Unclear where the labels do not tell."""
    known = store.label_named(name) is not None
    if action == "rename":
        renamed = new_name is not None and store.label_named(new_name) is not None
        if known == renamed:
            raise Unclear(
                f"There are both {name!r} and {new_name!r}, or neither, among the labels."
            )
        return renamed
    return known == (action == "create")


def edited(action: Action, name: str, new_name: str | None = None) -> Result:
    done = {
        "create": f"There is a label {name}.",
        "rename": f"The label {name} is now {new_name}.",
        "delete": f"The label {name} is deleted; its mails stay.",
    }
    label = new_name if action == "rename" and new_name else name
    data = {"action": action, "name": label}
    return _own(done[action], data, [Receipt("label", "-".join(label.split()), action)])


def undo_edit(store: Store, before: Mapping[str, Any], done: Mapping[str, Any]) -> Result:
    """The inverse of creating or renaming; `done` is the data of the edit's result."""
    name = str(done["name"])
    if done["action"] == "delete":
        raise ToolFailed("A deleted label cannot be put back on the mails it was on.")
    if done["action"] == "create" and before["name"]:
        return Result(f"The label {name} was there before, so it stays.")
    if store.label_named(name) is None:
        return Result(f"The label {name} is gone already.")
    if done["action"] == "create" and (mails := store.labelled(name)):
        raise ToolFailed(f"The label {name} is on {mails} mails now, so it stays.")
    with store.transaction():
        if done["action"] == "create":
            store.delete_label(name)
        else:
            store.rename_label(name, str(before["name"]))
    return Result(f"The label {name} is gone again.")


def listed(store: Store) -> Result:
    """All labels with their counts; the trash counts only under its own."""
    rows = store.label_counts()
    lines = [
        f"{one_line(name, _LONGEST_NAME)}  {total:,}, {unread:,} unread"
        for name, total, unread in rows
    ]
    items = [{"name": name, "total": total, "unread": unread} for name, total, unread in rows]
    return _own("\n".join(lines), {"items": items}, [])


def _existing(store: Store, name: str) -> str:
    """The label meant by a name. Raises ToolFailed with what comes near."""
    known = store.label_named(name)
    if known in _ELSEWHERE:
        raise ToolFailed(f"{known} cannot be added or removed here. {_ELSEWHERE[known]}")
    if known is not None:
        return known
    names = store.column("SELECT name FROM label ORDER BY id")
    near = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
    hint = f"Did you mean {' or '.join(near)}? " if near else ""
    raise ToolFailed(
        f"There is no label {one_line(name, 60)!r}. {hint}mail_label_edit makes new ones."
    )


def _valid(name: str) -> str:
    clean = one_line(name)
    if not clean or len(clean) > _LONGEST_NAME or "," in clean:
        raise ToolFailed(f"A label's name has 1 to {_LONGEST_NAME} characters and no comma.")
    return clean


def _free(store: Store, name: str, new_name: str | None) -> str:
    if not new_name:
        raise ToolFailed("Say what the label is to be called: new_name.")
    taken = store.label_named(new_name)
    if taken and taken != name:
        raise ToolFailed(f"There is a label {taken} already.")
    return _valid(new_name)


def _own(text: str, data: Any, receipts: list[Receipt]) -> Result:
    result = joined([Stretch(text)], data)
    return Result(text, data, receipts, result.origin)
