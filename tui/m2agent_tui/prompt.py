"""Where the person types: Enter sends, Shift+Enter makes a new line, Up brings earlier texts."""

from dataclasses import dataclass, replace
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import TextArea

from m2agent.printable import printable

TYPED = r"[^\x00-\x1f\x7f-\x9f]*"
"""What fields of one line take: nothing that could steer the terminal."""


class Prompt(TextArea):
    """A text of one or more lines, with those that were sent before.

    The keys that edit are the usual ones, and F1 keeps quiet about them.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        *(
            replace(binding, system=True)
            for binding in TextArea.BINDINGS
            if isinstance(binding, Binding) and not binding.key.startswith("page")
        ),
        Binding("enter", "send", "Send"),
        Binding("shift+enter,ctrl+j,alt+enter", "newline", "New line", show=False),
        Binding("pageup", "screen.read(-1)", "Read back", show=False),
        Binding("pagedown", "screen.read(1)", "Read on", show=False),
    ]

    @dataclass
    class Sent(Message):
        """The person sent this text, which may be empty."""

        text: str

    def __init__(self) -> None:
        super().__init__(id="prompt", soft_wrap=True, compact=True, highlight_cursor_line=False)
        self._sent: list[str] = []
        self._place = 0

    def on_key(self, event: events.Key) -> None:
        """Send on Enter; a binding with priority would overtake letters typed just before."""
        if event.key == "enter":
            event.stop()
            event.prevent_default()
            self.action_send()

    def on_paste(self, event: events.Paste) -> None:
        """Paste without what would steer the terminal: pasted text is often somebody else's."""
        event.stop()
        event.prevent_default()
        self.insert(printable(event.text))

    def action_send(self) -> None:
        text = self.text.strip()
        if text:
            self._sent.append(text)
        self._place = len(self._sent)
        self.clear()
        self.post_message(self.Sent(text))

    def action_newline(self) -> None:
        self.insert("\n")

    def action_cursor_up(self, select: bool = False) -> None:
        if select or self.cursor_location[0] > 0 or not self._recall(-1):
            super().action_cursor_up(select)

    def action_cursor_down(self, select: bool = False) -> None:
        last = self.document.line_count - 1
        if select or self.cursor_location[0] < last or not self._recall(1):
            super().action_cursor_down(select)

    def _recall(self, by: int) -> bool:
        """Put an earlier or later text here; False where an unsent one would be lost."""
        place = self._place + by
        current = self._sent[self._place] if self._place < len(self._sent) else ""
        if self.text != current or not 0 <= place <= len(self._sent):
            return False
        self._place = place
        self.fill(self._sent[place] if place < len(self._sent) else "")
        return True

    def fill(self, text: str) -> None:
        """Put a text here with the cursor after it."""
        self.text = printable(text)
        self.move_cursor(self.document.end)
