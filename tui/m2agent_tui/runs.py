"""The runs to choose from: all of them by words, by state, by id; and those that wait."""

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from textual.content import Content

from m2agent.events import Turned
from m2agent.printable import one_line
from m2agent_tui.chooser import Choice, Chooser
from m2agent_tui.meter import short
from m2agent_tui.story import Step, Story

if TYPE_CHECKING:
    from textual.app import App

    from m2agent.journal import Journal, RunInfo

_COLOURS = {"done": "$success", "failed": "$error", "running": "$accent"}
_AGES = ((86_400, "d"), (3_600, "h"), (60, "min"))


class Runs(Chooser):
    """Gives back the id of a run."""

    def __init__(self, journal: "Journal") -> None:
        self._journal = journal
        self._runs = {run.id: run for run in journal.runs()}
        super().__init__(
            "Runs",
            [Choice(run.id, _row(run), _searched(run)) for run in self._runs.values()],
            search="Search: words, a state such as waiting, or an id",
            none="There is no such run.",
            advice="Enter opens · Esc back",
            about=self._cost,
        )

    def _cost(self, id: str) -> Content:
        """What was asked, in full, and what the run has cost."""
        run = self._runs[id]
        turns = [r.event for r in self._journal.read(id) if isinstance(r.event, Turned)]
        read, written = sum(t.evaluated for t in turns), sum(t.generated for t in turns)
        seconds = sum(t.prefill_seconds + t.decode_seconds for t in turns)
        cost = f"{len(turns)} turns · {short(read)} tokens read, {short(written)} written"
        cost += f" · the model worked {_span(seconds)}"
        when = time.strftime("%Y-%m-%d %H:%M", time.localtime(run.created))
        return Content.assemble(
            (one_line(run.task, 400), "$foreground"), f"\nBegun {when} · {cost}"
        )


class Waits(Chooser):
    """Everything that waits for the person, over all runs. Gives back the id of a run."""

    def __init__(self, journal: "Journal") -> None:
        choices: list[Choice] = []
        self._why: dict[str, Content] = {}
        for run in journal.runs():
            if run.status == "waiting" and not run.running:
                story = Story()
                for record in journal.read(run.id):
                    story.take(record.event)
                choices += self._of_run(run, story)
        super().__init__(
            "Waiting for you",
            choices,
            search="Search: words, or an id",
            none="Nothing waits for you.",
            advice="Enter opens the question · Esc back",
            about=self._why.__getitem__,
        )

    def _of_run(self, run: "RunInfo", story: Story) -> list[Choice]:
        waiting = [step for step in story.steps.values() if step.state in ("asking", "doubtful")]
        choices: list[Choice] = []
        for step in waiting:
            id = f"{run.id}/{step.called.id}"
            self._why[id] = _why(run, step)
            row = Content.assemble(
                (f"{age(run.updated):>7}  {run.id}  ", "$foreground-muted"), step.title
            )
            choices.append(Choice(id, row, f"{run.id} {step.title} {run.task}".lower()))
        return choices


def _why(run: "RunInfo", step: Step) -> Content:
    decided = step.decided.reason if step.decided else ""
    doubt = step.unsettled.how if step.unsettled and not step.settled else ""
    return Content.assemble(
        (one_line(run.task, 300), "$foreground"), "\n", one_line(doubt or decided, 300)
    )


async def said_before(app: "App[None]", journal: "Journal") -> str | None:
    """What the person chooses of the tasks of all runs."""
    from m2agent.loop.undo import ASKED

    tasks = (run.task for run in journal.runs())
    texts = list(dict.fromkeys(task for task in tasks if task and not task.startswith(ASKED)))
    choices = [
        Choice(str(place), Content(one_line(text, 300)), text.lower())
        for place, text in enumerate(texts)
    ]
    chosen = await app.push_screen_wait(Chooser("What you said before", choices))
    return texts[int(chosen)] if chosen else None


def state(run: "RunInfo") -> str:
    """A run that nobody works on and nothing ended was cut off."""
    return "running" if run.running else run.status or "cut off"


def waiting(runs: "Sequence[RunInfo]") -> int:
    """How many runs wait for the person."""
    return sum(run.status == "waiting" and not run.running for run in runs)


def age(since: float) -> str:
    """How long ago, in one word."""
    return _span(time.time() - since, "now")


def _span(seconds: float, less: str = "less than a minute") -> str:
    for size, unit in _AGES:
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return less


def _searched(run: "RunInfo") -> str:
    return f"{run.id} {state(run)} {run.task}".lower()


def _row(run: "RunInfo") -> Content:
    shown = state(run)
    return Content.assemble(
        (f"{shown:<12}", _COLOURS.get(shown, "$warning")),
        (f"{age(run.updated):>7}  {run.id}  ", "$foreground-muted"),
        one_line(run.task, 300),
    )
