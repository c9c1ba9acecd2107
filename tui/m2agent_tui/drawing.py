"""Entries as text in colours: closed to a line, and open to everything there is to know.

Whatever comes from outside is made printable here, and goes into `Content` as plain text: nothing
of it is ever markup. Colours are the theme's; what they say is said in words as well.
"""

import json
from collections.abc import Callable, Sequence
from typing import Any, assert_never

from textual.content import Content

from m2agent.events import (
    Approved,
    Asked,
    Broken,
    Compacted,
    Declined,
    Ended,
    Item,
    Judged,
    Noted,
    Planned,
    Receipt,
    Reported,
    Said,
    Spawned,
    Status,
)
from m2agent.printable import one_line, printable
from m2agent_tui.story import Entry, State, Step, Thinking

_MOST = 12_000
_LINES = 300

_STATES: dict[State, tuple[str, str, str]] = {
    "written": ("○", "$foreground-muted", ""),
    "asking": ("?", "$warning", "needs your yes"),
    "running": ("●", "$accent", "running"),
    "doubtful": ("?", "$warning", "nobody knows whether it happened"),
    "declined": ("⊘", "$warning", "declined"),
    "failed": ("✗", "$error", "failed"),
    "ok": ("✓", "$success", "ok"),
}

_ENDS: dict[Status, tuple[str, str]] = {
    "done": ("Done, and checked.", "$success"),
    "unverified": ("Ended, not verified.", "$warning"),
    "waiting": ("Waiting for you.", "$warning"),
    "limit": ("Stopped at a limit.", "$warning"),
    "interrupted": ("Stopped.", "$warning"),
    "failed": ("The model failed.", "$error"),
}


def line(entry: Entry) -> Content:
    """The entry as it is always in view."""
    match entry:
        case Asked(text):
            return plain(bounded(text))
        case Said(text):
            return plain(bounded(text, 5 * _MOST))
        case Thinking(text, seconds):
            took = f" · {seconds:.0f} s" if seconds and seconds >= 1 else ""
            return Content.styled(f"▸ Thought for {len(text.split()):,} words{took}", "italic")
        case Step():
            return _step(entry)
        case Broken(problem):
            return _marked("✗", "$error", "A step was not written correctly. ", one_line(problem))
        case Noted(text):
            return _marked("·", "$foreground-muted", "Told to the model: ", one_line(text, 200))
        case Planned(items):
            return _list("◇", "$accent", "Plan", items)
        case Judged(met, items):
            proven = sum(item.state == "proven" for item in items)
            count = f"{proven} of {len(items)} claims proven" if items else "no claims to prove"
            mark, colour = ("✓", "$success") if met else ("✗", "$warning")
            return _list(mark, colour, f"Checked: {count}", items)
        case Compacted():
            return _marked("·", "$foreground-muted", "Earlier steps were folded into a summary", "")
        case Spawned(task=task):
            return _marked("◆", "$accent", "Helper began: ", one_line(task, 200))
        case Reported(text=text):
            return _marked("◆", "$accent", "Helper reported: ", one_line(text, 200))
        case Ended(status, reason):
            words, colour = _ENDS[status]
            said = "" if status == "done" else f" {printable(reason)}"
            return _marked("■", colour, words, said)
        case _:
            assert_never(entry)


def details(entry: Entry) -> Content | None:
    """What opening the entry shows; None if the line is all there is."""
    match entry:
        case Thinking(text):
            return plain(bounded(text))
        case Step():
            return _sections(*_of_step(entry))
        case Broken(problem, raw):
            return _sections(("Problem", plain(problem)), ("Written", plain(bounded(raw))))
        case Noted(text) | Compacted(summary=text):
            return plain(bounded(text))
        case Reported(text=text, receipts=receipts):
            return _sections(("Report", plain(bounded(text))), ("Receipts", plain(marks(receipts))))
        case Asked() | Said() | Planned() | Judged() | Spawned() | Ended():
            return None
        case _:
            assert_never(entry)


