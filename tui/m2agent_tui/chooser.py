"""A list to choose from by typing: what is typed narrows it, the arrows move, Enter chooses."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from m2agent_tui.prompt import TYPED


@dataclass(frozen=True)
class Choice:
    """One line; `words` is what it is found by."""

    id: str
    row: Content
    words: str


class Chooser(ModalScreen[str]):
    """Gives back the id of what was chosen, or None. `about` says more of the line one is at."""

    CSS_PATH = "chooser.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "choose", "Choose"),
        Binding("escape", "dismiss", "Back"),
        Binding("f1", "app.keys", "Keys", id="keys"),
        Binding("up", "move('cursor_up')", "Up", show=False),
        Binding("down", "move('cursor_down')", "Down", show=False),
        Binding("pageup", "move('page_up')", "Page up", show=False),
        Binding("pagedown", "move('page_down')", "Page down", show=False),
    ]

    def __init__(
        self,
        title: str,
        choices: Sequence[Choice],
        *,
        search: str = "Search",
        none: str = "There is nothing like it.",
        advice: str = "Enter chooses · Esc back",
        about: Callable[[str], Content] | None = None,
    ) -> None:
        super().__init__()
        self._title = title
        self._choices = choices
        self._advice = advice
        self._about = about
        self._search = Input(placeholder=search, restrict=TYPED)
        self._list = OptionList(markup=False, compact=True)
        self._list.can_focus = False
        self._none = Static(none, markup=False, classes="none")
        # Begins with its text: Textual 8.2 may keep the height of what is replaced too soon.
        first = about(choices[0].id) if about and choices else ""
        self._more = Static(first, markup=False, classes="about")

    def compose(self) -> ComposeResult:
        with Vertical(classes="panel") as panel:
            panel.border_title = Content(self._title)
            panel.border_subtitle = Content(self._advice)
            yield self._search
            yield self._list
            yield self._none
            yield self._more

    def on_mount(self) -> None:
        self._more.display = self._about is not None
        self._search.focus()
        self._find("")

    def on_input_changed(self, event: Input.Changed) -> None:
        self._find(event.value)

    def on_input_submitted(self) -> None:
        self._list.action_select()

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(event.option.id)

    def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        if self._about and event.option.id:
            self._more.update(self._about(event.option.id))

    def action_choose(self) -> None:
        self._list.action_select()

    def action_move(self, how: str) -> None:
        getattr(self._list, f"action_{how}")()

    def _find(self, text: str) -> None:
        """List what holds every word."""
        words = text.lower().split()
        found = [choice for choice in self._choices if all(word in choice.words for word in words)]
        self._list.clear_options()
        self._list.add_options(Option(choice.row, choice.id) for choice in found)
        self._list.highlighted = 0 if found else None
        self._list.display = bool(found)
        self._none.display = not found
        if not found:
            self._more.update("")
