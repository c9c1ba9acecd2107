"""The line that says what is going on."""

from typing import TYPE_CHECKING

from textual.content import Content
from textual.widgets import Static

from m2agent_tui.meter import Meter

if TYPE_CHECKING:
    from textual import events

_COLOURS = {"idle": "$foreground-muted", "waiting": "$warning", "stopping": "$warning"}


class StatusLine(Static):
    """Draws a meter on one line."""

    def __init__(self) -> None:
        super().__init__(markup=False, id="status")
        self.meter = Meter()
        self._shown = Content()

    def on_resize(self, event: "events.Resize") -> None:
        self.draw()

    def draw(self) -> None:
        mode, *rest = self.meter.words(self.content_size.width)
        colour = _COLOURS.get(self.meter.mode, "$accent")
        said = Content.assemble(("● ", colour), (mode, f"bold {colour}"))
        shown = Content(" · ").join([said, *rest])
        if not shown.is_same(self._shown):
            self._shown = shown
            self.update(shown, layout=False)