def arguments(values: dict[str, Any], shown: Callable[[str], str] = str) -> Content:
    """A call's arguments one after the other, texts as they are read; `shown` may shorten them."""
    lines: list[Content] = []
    for name, value in values.items():
        text = shown(value if isinstance(value, str) else _json(value))
        label = Content.styled(f"{one_line(name)}: ", "$foreground-muted")
        lines.append(Content.assemble(label, "\n" if "\n" in text else "", printable(text)))
    return Content("\n").join(lines) if lines else Content.styled("none", "$foreground-muted")


def plain(text: str) -> Content:
    return Content(printable(text.strip("\n")))


def bounded(text: str, most: int = _MOST) -> str:
    """At most so much as a person pages through; says how much is left out."""
    cut = min(most, len(text))
    if text.count("\n", 0, cut) > _LINES:
        cut = len("\n".join(text[:cut].split("\n", _LINES)[:_LINES]))
    if cut == len(text):
        return text
    return f"{text[:cut]}\n… {len(text) - cut:,} more characters: m2agent export shows them"


def marks(receipts: Sequence[Receipt]) -> str:
    return " ".join(f"[{receipt.kind} {receipt.id}]" for receipt in receipts)


def _step(step: Step) -> Content:
    mark, colour, words = _STATES[step.state]
    what = ""
    match step.state:
        case "ok" | "failed" if step.returned:
            first = step.returned.text.strip().partition("\n")[0]
            what = one_line(first, 120)
        case "declined" if isinstance(step.answer, Declined):
            what = one_line(step.answer.reason, 120)
        case _:
            pass
    if step.returned and step.returned.ok and step.returned.receipts:
        what = f"{one_line(marks(step.returned.receipts))} {what}".strip()
    said = Content.assemble(
        (f"  {words}" if words else "", colour), (f"  {what}" if what else "", "$foreground-muted")
    )
    return Content.assemble((f"{mark} ", colour), step.title, said)


def _of_step(step: Step) -> list[tuple[str, Content]]:
    called, decided, returned = step.called, step.decided, step.returned
    sections = [(f"{called.tool} ({called.id})", arguments(called.arguments, bounded))]
    if decided:
        rule = f" (rule: {decided.rule})" if decided.rule else ""
        sections.append(("Decision", plain(f"{decided.decision}: {decided.reason}{rule}")))
        if decided.preview:
            sections.append(("Content", plain(bounded(decided.preview))))
    match step.answer:
        case Approved(by=by):
            sections.append(("Answer", plain(f"yes, by {by}")))
        case Declined(by=by, reason=reason):
            sections.append(("Answer", plain(f"no, by {by}. {reason}".rstrip())))
        case None:
            pass
    if step.unsettled:
        sections.append(("Unsettled", plain(step.unsettled.how)))
    if step.settled:
        happened = "it happened" if step.settled.happened else "it did not happen"
        sections.append(("Settled", plain(f"{happened}. {step.settled.how}")))
    if returned:
        took = f", {returned.seconds:.1f} s" if returned.seconds else ""
        label = f"{'Result' if returned.ok else 'Failed'}{took}"
        sections.append((label, plain(bounded(returned.text))))
        if returned.receipts:
            sections.append(("Receipts", plain(marks(returned.receipts))))
        if returned.artifacts:
            sections.append(("Files", plain(", ".join(returned.artifacts))))
    return sections


def _sections(*sections: tuple[str, Content]) -> Content:
    blocks = [
        Content.assemble((printable(label), "bold"), "\n", text) for label, text in sections if text
    ]
    return Content("\n\n").join(blocks)


def _list(mark: str, colour: str, words: str, items: Sequence[Item]) -> Content:
    rows = [_marked(mark, colour, words, "")]
    for item in items:
        good = item.state in ("proven", "done")
        rows.append(
            Content.assemble(
                ("  ✓ " if good else "  ○ ", "$success" if good else "$warning"),
                one_line(item.text, 200),
                (f"  {one_line(item.state)}", "$foreground-muted"),
                (f", {one_line(item.proof, 200)}" if item.proof else "", "$foreground-muted"),
            )
        )
    return Content("\n").join(rows)


def _marked(mark: str, colour: str, words: str, text: str) -> Content:
    return Content.assemble((f"{mark} ", colour), (words, colour), text)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2)
