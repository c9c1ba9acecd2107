"""Where the person types: Enter sends, Shift+Enter makes a new line, Up brings earlier texts."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import TextArea

from m2agent.printable import printable
from m2agent_tui.pasted import Pasted, is_long

if TYPE_CHECKING:
    from m2agent_tui.completing import Completions, Meant

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
        Binding("enter", "send", "Send", id="send"),
        Binding("shift+enter,ctrl+j,alt+enter", "newline", "New line", show=False, id="newline"),
        Binding("pageup", "screen.read(-1)", "Read back", show=False),
        Binding("pagedown", "screen.read(1)", "Read on", show=False),
    ]

    @dataclass
    class Sent(Message):
        """The person sent this text, which may be empty."""

        text: str

    def __init__(self, take_back: Callable[[], str]) -> None:
        """`take_back` gives back the last text that was sent and not heard yet, or nothing."""
        super().__init__(id="prompt", soft_wrap=True, compact=True, highlight_cursor_line=False)
        self._completions: Completions | None = None
        self.pasted = Pasted()
        self._take_back = take_back
        self._sent: list[str] = []
        self._place = 0

    @property
    def before(self) -> str:
        """The text up to the cursor, of its line."""
        row, column = self.cursor_location
        return self.document.get_line(row)[:column]

    def on_key(self, event: events.Key) -> None:
        """Send on Enter; a binding with priority would overtake letters typed just before."""
        offered = self._completions
        if offered and offered.display and self._choose(event.key, offered):
            event.stop()
            event.prevent_default()
        elif event.key == "enter":
            event.stop()
            event.prevent_default()
            self.action_send()

    @property
    def is_offering(self) -> bool:
        return bool(self._completions and self._completions.display)

    def offer(self, found: "Sequence[Meant]") -> None:
        """Show what may be meant by what is typed; nothing hides the list."""
        if found and self._completions is None:
            from m2agent_tui.completing import Completions

            self._completions = Completions()
            self.screen.mount(self._completions, before=self)
        if self._completions:
            self._completions.show(found)

    def _choose(self, key: str, offered: "Completions") -> bool:
        """Whether the key went to the completions."""
        chosen = offered.chosen
        match key:
            case "up":
                offered.action_cursor_up()
            case "down":
                offered.action_cursor_down()
            case "escape":
                offered.show([])
            case "tab" if chosen:
                self._complete(chosen.text, chosen.starts)
            case "enter" if chosen and self.text.strip() != chosen.text:
                self._complete(chosen.text, chosen.starts)
                if chosen.text.startswith("/"):
                    self.action_send()
            case _:
                return False
        return True

    def _complete(self, text: str, starts: int) -> None:
        row, column = self.cursor_location
        self.replace(printable(text).replace("\n", " ") + " ", (row, starts), (row, column))
        self.offer([])

    def on_paste(self, event: events.Paste) -> None:
        """Paste without what would steer the terminal: pasted text is often somebody else's."""
        event.stop()
        event.prevent_default()
        text = printable(event.text)
        self.insert(self.pasted.keep(text) if is_long(text) else text)

    def action_send(self) -> None:
        text = self.text.strip()
        if text:
            self._sent.append(text)
        self._place = len(self._sent)
        self.offer([])
        self.clear()
        self.post_message(self.Sent(text))

    def action_newline(self) -> None:
        self.insert("\n")

    def action_cursor_up(self, select: bool = False) -> None:
        if not self.text and (text := self._take_back()):
            self.fill(text)
        elif select or self.cursor_location[0] > 0 or not self._recall(-1):
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
