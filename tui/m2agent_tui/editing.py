"""A text that a person changes: in a field of the card, or in an editor of their own."""

import os
import shlex
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, cast

from textual.app import SuspendNotSupported
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import TextArea

from m2agent.printable import printable

if TYPE_CHECKING:
    from textual.app import App


class Editing(TextArea):
    """A field of several lines; Ctrl+S keeps what is in it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+s", "keep", "Keep", id="keep"),
    ]

    @dataclass
    class Kept(Message):
        text: str

    def __init__(self) -> None:
        super().__init__(classes="editing", soft_wrap=True, compact=True)

    def open(self, text: str) -> None:
        """Begin with this text; of a letter, below its head."""
        self.text = printable(text)
        head, gap, _ = self.text.partition("\n\n")
        if gap and all(": " in row for row in head.split("\n")):
            self.move_cursor((head.count("\n") + 2, 0))
        self.focus()

    def action_keep(self) -> None:
        self.post_message(self.Kept(self.text))


def in_editor(app: "App[Any]", text: str) -> str | None:
    """The text as it comes out of $VISUAL or $EDITOR; None where there is none to be had."""
    editor = os.environ.get("VISUAL") or os.environ.get("EDITOR")
    if not editor:
        return None
    handle, name = tempfile.mkstemp(suffix=".txt", prefix="m2agent-")
    file = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as written:
            written.write(text)
        with cast("App[None]", app).suspend():
            done = subprocess.run([*shlex.split(editor), name], check=False)
        return file.read_text("utf-8") if done.returncode == 0 else text
    except (OSError, ValueError, SuspendNotSupported):
        return None
    finally:
        file.unlink(missing_ok=True)
