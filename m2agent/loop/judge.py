"""Is the task met? Each claim of the closing report is held against the receipts in the journal.

By rule, without a model: a mark such as "[draft d12]" must be a receipt of this run, given after
the person asked; words that claim an effect need a receipt of that kind, and as many as they
count; an amount must stand in some result; a step that was declined is not done, nor an item of
the plan that is open. What fails goes back to the model, which corrects its report or the work.
"""

import re
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
    Noted,
    Receipt,
    Returned,
)
from m2agent.loop.plan import planned_now
from m2agent.loop.structured import flaws
from m2agent.transcript import mark

FAILED = ("open", "unproven", "declined")
"""States of an item that send a report back. The others: proven, claimed (by words alone)."""

MARK = re.compile(r"\[([a-z_]+) ([^\[\]\s]+)\]")

_KINDS = {"draft", "exit", "file", "label", "message", "page", "row"}

_ADVERBS = r"(?:also |now |just |already )*"
_THINGS = r"(?:e-?mails?|mails?|repl(?:y|ies)|messages?|drafts?|rows?|pages?|notes?|invoices?)"
_NOUNS = rf"(?:{_THINGS}|it|they|all|both)"
_EARLIER = re.compile(r"\b(?:earlier|before|already|previous(?:ly)?|last time)\b", re.IGNORECASE)
_AMOUNT = re.compile(r"(?<![\w.,/-])\d{1,3}(?:[,.' ]?\d{3})*[.,]\d{2}(?![\w/-]|[.,]\d)")


def _claim(verb: str) -> re.Pattern[str]:
    """How reports say that something was done: in the first person, passively, or as a list."""
    counted = rf"(?: (?:the |all |all the )?(?P<count>\d+) (?:\w+ )?{_THINGS})?"
    first = rf"\bI(?:.ve| have)? {_ADVERBS}{verb}\b{counted}"
    passive = rf"\b{_NOUNS} (?:was|were|is|are|has been|have been) {_ADVERBS}{verb}\b(?! by)"
    listed = rf"^[\W\d]*{verb}\b"
    return re.compile(f"{first}|{passive}|{listed}", re.IGNORECASE | re.MULTILINE)


# Of which kinds of receipts one must be there; none named: of any, since services differ.
_CLAIMS: dict[str, tuple[re.Pattern[str], set[str]]] = {
    "message": (_claim("sent"), {"message"}),
    "draft": (_claim("drafted"), {"draft", "message"}),
    "label": (_claim("(?:labell?ed|archived)"), {"label", "trash"}),
    "change's": (_claim("(?:entered|recorded|filed)"), set()),
}


_COUNTED = ("message", "draft")  # of these, each has a receipt of its own


@dataclass
class _Known:
    """What a report may lean on: the receipts since the person asked, and those of before."""

    receipts: list[Receipt] = field(default_factory=list[Receipt])
    before: set[str] = field(default_factory=set[str])
    acted: bool = False

    @classmethod
    def of(cls, history: Sequence[Event]) -> "_Known":
        known = cls()
        for event in history:
            match event:
                case Returned(ok=True, receipts=receipts):
                    known.receipts += receipts
                    known.acted = True
                case Ended(status="done" | "unverified"):
                    known.before |= {mark(receipt) for receipt in known.receipts}
                    known.receipts, known.acted = [], False
                case _:
                    pass
        return known

    @property
    def marks(self) -> set[str]:
        return {mark(receipt) for receipt in self.receipts}


def marks_of(history: Sequence[Event]) -> set[str]:
    """The marks of all receipts since the last task."""
    return _Known.of(history).marks


def judge(report: str, history: Sequence[Event]) -> Judged:
    """Check a closing report by rule. With nothing to hold against it, it counts as met."""
    known = _Known.of(history)
    began = history[0]
    items = [
        *(flaws(report, began.schema) if isinstance(began, Began) and began.schema else []),
        *_marks(report, known),
        *_claims(report, known),
        *_amounts(report, history, known),
        *_declined(history),
        *_plan(history, known),
    ]
    return Judged(all(item.state not in FAILED for item in items), items)


