"""A run written down: as a report to read, or as its events."""

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen

from m2agent.errors import SetupError
from m2agent.events import Record
from m2agent.printable import printable
from m2agent_tui.long_text import LongText


def written(records: Sequence[Record], kind: str) -> tuple[Path, str]:
    """Write a run into a file of its own at home, which only its owner can read.

    `kind` is md for a report, jsonl for events. Raises SetupError where it cannot be written.
    """
    from m2agent.home import home, private
    from m2agent.journal.export import line, markdown

    file = private(home() / "exports") / f"{records[0].run}.{kind}"
    text = markdown(records) if kind == "md" else "".join(f"{line(r)}\n" for r in records)
    try:
        file.write_text(text, "utf-8")
        file.chmod(0o600)
    except OSError as error:
        raise SetupError(
            f"{file} cannot be written: {error.strerror}.", fix="Free some disk space, or try again"
        ) from error
    return file, text


class Reading(ModalScreen[None]):
    """A text to read; nothing in it can be chosen."""

    CSS_PATH = "reading.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,enter,q", "dismiss", "Back"),
        Binding("pageup", "page(-1)", "Read back", show=False),
        Binding("pagedown,space", "page(1)", "Read on", show=False),
        Binding("up", "move(-1)", "Up", show=False),
        Binding("down", "move(1)", "Down", show=False),
    ]

    def __init__(self, title: str, text: "str | Content") -> None:
        """A text that comes from outside is given as such, one of our own as `Content`."""
        super().__init__()
        self._title = title
        self._whole = Content(printable(text)) if isinstance(text, str) else text
        self._text = LongText()

    def compose(self) -> ComposeResult:
        with Vertical(classes="panel") as panel:
            panel.border_title = Content(self._title)
            panel.border_subtitle = Content("Space reads on · Esc back")
            yield self._text

    def on_mount(self) -> None:
        self._text.show(self._whole)

    def action_page(self, by: int) -> None:
        self._text.scroll_relative(y=by * max(1, self._text.size.height - 1), animate=False)

    def action_move(self, by: int) -> None:
        self._text.scroll_relative(y=by, animate=False)
