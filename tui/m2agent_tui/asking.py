"""A question that a line of text answers."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from m2agent.printable import printable
from m2agent_tui.prompt import TYPED


class Asking(ModalScreen["str | None"]):
    """Gives back what was typed, or None."""

    CSS_PATH = "chooser.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss", "Back")]

    def __init__(self, title: str, words: str, value: str = "", problem: str = "") -> None:
        super().__init__()
        self._title = title
        self._words = words
        self._problem = problem
        self._line = Input(value, restrict=TYPED)

    def compose(self) -> ComposeResult:
        with Vertical(classes="panel small") as panel:
            panel.border_title = Content(self._title)
            panel.border_subtitle = Content("Enter keeps it · Esc back")
            yield Static(printable(self._words), markup=False)
            yield self._line
            if self._problem:
                yield Static(printable(self._problem), markup=False, classes="wrong")

    def on_mount(self) -> None:
        self._line.focus()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        self.dismiss(event.value.strip())
