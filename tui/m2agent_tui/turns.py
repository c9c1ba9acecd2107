"""The turns of a run to choose from: where to take another way."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from textual.content import Content

from m2agent.events import Asked, Called, Event, Said, Thought, Turned
from m2agent.printable import one_line
from m2agent_tui.chooser import Choice, Chooser
from m2agent_tui.describe import Names, title

if TYPE_CHECKING:
    from textual.app import App

    from m2agent.journal import Journal


class Turns(Chooser):
    """Gives back the number of a turn, the last that is kept: "0" keeps only what was asked."""

    def __init__(self, history: Sequence[Event]) -> None:
        super().__init__(
            "Take another way after",
            list(reversed(_choices(history))),
            search="Search a turn",
            none="There is no such turn.",
            advice="Enter begins a new run there; this one stays as it is · Esc back",
        )


async def branch(app: "App[None]", journal: "Journal", run_id: str) -> str | None:
    """Begin a new run after the turn that is chosen; returns its id. Raises UsageError."""
    from m2agent.journal.fork import forked

    history = [record.event for record in journal.read(run_id)]
    turn = await app.push_screen_wait(Turns(history))
    if not turn:
        return None
    events = forked(history, int(turn))
    run = journal.create()
    run.add(*events)
    run.close()
    return run.id


def _choices(history: Sequence[Event]) -> list[Choice]:
    """What was asked, and each turn by what it did."""
    choices = [_choice(0, "", next((e.text for e in history if isinstance(e, Asked)), ""))]
    said: list[str] = []
    names = Names()
    number = 0
    for event in history:
        match event:
            case Called(tool=tool, arguments=arguments):
                said.append(title(tool, arguments, names))
            case Said(text) if text.strip():
                said.append(one_line(text))
            case Thought(text) if not said:
                said.append(one_line(text))
            case Asked(text) if number:
                choices.append(_choice(number, "you said ", text))
            case Turned():
                number += 1
                known = said[1:] if len(said) > 1 else said
                choices.append(_choice(number, "", " · ".join(known)))
                said = []
            case _:
                names.learn(getattr(event, "data", None))
    return choices


def _choice(number: int, how: str, what: str) -> Choice:
    shown = one_line(what, 300)
    row = Content.assemble((f"{number:>4}  ", "$foreground-muted"), (how, "$accent"), shown)
    return Choice(str(number), row, f"{number} {how}{shown}".lower())
