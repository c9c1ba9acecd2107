"""Labels: put on mails and taken off, made, renamed and deleted. The trash is one of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from m2agent.errors import ToolFailed, Unclear
from m2agent.tool import Result
from m2agent_connectors.local_mail.store import SYSTEM_LABELS, Store
from m2agent_connectors.mail import labels
from m2agent_connectors.mail.labels import Action


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
    added = [_existing(store, name) for name in add or ()]
    removed = [_existing(store, name) for name in remove or ()]
    labels.distinct(added, removed)
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
    return labels.relabelled(ids, change.add, change.remove)


def trashed(store: Store, change: Change) -> Result:
    ids = [entry.id for entry in store.entries(change.numbers)]
    return labels.trashed(ids, restored=not change.add)


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
        store_name = known or labels.valid(name)
        with store.transaction():
            store.label(store_name)
        return labels.edited(action, store_name)
    name = _existing(store, name)
    with store.transaction():
        if action == "delete":
            store.delete_label(name)
        else:
            taken = store.label_named(new_name) if new_name else None
            store.rename_label(name, labels.free(name, new_name, taken))
    return labels.edited(action, name, new_name)


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
    return labels.listed(store.label_counts())


def _existing(store: Store, name: str) -> str:
    """The label meant by a name. Raises ToolFailed with what comes near."""
    names = store.column("SELECT name FROM label ORDER BY id")
    return labels.assignable(name, store.label_named(name), names)
