"""The plan of a run as text, which a person changes while the model works on."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from m2agent.events import Planned
from m2agent.loop.plan import as_text, from_text
from m2agent_tui.editing import Editing
from m2agent_tui.person import person

_HELP = (
    "A line an item: [open], [doing], [done] or [dropped], then what is to be done. A line that "
    "begins with note: is what the model must not forget."
)


class Planning(ModalScreen["Planned | None"]):
    """Gives back the plan as the person left it, or None if they changed nothing."""

    CSS_PATH = "chooser.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss", "Back")]

    def __init__(self, plan: Planned) -> None:
        super().__init__()
        self._plan = plan
        self._text = Editing()

    def compose(self) -> ComposeResult:
        with Vertical(classes="panel") as panel:
            panel.border_title = Content("The plan")
            panel.border_subtitle = Content("Ctrl+S keeps it · Esc back")
            yield Static(_HELP, markup=False)
            yield self._text

    def on_mount(self) -> None:
        self._text.open(as_text(self._plan))

    def on_editing_kept(self, event: Editing.Kept) -> None:
        plan = from_text(event.text, person())
        same = (plan.items, plan.notes) == (self._plan.items, self._plan.notes)
        self.dismiss(None if same else plan)
