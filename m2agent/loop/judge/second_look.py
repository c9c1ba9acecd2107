"""The model's own judgement of a report, asked in a fork of the run's context.

The fork shares everything the run has read, so it costs only the question and the answer, and the
run never sees it. What it finds unmet goes back; what it calls met is proven only by a receipt.
"""

import re
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import replace

import msgspec

from m2agent.errors import ModelError
from m2agent.events import Asked, Began, Called, Ended, Event, Item, Judged, Noted, Said, Turned
from m2agent.loop.crew import Crew
from m2agent.loop.judge.by_rule import FAILED, marks_of
from m2agent.loop.judge.claims import MARK
from m2agent.printable import one_line

_TOKENS = 4_096
_THINKING = 2_048
_ITEMS = 40

ABOUT = "judge"
"""What the question is about, in the note that asks it."""

_QUESTION = """\
Your report is held back until it is checked. Check it now, item by item, against what the results \
above show, and not against what was said about them. Call no tool. Answer with JSON alone, one \
object an item:
[{{"item": 1, "met": true, "marks": ["[draft d12]"], "why": "in a few words"}}]
"met" is false if any part of the item is not done, or if no result shows that it is. "marks" are \
those of the results that show it.

{items}"""


class _Finding(msgspec.Struct, frozen=True):
    item: int
    met: bool
    marks: list[str] = []
    why: str = ""


def worth_asking(history: Sequence[Event]) -> bool:
    """Whether anything was done since the person asked; words alone have nothing to be held to."""
    for event in reversed(history):
        if isinstance(event, Called):
            return True
        if isinstance(event, Ended) and event.status in ("done", "unverified"):
            return False
    return False


async def second_look(history: Sequence[Event], verdict: Judged, crew: Crew) -> Judged:
    """The verdict of the rules with the model's own findings in it.

    A model that cannot be asked, or answers something else, leaves the verdict as it was.
    """
    began = history[0]
    assert isinstance(began, Began)
    items = _items(history, verdict)
    numbered = "\n".join(f"{n}. {text}" for n, text in enumerate(items, 1))
    question = Noted(_QUESTION.format(items=numbered), ABOUT)
    sampling = replace(
        crew.sampling,
        max_tokens=min(_TOKENS, crew.sampling.max_tokens),
        max_thinking=min(_THINKING, crew.sampling.max_thinking),
        beside=True,
    )
    said, turned = "", Turned()
    try:
        pieces = crew.model.reply([*history, question], began.tools, sampling)
        async with aclosing(pieces):
            async for piece in pieces:
                match piece:
                    case Said(text):
                        said += text
                    case Turned():
                        turned = piece
                    case _:
                        pass
    except ModelError:
        return verdict
    judged = _merged(verdict, items, _findings(said), history)
    return msgspec.structs.replace(
        judged,
        by="model" if judged.items != verdict.items else "rules",
        evaluated=turned.evaluated,
        reused=turned.reused,
        generated=turned.generated,
        seconds=round(turned.prefill_seconds + turned.decode_seconds, 3),
        cost=turned.cost,
    )


def _items(history: Sequence[Event], verdict: Judged) -> list[str]:
    """What is asked about: the person's words, then whatever no receipt proves yet."""
    asked: list[str] = []
    for event in history:
        match event:
            case Asked(text):
                part = text.rpartition("\n\n")[2] if event.by else text
                asked.append(f"What was asked is done: {one_line(part, 400)}")
            case Ended(status="done" | "unverified"):
                asked.clear()
            case _:
                pass
    claimed = [item.text for item in verdict.items if item.state == "claimed"]
    return [*asked, *claimed][:_ITEMS]


def _findings(said: str) -> list[_Finding]:
    found = re.search(r"\[\s*\{.*\}\s*\]", said, re.DOTALL)
    try:
        return msgspec.json.decode(found[0], type=list[_Finding]) if found else []
    except (msgspec.DecodeError, msgspec.ValidationError):
        return []


def _merged(
    verdict: Judged, items: Sequence[str], findings: Sequence[_Finding], history: Sequence[Event]
) -> Judged:
    """The model may find what the rules let through unmet, and prove what was only claimed."""
    known = marks_of(history)
    by_text = {item.text: item for item in verdict.items}
    for finding in findings:
        if not 1 <= finding.item <= len(items):
            continue
        text = items[finding.item - 1]
        marks = [m.group(0) for m in MARK.finditer(" ".join(finding.marks))]
        if not finding.met:
            by_text[text] = Item(text, "open", finding.why or "the check found it not done")
        elif marks and all(m in known for m in marks):
            by_text[text] = Item(text, "proven", " ".join(marks))
        else:
            by_text[text] = Item(text, "claimed", finding.why)
    merged = list(by_text.values())
    return Judged(all(item.state not in FAILED for item in merged), merged)
