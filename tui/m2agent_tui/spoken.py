"""What happened, as a sentence to be read aloud: words where the screen has signs and colours."""

from m2agent.events import (
    Asked,
    Called,
    Decided,
    Ended,
    Event,
    Judged,
    Noted,
    Planned,
    Reported,
    Returned,
    Said,
    Spawned,
    Thought,
)
from m2agent.printable import one_line, printable
from m2agent_tui.results import outcome
from m2agent_tui.story import Entry, Step


def spoken(event: Event, entry: Entry | None) -> str:
    """The sentence, or nothing where a person needs none. `entry` is what the event belongs to."""
    match event, entry:
        case Asked(text), _:
            return f"You: {printable(text)}"
        case Thought(text), _ if text.strip():
            return f"Thought for {len(text.split())} words."
        case Said(text), _ if text.strip():
            return f"m2agent says: {printable(text.strip())}"
        case Called(), Step(title=title):
            return f"Step: {title}"
        case Decided(decision="ask"), Step(title=title):
            return f"This needs your yes: {title}"
        case Decided(decision="deny", reason=reason), Step(title=title):
            return f"Not allowed: {title}. {printable(reason)}"
        case Returned(ok=ok), Step(called=called, title=title):
            came = outcome(called, event)
            return f"{'Done' if ok else 'Failed'}: {title}. {came}".rstrip(". ") + "."
        case Planned(items), _:
            rows = [f"{item.state}: {one_line(item.text, 200)}" for item in items]
            return "The plan. " + "; ".join(map(printable, rows)) + "."
        case Judged(met, items), _:
            open_ = [one_line(item.text, 200) for item in items if item.state != "proven"]
            said = "Checked: all is proven." if met else "Checked: not proven yet."
            return " ".join([said, *open_])
        case Spawned(task=task), _:
            return f"A helper began: {one_line(task, 300)}"
        case Reported(text=text), _:
            return f"A helper reported: {one_line(text, 300)}"
        case Noted(text), _:
            return f"Told to the model: {one_line(text, 300)}"
        case Ended(status, reason), _:
            return f"Ended: {status}. {printable(reason)}"
        case _:
            return ""
