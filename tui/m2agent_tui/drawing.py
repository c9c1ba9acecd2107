"""Entries as text in colours: closed to a line, and open to everything there is to know.

Whatever comes from outside is made printable here, and goes into `Content` as plain text: nothing
of it is ever markup. Colours are the theme's; what they say is said in words as well.
"""

from collections.abc import Sequence
from typing import assert_never

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
    Said,
    Status,
)
from m2agent.printable import one_line, printable
from m2agent_tui.look import MOST, Block, bounded, faint, fields, plain
from m2agent_tui.proposal import proposal
from m2agent_tui.results import outcome, result
from m2agent_tui.story import Entry, Helper, State, Step, Story, Thinking

_STEPS = 60
_BAD = 6

_STATES: dict[State, tuple[str, str, str]] = {
    "written": ("○", "$foreground-muted", ""),
    "asking": ("?", "$warning", "needs your yes"),
    "running": ("●", "$accent", "running"),
    "doubtful": ("?", "$warning", "nobody knows whether it happened"),
    "declined": ("⊘", "$warning", "declined"),
    "failed": ("✗", "$error", "failed"),
    "ok": ("✓", "$success", ""),
}

_ITEMS = {
    "proven": ("✓", "$success"),
    "done": ("✓", "$success"),
    "undone": ("✓", "$success"),
    "doing": ("▸", "$accent"),
    "dropped": ("-", "$foreground-muted"),
    "open": ("○", "$foreground-muted"),
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
            return plain(bounded(text, 5 * MOST))
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
            return _plan(items)
        case Judged(met, items):
            return _verdict(met, items)
        case Compacted():
            return _marked("·", "$foreground-muted", "Earlier steps were folded into a summary", "")
        case Helper():
            return _helper(entry)
        case Ended(status, reason):
            words, colour = _ENDS[status]
            said = "" if status == "done" else f" {printable(reason)}"
            return _marked("■", colour, words, said)
        case _:
            assert_never(entry)


def details(entry: Entry) -> list[Block]:
    """What opening the entry shows; nothing if the line is all there is."""
    match entry:
        case Thinking(text):
            return [Block(plain(bounded(text)))]
        case Step():
            return _of_step(entry)
        case Broken(problem, raw):
            return [*_section("Problem", problem), *_section("Written", raw)]
        case Noted(text) | Compacted(summary=text):
            return [Block(plain(bounded(text)))]
        case Planned(items) | Judged(items=items):
            return [Block(items_of(items))]
        case Helper(spawned, story, reported):
            report = reported.text if reported else ""
            proof = marks(reported.receipts) if reported else ""
            blocks = [*_section("Task", spawned.task), Block(tree(story))]
            return [*blocks, *_section("Report", report), *_section("Receipts", proof)]
        case Asked() | Said() | Ended():
            return []
        case _:
            assert_never(entry)


def items_of(items: Sequence[Item]) -> Content:
    """A plan or a verdict, one item a line, with what is proven."""
    rows: list[Content] = []
    for item in items:
        mark, colour = _ITEMS.get(item.state, ("○", "$warning"))
        state = "" if item.state in _ITEMS else one_line(item.state)
        proof = one_line(item.proof, 200)
        said = ", ".join(filter(None, (state, proof)))
        rows.append(
            Content.assemble(
                (f"  {mark} ", colour),
                one_line(item.text, 200),
                (f"  {said}" if said else "", "$foreground-muted"),
            )
        )
    return Content("\n").join(rows)


def marks(receipts: Sequence[Receipt]) -> str:
    return " ".join(f"[{receipt.kind} {receipt.id}]" for receipt in receipts)


def _step(step: Step) -> Content:
    mark, colour, words = _STATES[step.state]
    what = ""
    if step.state in ("ok", "failed") and step.returned:
        what = outcome(step.called, step.returned)
    elif isinstance(step.answer, Declined):
        what = one_line(step.answer.reason, 120)
    said = Content.assemble(
        (f"  {words}" if words else "", colour), (f"  {what}" if what else "", "$foreground-muted")
    )
    return Content.assemble((f"{mark} ", colour), step.title, said)


def _of_step(step: Step) -> list[Block]:
    called, decided, returned = step.called, step.decided, step.returned
    is_shown_again = returned and returned.ok and called.tool == "shell_run"
    blocks = [] if is_shown_again else proposal(called.tool, called.arguments)
    if decided and decided.preview:
        blocks += _section("Content", decided.preview)
    if returned:
        blocks += result(called, returned)
    if step.unsettled:
        blocks += _section("Unsettled", step.unsettled.how)
    if step.settled:
        happened = "it happened" if step.settled.happened else "it did not happen"
        blocks += _section("Settled", f"{happened}. {step.settled.how}")
    return [*blocks, Block(_footnotes(step))]


def _footnotes(step: Step) -> Content:
    """Which step it is, why it was done, who said so, and the proof."""
    called, decided, returned = step.called, step.decided, step.returned
    took = f" · {returned.seconds:.1f} s" if returned and returned.seconds >= 0.05 else ""
    notes = [("Step", f"{called.id} {called.tool}{took}")]
    if decided:
        rule = f" (rule: {decided.rule})" if decided.rule else ""
        notes.append(("Decision", f"{decided.decision}: {decided.reason}{rule}"))
    if step.edited:
        notes.append(("Changed", f"by {step.edited.by}"))
    match step.answer:
        case Approved(by=by, always=always):
            notes.append(("Answer", f"yes, by {by}{f', always for this {always}' * bool(always)}"))
        case Declined(by=by, reason=reason, done=True):
            notes.append(("Answer", f"done by {by} themselves. {reason}".rstrip()))
        case Declined(by=by, reason=reason):
            notes.append(("Answer", f"no, by {by}. {reason}".rstrip()))
        case None:
            pass
    if returned:
        notes.append(("Receipts", marks(returned.receipts)))
        notes.append(("Files", ", ".join(returned.artifacts)))
    return fields(notes)


def _section(label: str, text: str) -> list[Block]:
    if not text.strip():
        return []
    return [Block(Content.assemble((label, "bold"), "\n", plain(bounded(text))))]


def helpers_of(helpers: Sequence[Helper]) -> Content:
    """Sub-agents, one a line, each with what it does now, and theirs below them."""
    rows: list[Content] = []
    for helper in helpers:
        rows.append(_helper(helper))
        if not helper.reported:
            steps = [entry for entry in helper.story.entries if isinstance(entry, Step)]
            rows += [Content("  ") + _step(step) for step in steps[-1:]]
        if below := helpers_of(list(helper.story.helpers.values())):
            rows += [Content("  ") + row for row in below.split("\n")]
    return Content("\n").join(rows)


def tree(story: Story) -> Content:
    """What a sub-agent did, step by step, and its own sub-agents below their steps."""
    rows: list[Content] = []
    steps = [entry for entry in story.entries if isinstance(entry, Step | Helper)]
    for entry in steps[-_STEPS:]:
        end = entry is steps[-1]
        rows.append(Content("└ " if end else "├ ") + line(entry))
        if isinstance(entry, Helper) and (below := tree(entry.story)):
            rows += [Content("  " if end else "│ ") + row for row in below.split("\n")]
    return Content("\n").join(rows)


def _helper(helper: Helper) -> Content:
    steps = len(helper.story.steps)
    did = f"  {steps} step{'s' * (steps != 1)}" if steps else ""
    end = helper.story.entries[-1] if helper.story.entries else None
    mark, colour = "◆", "$accent"
    if helper.reported:
        good = not isinstance(end, Ended) or end.status == "done"
        mark, colour = ("✓", "$success") if good else ("✗", "$warning")
    elif isinstance(end, Ended):
        mark, colour = "?", "$warning"
    return Content.assemble(
        (f"{mark} ", colour),
        ("Helper: ", colour),
        one_line(helper.spawned.task, 120),
        (did, "$foreground-muted"),
    )


def _plan(items: Sequence[Item]) -> Content:
    done = sum(item.state in ("done", "proven") for item in items)
    return _marked("◇", "$accent", f"Plan: {done} of {len(items)} done", "")


def _verdict(met: bool, items: Sequence[Item]) -> Content:
    """How many claims hold, and the first of those that do not."""
    undone = [item for item in items if item.state.endswith("undone")]
    good = [item for item in items if item.state in ("proven", "undone")]
    if undone:
        words = f"Taken back: {len(good)} of {len(items)}"
    else:
        count = f"{len(good)} of {len(items)} claims proven" if items else "no claims to prove"
        words = f"Checked: {count}"
    head = _marked("✓" if met else "✗", "$success" if met else "$warning", words, "")
    bad = [item for item in items if item not in good]
    if not bad:
        return head
    rows = [head, items_of(bad[:_BAD])]
    if len(bad) > _BAD:
        rows.append(faint(f"  … {len(bad) - _BAD} more"))
    return Content("\n").join(rows)


def _marked(mark: str, colour: str, words: str, text: str) -> Content:
    return Content.assemble((f"{mark} ", colour), (words, colour), text)
