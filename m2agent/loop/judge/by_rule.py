"""Is the task met? Each claim of the closing report is held against the receipts in the journal.

By rule, without a model: a mark such as "[draft d12]" must be a receipt of this run, given after
the person asked; words that claim an effect need a receipt of that kind, and as many as they
count; an amount, an id and an address must stand in some result; a step that was declined is not
done, nor an item of the plan that is open; where every call failed, it must say so. What fails
goes back to the model, which corrects its report or the work.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from m2agent.events import (
    Asked,
    Began,
    Called,
    Declined,
    Ended,
    Event,
    Item,
    Judged,
    Receipt,
    Returned,
)
from m2agent.loop.judge.claims import EARLIER, MARK, claims, denies, sentence_at
from m2agent.loop.judge.structured import flaws
from m2agent.loop.judge.unseen import unseen_amounts, unseen_names
from m2agent.loop.plan import planned_now
from m2agent.transcript import mark

FAILED = ("open", "unproven", "declined")
"""States of an item that send a report back. The others: proven, claimed (by words alone)."""

_MARKED = {"draft", "exit", "file", "label", "message", "page", "row"}

# Of which kinds of receipts one must be there for a claim; none named: of any, since services
# differ.
_PROOFS: dict[str, set[str]] = {
    "message": {"message"},
    "draft": {"draft", "message"},
    "label": {"label", "trash"},
    "change": set(),
}
_COUNTED = ("message", "draft")  # of these, each has a receipt of its own


@dataclass
class _Known:
    """What a report may lean on: the receipts since the person asked, and those of before."""

    receipts: list[Receipt] = field(default_factory=list[Receipt])
    before: list[Receipt] = field(default_factory=list[Receipt])
    acted: bool = False
    failed: int = 0

    @classmethod
    def of(cls, history: Sequence[Event]) -> "_Known":
        known = cls()
        for event in history:
            match event:
                case Returned(ok=True, receipts=receipts):
                    known.receipts += receipts
                    known.acted = True
                case Returned():
                    known.failed += 1
                case Ended(status="done" | "unverified"):
                    known.before += known.receipts
                    known.receipts, known.acted, known.failed = [], False, 0
                case _:
                    pass
        return known

    @property
    def marks(self) -> set[str]:
        return {mark(receipt) for receipt in self.receipts}

    @property
    def marks_before(self) -> set[str]:
        return {mark(receipt) for receipt in self.before}


def marks_of(history: Sequence[Event]) -> set[str]:
    """The marks of all receipts since the last task."""
    return _Known.of(history).marks


def judge(report: str, history: Sequence[Event]) -> Judged:
    """Check a closing report by rule. With nothing to hold against it, it counts as met."""
    known = _Known.of(history)
    began = history[0]
    items = [
        *(flaws(report, began.schema) if isinstance(began, Began) and began.schema else []),
        *_failures(report, known),
        *_marks(report, known),
        *_claims(report, known),
        *_unseen(report, history, known),
        *_declined(history),
        *_plan(history, known),
    ]
    return Judged(all(item.state not in FAILED for item in items), items)


def _failures(report: str, known: _Known) -> Iterator[Item]:
    if known.failed and not known.acted and not denies(report):
        yield Item(
            "what was tried", "unproven", "every call failed, and the report is silent on it"
        )


def _marks(report: str, known: _Known) -> Iterator[Item]:
    kinds = _MARKED | {receipt.kind for receipt in known.receipts}
    marks, seen = known.marks, set[str]()
    for found in MARK.finditer(report):
        name = found.group(0)
        if found.group(1) not in kinds or name in seen:
            continue
        seen.add(name)
        if name in marks:
            yield Item(name, "proven", "in the journal")
        elif name not in known.marks_before:
            yield Item(name, "unproven", "this run has no such receipt")
        elif EARLIER.search(sentence_at(report, found.start())):
            yield Item(name, "proven", "from before you asked, as the report says")
        else:
            words = "this receipt is from before the last task; say so if that is meant"
            yield Item(name, "unproven", words)


def _claims(report: str, known: _Known) -> Iterator[Item]:
    """The first claim of each kind that does not hold, or names no receipt."""
    seen = set[str]()
    for claim in claims(report):
        kinds = _PROOFS[claim.kind]
        receipts = [*known.receipts, *(known.before if claim.earlier else ())]
        given = {r.id for r in receipts if r.kind in kinds or not kinds}
        if claim.kind in seen or (claim.earlier and (given or not claim.own)):
            continue
        words = f"“{claim.words}”"
        if not given:
            item = Item(words, "unproven", f"there is no receipt of a {claim.kind}")
        elif claim.kind in _COUNTED and claim.count > len(given):
            item = Item(words, "unproven", f"there are receipts for {len(given)} only")
        elif not MARK.search(report):
            proof = f"there is a receipt of a {claim.kind}; the report names none"
            item = Item(words, "claimed", proof)
        else:
            continue
        seen.add(claim.kind)
        yield item


def _unseen(report: str, history: Sequence[Event], known: _Known) -> Iterator[Item]:
    for amount in unseen_amounts(report, history):
        state = "unproven" if known.acted else "claimed"
        yield Item(amount, state, "no result shows this amount; have it worked out by a tool")
    for name in unseen_names(report, history):
        yield Item(name, "unproven", "no result shows it")


def _plan(history: Sequence[Event], known: _Known) -> Iterator[Item]:
    """What the plan says of its items, and whether their proofs are receipts of this run."""
    marks = known.marks | known.marks_before
    for item in planned_now(history).items:
        proofs = [match.group(0) for match in MARK.finditer(item.proof)]
        if item.state in ("open", "doing"):
            yield Item(item.text, "open", "the plan does not say that it is done")
        elif wrong := [found for found in proofs if found not in marks]:
            yield Item(item.text, "unproven", f"{wrong[0]} is no receipt of this run")
        elif item.state == "done":
            yield Item(item.text, "proven" if proofs else "claimed", item.proof)


def _declined(history: Sequence[Event]) -> list[Item]:
    """Steps declined since the person last said something, and not done later after all."""
    tools: dict[str, str] = {}
    open_: dict[str, Item] = {}
    for event in history:
        match event:
            case Asked():
                open_.clear()
            case Called(id=id, tool=tool):
                tools[id] = tool
            case Declined(id=id, done=False):
                tool = tools[id]
                open_[tool] = Item(f"{tool} ({id})", "declined", "the person declined it")
            case Returned(id=id, ok=True) if id in tools:
                open_.pop(tools[id], None)
            case _:
                pass
    return list(open_.values())
