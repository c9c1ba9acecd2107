"""Labels in words: what was changed, what there is, and which name cannot be meant."""

import difflib
from collections.abc import Iterable, Sequence
from typing import Any, Literal

from m2agent.errors import ToolFailed
from m2agent.events import Receipt
from m2agent.tool import Result
from m2agent_connectors.mail.clean import one_line
from m2agent_connectors.mail.lines import Stretch, joined

Action = Literal["create", "rename", "delete"]

_LONGEST_NAME = 100
_ELSEWHERE = {
    "DRAFT": "Only mail_draft makes drafts.",
    "SENT": "Only mail_send sends.",
    "TRASH": "mail_trash moves mails into the trash and out of it.",
}


def relabelled(ids: Sequence[str], add: Sequence[str], remove: Sequence[str]) -> Result:
    """How mail_label reports a change that is made."""
    signs = [f"+{name}" for name in add] + [f"-{name}" for name in remove]
    data = {"ids": list(ids), "added": list(add), "removed": list(remove)}
    receipts = [Receipt("label", id, " ".join(signs)) for id in ids]
    return _own(f"{' '.join(signs)} on {', '.join(ids)}", data, receipts)


def trashed(ids: Sequence[str], *, restored: bool) -> Result:
    what = "Out of the trash" if restored else "In the trash"
    receipts = [Receipt("restored" if restored else "trash", id) for id in ids]
    return _own(f"{what}: {', '.join(ids)}", {"ids": list(ids), "trashed": not restored}, receipts)


def edited(action: Action, name: str, new_name: str | None = None) -> Result:
    done = {
        "create": f"There is a label {name}.",
        "rename": f"The label {name} is now {new_name}.",
        "delete": f"The label {name} is deleted; its mails stay.",
    }
    label = new_name if action == "rename" and new_name else name
    data = {"action": action, "name": label}
    return _own(done[action], data, [Receipt("label", "-".join(label.split()), action)])


def listed(rows: Iterable[tuple[str, int | None, int | None]]) -> Result:
    """Labels with their mails and unread mails; None where nobody counted."""
    rows = list(rows)
    lines = [
        one_line(name, _LONGEST_NAME)
        + ("" if total is None else f"  {total:,} mail{'s' * (total != 1)}, {unread:,} unread")
        for name, total, unread in rows
    ]
    items = [{"name": name, "total": total, "unread": unread} for name, total, unread in rows]
    return _own("\n".join(lines), {"items": items}, [])


def assignable(name: str, known: str | None, names: Iterable[str]) -> str:
    """The label meant by `name`, where `known` is the one found. Raises ToolFailed with hints."""
    if known in _ELSEWHERE:
        raise ToolFailed(f"{known} cannot be added or removed here. {_ELSEWHERE[known]}")
    if known is not None:
        return known
    near = difflib.get_close_matches(name, list(names), n=3, cutoff=0.5)
    hint = f"Did you mean {' or '.join(near)}? " if near else ""
    raise ToolFailed(
        f"There is no label {one_line(name, 60)!r}. {hint}mail_label_edit makes new ones."
    )


def valid(name: str) -> str:
    """The name for a new label. Raises ToolFailed for one that cannot be."""
    clean = one_line(name)
    if not clean or len(clean) > _LONGEST_NAME or "," in clean:
        raise ToolFailed(f"A label's name has 1 to {_LONGEST_NAME} characters and no comma.")
    return clean


def free(name: str, new_name: str | None, taken: str | None) -> str:
    """The new name for a label; `taken` is the label that has it already, if there is one."""
    if not new_name:
        raise ToolFailed("Say what the label is to be called: new_name.")
    if taken and taken != name:
        raise ToolFailed(f"There is a label {taken} already.")
    return valid(new_name)


def distinct(add: Sequence[str], remove: Sequence[str]) -> None:
    """Raises ToolFailed where a label is to be both added and removed, or none is named."""
    if not (add or remove):
        raise ToolFailed("Say which labels: add, or remove.")
    if both := set(add) & set(remove):
        raise ToolFailed(f"{', '.join(sorted(both))} cannot be both added and removed.")


def _own(text: str, data: Any, receipts: list[Receipt]) -> Result:
    result = joined([Stretch(text)], data)
    return Result(text, data, receipts, result.origin)
