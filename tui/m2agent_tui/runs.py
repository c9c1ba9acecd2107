"""All runs to choose from: by words, by state, by id, the newest first."""

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from m2agent.printable import one_line
from m2agent_tui.prompt import TYPED

if TYPE_CHECKING:
    from m2agent.journal import RunInfo

_COLOURS = {"done": "$success", "failed": "$error", "running": "$accent"}
_AGES = ((86_400, "d"), (3_600, "h"), (60, "min"))


class Runs(ModalScreen[str]):
    """Gives back the id of the run that was chosen, or None."""

    CSS_PATH = "runs.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss", "Back"),
        Binding("up", "move('cursor_up')", "Up", show=False),
        Binding("down", "move('cursor_down')", "Down", show=False),
        Binding("pageup", "move('page_up')", "Page up", show=False),
        Binding("pagedown", "move('page_down')", "Page down", show=False),
    ]

    def __init__(self, runs: "Sequence[RunInfo]") -> None:
        super().__init__()
        self._runs = runs
        self._search = Input(
            placeholder="Search: words, a state such as waiting, or an id", restrict=TYPED
        )
        self._list = OptionList(markup=False, compact=True)
        self._list.can_focus = False
        self._none = Static("There is no such run.", markup=False, classes="none")

    def compose(self) -> ComposeResult:
        with Vertical(classes="panel") as panel:
            panel.border_title = Content("Runs")
            panel.border_subtitle = Content("Enter opens · Esc back")
            yield self._search
            yield self._list
            yield self._none

    def on_mount(self) -> None:
        self._search.focus()
        self._find("")

    def on_input_changed(self, event: Input.Changed) -> None:
        self._find(event.value)

    def on_input_submitted(self) -> None:
        self._list.action_select()

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(event.option.id)

    def action_move(self, how: str) -> None:
        getattr(self._list, f"action_{how}")()

    def _find(self, text: str) -> None:
        """List the runs that hold every word."""
        words = text.lower().split()
        found = [run for run in self._runs if all(word in _searched(run) for word in words)]
        self._list.clear_options()
        self._list.add_options(Option(_row(run), run.id) for run in found)
        self._list.highlighted = 0 if found else None
        self._none.display = not found


def _state(run: "RunInfo") -> str:
    """A run that nobody works on and nothing ended was cut off."""
    return "running" if run.running else run.status or "cut off"


def _searched(run: "RunInfo") -> str:
    return f"{run.id} {_state(run)} {run.task}".lower()


def _row(run: "RunInfo") -> Content:
    state = _state(run)
    return Content.assemble(
        (f"{state:<12}", _COLOURS.get(state, "$warning")),
        (f"{_age(time.time() - run.updated):>7}  {run.id}  ", "$foreground-muted"),
        one_line(run.task, 300),
    )


def _age(seconds: float) -> str:
    for size, unit in _AGES:
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return "now"
