"""One entry of a run on the screen: a line that opens to its details, or the words of somebody."""

from typing import ClassVar, assert_never

from textual import events
from textual.binding import Binding, BindingType
from textual.widget import Widget
from textual.widgets import Static

from m2agent.events import (
    Asked,
    Broken,
    Compacted,
    Ended,
    Judged,
    Noted,
    Planned,
    Said,
)
from m2agent.printable import printable
from m2agent_tui.details import Details, markdown
from m2agent_tui.drawing import details, line
from m2agent_tui.look import MOST
from m2agent_tui.story import Entry, Helper, Step, Thinking


class Line(Static, can_focus=True):
    """An entry that opens: its details stand below it as a widget of their own."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter,space", "open", "Open or close"),
        Binding("up,k", "move(-1)", "Up", show=False),
        Binding("down,j", "move(1)", "Down", show=False),
    ]

    def __init__(self, entry: Entry, classes: str) -> None:
        super().__init__(line(entry), markup=False, classes=classes)
        self.entry = entry
        self.details: Details | None = None

    def draw(self) -> None:
        """Show what has become of the entry."""
        self.update(line(self.entry))
        if self.details:
            self.details.show(details(self.entry))

    def action_open(self) -> None:
        assert isinstance(self.parent, Widget)
        if self.details:
            self.details.remove()
            self.details = None
        else:
            self.details = Details(details(self.entry))
            self.parent.release_anchor()
            self.parent.mount(self.details, after=self)
            self.call_after_refresh(self._bring_into_view, self.details)
        self.set_class(self.details is not None, "open")

    def _bring_into_view(self, details: Details) -> None:
        """As much of the details as there is room for, below their line."""
        details.scroll_visible(animate=False)
        self.scroll_visible(animate=False)

    def on_click(self, event: events.Click) -> None:
        event.stop()
        self.action_open()

    def action_move(self, by: int) -> None:
        """Focus the line before or after this one."""
        assert isinstance(self.parent, Widget)
        lines = list(self.parent.query_children(Line))
        place = lines.index(self) + by
        if 0 <= place < len(lines):
            lines[place].focus()


def widget(entry: Entry) -> Widget:
    """How an entry is shown."""
    match entry:
        case Asked():
            return Static(line(entry), markup=False, classes="asked")
        case Said():
            return _said(entry)
        case Thinking():
            return Line(entry, "thinking")
        case Step():
            return Line(entry, "step")
        case Judged(items=[] | ()):
            return Static(line(entry), markup=False, classes="note")
        case Broken() | Noted() | Planned() | Judged() | Compacted():
            return Line(entry, "note")
        case Helper():
            return Line(entry, "step")
        case Ended():
            return Static(line(entry), markup=False, classes="ended")
        case _:
            assert_never(entry)


def _said(entry: Said) -> Widget:
    if len(entry.text) > 5 * MOST:
        return Static(line(entry), markup=False, classes="said")
    return markdown(printable(entry.text), "said")
