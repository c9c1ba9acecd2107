"""The line that says what is going on."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from textual.content import Content
from textual.widgets import Static

if TYPE_CHECKING:
    from m2agent_tui.meter import Meter

_COLOURS = {"idle": "$foreground-muted", "waiting": "$warning", "stopping": "$warning"}


class StatusLine(Static):
    """Draws a meter on one line."""

    def __init__(self, beside: Callable[[], str]) -> None:
        """`beside` says what goes on elsewhere."""
        super().__init__("● starting", markup=False, id="status")
        self._beside = beside
        self._meter: Meter | None = None
        self._shown = Content()

    @property
    def meter(self) -> "Meter":
        """Made when it is first needed, which is after the first paint."""
        if self._meter is None:
            from m2agent_tui.meter import Meter

            self._meter = Meter()
        return self._meter

    def on_resize(self) -> None:
        self.draw()

    def draw(self) -> None:
        if self._meter is None:
            return
        mode, *rest = self._meter.words(self.content_size.width, self._beside())
        colour = _COLOURS.get(self._meter.mode, "$accent")
        said = Content.assemble(("● ", colour), (mode, f"bold {colour}"))
        shown = Content(" · ").join([said, *rest])
        if not shown.is_same(self._shown):
            self._shown = shown
            self.update(shown, layout=False)
