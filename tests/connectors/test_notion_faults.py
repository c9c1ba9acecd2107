"""Whatever goes wrong at whichever request of a change: it happens once, or somebody is asked."""

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pytest
from notion_scene import COLUMNS, Scene, scene
from notion_server import FAULTS, Fault
from notion_world import BOT

from m2agent.errors import ToolFailed, Unclear

Outcome = Literal["done", "in part", "failed", "question"]

End = tuple[Outcome, int]

SAFE: set[End] = {
    ("done", 1),
    ("in part", 0),
    ("in part", 1),
    ("failed", 0),
    ("question", 0),
    ("question", 1),
}
"""Ends of a change, with how often its effect is there; what is made in part says so."""


@dataclass(frozen=True)
class Change:
    """A call, and how often its effect is there. `scene` is made by `arrange`."""

    tool: str
    arrange: Callable[[Scene], dict[str, Any]]
    effects: Callable[[Scene], int]


async def carry(scene: Scene, tool: str, **arguments: Any) -> Outcome:
    """A call as the loop carries it: what is unclear is looked up, what did not happen is done."""
    call = scene.check(tool, **arguments)
    before: dict[str, Any] = {}
    while True:
        try:
            before = await call.before(scene.op())
            result = await call.run(scene.op())
            return "in part" if "could be made" in result.text else "done"
        except Unclear:
            try:
                if await call.reconcile(scene.op(), before):
                    return "done"
            except ToolFailed:
                return "question"
        except ToolFailed:
            return "failed"


def a_row(scene: Scene) -> dict[str, Any]:
    scene.world.table("Invoices", COLUMNS)
    table = next(iter(scene.world.sources))
    scene.world.row(table, {"Invoice": {"title": [{"text": {"content": "A-1"}}]}})
    return {"parent": table, "title": "A-1", "props": {"Amount": 3}, "body": "Paid late."}


def a_page(scene: Scene) -> dict[str, Any]:
    return {"parent": scene.world.page("Plans").id, "title": "Hiring", "body": "We hire two."}


def an_update(scene: Scene) -> dict[str, Any]:
    scene.world.table("Invoices", COLUMNS)
    row = scene.world.row(next(iter(scene.world.sources)), {}, "Total: 3\nfive")
    edits = [{"old": "Total: 3", "new": "Total: 4"}]
    return {"id": row.id, "edits": edits, "append": "Checked.", "props": {"Amount": 4}}


def an_append(scene: Scene) -> dict[str, Any]:
    return {"id": scene.world.page("Log", "Done.").id, "append": "Done."}


def a_comment(scene: Scene) -> dict[str, Any]:
    page = scene.world.page("Log")
    parent = {"page_id": page.id}
    scene.world.comment({"parent": parent, "rich_text": [{"text": {"content": "Seen."}}]})
    return {"id": page.id, "text": "Seen."}


def a_trashing(scene: Scene) -> dict[str, Any]:
    return {"id": scene.world.page("Log").id}


def pages_by_m2agent(scene: Scene) -> int:
    return sum(page.by == BOT for page in scene.world.pages.values())


def times_in_text(words: str, before: int = 0) -> Callable[[Scene], int]:
    def count(scene: Scene) -> int:
        texts = [scene.world.text(page) for page in scene.world.pages.values()]
        return sum(text.count(words) for text in texts) - before

    return count


CHANGES = {
    "create a row": Change("create", a_row, pages_by_m2agent),
    "create a page": Change("create", a_page, pages_by_m2agent),
    "update all": Change("update", an_update, times_in_text("Checked.")),
    "append again": Change("update", an_append, times_in_text("Done.", before=1)),
    "comment again": Change("comment", a_comment, lambda scene: len(scene.world.comments) - 1),
    "trash": Change(
        "trash",
        a_trashing,
        lambda scene: sum(page.in_trash for page in scene.world.pages.values()),
    ),
}


async def one(change: Change, fault: Fault, number: int, folder: Path) -> End:
    async with scene(folder) as notion:
        arguments = change.arrange(notion)
        notion.server.faults[number] = fault
        return await carry(notion, change.tool, **arguments), change.effects(notion)


async def requests_of(change: Change, folder: Path) -> int:
    async with scene(folder) as notion:
        assert await carry(notion, change.tool, **change.arrange(notion)) == "done"
        assert change.effects(notion) == 1
        return len(notion.server.log)


@pytest.mark.parametrize("name", CHANGES)
async def test_any_fault_at_any_request_leaves_one_effect_or_a_question(
    name: str, tmp_path: Path
) -> None:
    change = CHANGES[name]
    numbers = range(1, await requests_of(change, tmp_path) + 1)
    cases: list[tuple[Fault, int]] = [(fault, number) for fault in FAULTS for number in numbers]
    ended = await in_parallel([one(change, fault, at, tmp_path) for fault, at in cases])
    for case, end in zip(cases, ended, strict=True):
        assert end in SAFE, case
    print(f"\n{name}: {len(cases)} cases in {len(numbers)} requests")
    for fault in FAULTS:
        outcomes = Counter(e for (f, _), e in zip(cases, ended, strict=True) if f == fault)
        words = ", ".join(f"{o} with {n} x{count}" for (o, n), count in sorted(outcomes.items()))
        print(f"  {fault:14} {words}")


async def in_parallel(cases: list[Coroutine[Any, Any, End]]) -> list[End]:
    """All of them, a few at a time."""
    free = asyncio.Semaphore(24)

    async def alone(case: Coroutine[Any, Any, End]) -> End:
        async with free:
            return await case

    return list(await asyncio.gather(*(alone(case) for case in cases)))
