"""The families by name, and how one of their tasks is drawn."""

from collections.abc import Callable

from m2agent.errors import UsageError
from m2agent.office.tasks import (
    absent,
    detours,
    filing,
    finished,
    labels,
    lookups,
    orders,
    replies,
    sums,
    tables,
    threads,
    trading,
)
from m2agent.office.tasks.lively import lively
from m2agent.office.tasks.task import Task
from m2agent.office.tasks.wording import Part, Wording

FAMILIES: dict[str, Callable[[Wording], Task]] = {
    "filing": filing.draw,
    "tables": tables.draw,
    "sums": sums.draw,
    "replies": replies.draw,
    "labels": labels.draw,
    "threads": threads.draw,
    "lookups": lookups.draw,
    "detours": detours.draw,
    "absent": absent.draw,
    "orders": orders.draw,
    "finished": finished.draw,
}

LONG: dict[str, Callable[[Wording], Task]] = {"trading": trading.draw}
"""Families of a hundred turns, which are too much for a small model."""


def draw(family: str, seed: int, part: Part = "fresh") -> Task:
    """The task of a seed: always the same. Raises UsageError where there is no such family."""
    every = FAMILIES | LONG
    if family not in every:
        raise UsageError(f"There is no family {family!r}. There are: {', '.join(every)}.")
    task = every[family](Wording(family, seed, part))
    return lively(task, part) if family in FAMILIES else task
