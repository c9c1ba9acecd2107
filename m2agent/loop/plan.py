"""The plan of a long task: the model keeps it through a tool, and the judge holds it against it."""

import re
from collections.abc import Sequence
from typing import ClassVar, Literal, Self

import pydantic

from m2agent.connector import Account
from m2agent.events import Event, Item, Origin, Planned, Returned
from m2agent.tool import Result, tool

TOOL = "plan_update"


class PlanItem(pydantic.BaseModel):
    """One item; `proof` is the mark of a result, such as [draft d12]."""

    text: str
    state: Literal["open", "doing", "done", "dropped"] = "open"
    proof: str = ""


class Plan:
    """The tool; what it is given becomes a `Planned` event."""

    name: ClassVar[str] = "plan"
    kind: ClassVar[str] = "plan"

    @classmethod
    async def open(cls, account: Account) -> Self:
        return cls()

    def describe(self) -> str:
        return "the plan of this run"

    async def close(self) -> None: ...

    @tool(effect="read")
    async def update(self, items: list[PlanItem], notes: list[str] = []) -> Result:  # noqa: B006
        """Write down the plan of a longer task: all its items, each with its state.

        Call it again when something changes; a done item names the mark that proves it. In
        `notes` stands what you need later: names, ids, numbers. All of it outlasts older turns.
        """
        left = sum(item.state in ("open", "doing") for item in items)
        data = {"items": [item.model_dump() for item in items], "notes": notes}
        return Result(f"{len(items)} items, {left} to do.", data, origin=[Origin("own", "plan")])


def planned(returned: Returned) -> Planned:
    """The event that a call of the tool stands for."""
    items = [Item(item["text"], item["state"], item["proof"]) for item in returned.data["items"]]
    return Planned(items, returned.data["notes"])


def planned_now(history: Sequence[Event]) -> Planned:
    """The plan as it stands; an empty one where there is none."""
    return next((e for e in reversed(history) if isinstance(e, Planned)), Planned([]))


def as_text(plan: Planned) -> str:
    """A plan as a person reads and edits it: a line an item, `[open] Send it`, and `note: ...`."""
    items = [f"[{item.state}] {item.text} {item.proof}".rstrip() for item in plan.items]
    return "\n".join([*items, *(f"note: {note}" for note in plan.notes)])


def from_text(text: str, by: str) -> Planned:
    """What a person made of it. A line without a state is a new item, one after # a comment."""
    items: list[Item] = []
    notes: list[str] = []
    for line in text.splitlines():
        found = _LINE.fullmatch(line.strip())
        if not found or line.lstrip().startswith("#"):
            continue
        if found["note"]:
            notes.append(found["note"])
        elif found["text"]:
            items.append(Item(found["text"], found["state"] or "open", found["proof"] or ""))
    return Planned(items, notes, by)


_LINE = re.compile(
    r"note:\s*(?P<note>.+)"
    r"|(?:[-*]\s+)?(?:\[(?P<state>open|doing|done|dropped)\]\s*)?"
    r"(?P<text>.*?)\s*(?P<proof>(?:\[[a-z_]+ [^\[\]\s]+\]\s*)*)"
)