def _marks(report: str, known: _Known) -> Iterator[Item]:
    kinds = _KINDS | {receipt.kind for receipt in known.receipts}
    marks, seen = known.marks, set[str]()
    for found in MARK.finditer(report):
        name = found.group(0)
        if found.group(1) not in kinds or name in seen:
            continue
        seen.add(name)
        if name in marks:
            yield Item(name, "proven", "in the journal")
        elif name not in known.before:
            yield Item(name, "unproven", "this run has no such receipt")
        elif _EARLIER.search(_sentence(report, found.start())):
            yield Item(name, "proven", "from before you asked, as the report says")
        else:
            words = "this receipt is from before the last task; say so if that is meant"
            yield Item(name, "unproven", words)


def _claims(report: str, known: _Known) -> Iterator[Item]:
    for name, (claim, kinds) in _CLAIMS.items():
        for said in claim.finditer(report):
            sentence = _sentence(report, said.start())
            if _denied(sentence) or _EARLIER.search(sentence):
                continue
            words = f"“{said.group(0).strip()}”"
            given = {r.id for r in known.receipts if r.kind in kinds or not kinds}
            count = int(said.group("count") or 1) if name in _COUNTED else 1
            if not given:
                yield Item(words, "unproven", f"no {name} receipt")
            elif count > len(given):
                yield Item(words, "unproven", f"there are receipts for {len(given)} only")
            elif not MARK.search(report):
                yield Item(words, "claimed", f"there is a {name} receipt; the report names none")
            else:
                continue
            break


def _amounts(report: str, history: Sequence[Event], known: _Known) -> Iterator[Item]:
    """Amounts that no result shows: made up, or worked out in the head."""
    amounts = {_figure(found): found for found in _AMOUNT.findall(MARK.sub("", report))}
    if not amounts:
        return
    shown: set[str] = set()
    for event in history:
        match event:
            case Returned(text=text, ok=True) | Asked(text) | Noted(text):
                shown.update(_figures(text))
            case _:
                pass
    for figure, found in amounts.items():
        if figure not in shown:
            state = "unproven" if known.acted else "claimed"
            yield Item(found, state, "no result shows this amount; have it worked out by a tool")


def _figures(text: str) -> Iterator[str]:
    """Every number that may be meant in a text, however its digits are grouped."""
    for found in _NUMBERS.finditer(text):
        yield from {_figure(group) for group in found.groups()}


_NUMBERS = re.compile(r"(?<!\d)(?=(\d+(?:[,.' ]\d{3})*(?:[.,]\d+)?))(?=(\d+(?:[.,]\d+)?))(?=(\d+))")


def _figure(number: str) -> str:
    """A number without what groups its digits, rounded to two places."""
    split = re.search(r"[.,](?=\d*$)", number)
    whole, part = (number[: split.start()], number[split.end() :]) if split else (number, "")
    if len(part) == 3 and 0 < len(whole) <= 3 and whole != "0":  # 1,250 is no fraction
        whole, part = whole + part, ""
    digits = re.sub(r"\D", "", whole)
    return f"{float(f'{digits}.{part or 0}'):.2f}"


def _plan(history: Sequence[Event], known: _Known) -> Iterator[Item]:
    """What the plan says of its items, and whether their proofs are receipts of this run."""
    marks = known.marks | known.before
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


def _sentence(report: str, at: int) -> str:
    """The sentence, or line, in which something stands."""
    begin = max(report.rfind(c, 0, at) for c in "!?\n")
    begin = max(begin, report.rfind(". ", 0, at)) + 1
    return re.split(r"[.!?](?:\s|$)|\n", report[begin:], maxsplit=1)[0]


def _denied(sentence: str) -> bool:
    """Whether the sentence that holds a claim says the opposite."""
    return re.search(r"\b(?:not|n't|never|no|nothing|without|unsent)\b", sentence) is not None
