"""Is the task met? Each claim of the closing report is held against the receipts in the journal.

By rule, without a model: a mark such as "[draft d12]" must be a receipt of this run, given after
the person asked; words that claim an effect need a receipt of that kind; a step that was declined
is not done. What is not proven goes back to the model, which corrects its report or the work.
"""

import re
from collections.abc import Sequence

from m2agent.events import (
    Asked,
    Called,
    Declined,
    Event,
    Item,
    Judged,
    Planned,
    Receipt,
    Returned,
)
from m2agent.transcript import mark

_MARK = re.compile(r"\[([a-z_]+) ([^\[\]\s]+)\]")

_KINDS = {"draft", "exit", "file", "label", "message", "page", "row"}

_ADVERBS = r"(?:also |now |just |already )*"
_NOUNS = r"(?:e-?mails?|mails?|repl(?:y|ies)|messages?|drafts?|it|they|all|both)"


def _claim(verb: str) -> re.Pattern[str]:
    """How reports say that something was done: in the first person, passively, or as a list."""
    first = rf"\bI(?:.ve| have)? {_ADVERBS}{verb}\b"
    passive = rf"\b{_NOUNS} (?:was|were|is|are|has been|have been) {_ADVERBS}{verb}\b(?! by)"
    listed = rf"^[\W\d]*{verb}\b"
    return re.compile(f"{first}|{passive}|{listed}", re.IGNORECASE | re.MULTILINE)


_CLAIMS = {"message": _claim("sent"), "draft": _claim("drafted")}


def judge(report: str, history: Sequence[Event]) -> Judged:
    """Check a closing report by rule. With nothing to hold against it, it counts as met."""
    receipts = _receipts(history)
    known = {mark(receipt) for receipt in receipts}
    kinds = {receipt.kind for receipt in receipts}
    items: list[Item] = []
    for found in dict.fromkeys(
        match.group(0) for match in _MARK.finditer(report) if match.group(1) in _KINDS | kinds
    ):
        state = "proven" if found in known else "unproven"
        proof = "in the journal" if found in known else "this run has no such receipt"
        items.append(Item(found, state, proof))
    for kind, claim in _CLAIMS.items():
        said = claim.search(report)
        if said and kind not in kinds and not _denied(report, said.start()):
            items.append(Item(f"“{said.group(0).strip()}”", "unproven", f"no {kind} receipt"))
    items += _declined(history)
    items += _plan(history, known)
    return Judged(all(item.state == "proven" for item in items), items)


def _plan(history: Sequence[Event], known: set[str]) -> list[Item]:
    """Items of the last plan that are not done, or whose proof is no receipt of this run."""
    plan = next((event for event in reversed(history) if isinstance(event, Planned)), None)
    items: list[Item] = []
    for item in plan.items if plan else []:
        marks = [match.group(0) for match in _MARK.finditer(item.proof)]
        if item.state in ("open", "doing"):
            items.append(Item(item.text, "open", "the plan does not say that it is done"))
        elif wrong := [found for found in marks if found not in known]:
            items.append(Item(item.text, "unproven", f"{wrong[0]} is no receipt of this run"))
    return items


def _receipts(history: Sequence[Event]) -> list[Receipt]:
    return [
        receipt
        for event in history
        if isinstance(event, Returned) and event.ok
        for receipt in event.receipts
    ]


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
            case Declined(id=id):
                tool = tools[id]
                open_[tool] = Item(f"{tool} ({id})", "declined", "the person declined it")
            case Returned(id=id, ok=True) if id in tools:
                open_.pop(tools[id], None)
            case _:
                pass
    return list(open_.values())


def _denied(report: str, at: int) -> bool:
    """Whether the sentence that holds the claim says the opposite."""
    begin = max(report.rfind(c, 0, at) for c in ".!?\n") + 1
    sentence = re.split(r"[.!?\n]", report[begin:], maxsplit=1)[0]
    return re.search(r"\b(?:not|n't|never|no|nothing|without|unsent)\b", sentence) is not None
