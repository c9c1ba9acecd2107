"""A text of any length to read in full: only what has been scrolled to is laid out."""

from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

_CHUNK = 16_000


class LongText(VerticalScroll, can_focus=False):
    """A scrolling text; more of it is put in as the end of what is there comes near."""

    def __init__(self) -> None:
        super().__init__(classes="long-text")
        self._left = Content()

    def show(self, text: Content) -> None:
        """Show another text from its beginning."""
        self.remove_children()
        self._left = text
        self._more()
        self.scroll_home(animate=False)

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        if self.max_scroll_y - new_value < self.size.height:
            self._more()

    def _more(self) -> None:
        if not self._left:
            return
        cut = len(self._left)
        if cut > _CHUNK:
            line_end = self._left.plain.rfind("\n", 0, _CHUNK) + 1
            cut = line_end or _CHUNK
        self.mount(Static(self._left[:cut], markup=False))
        self._left = self._left[cut:]
