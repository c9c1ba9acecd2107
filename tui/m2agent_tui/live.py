"""The turn that is being written: shown as it comes, in a few lines that never grow further.

Tokens are only collected as they come; they are drawn many at a time, and only the end of a long
text is laid out, so a second of 1,000 tokens costs no more than one of ten.
"""

import time
from dataclasses import dataclass, field

from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from m2agent.model import Token
from m2agent.printable import printable

_LINES = 8
_TAIL = 2_000
_DIM = "italic $foreground-muted"


@dataclass
class _Stretch:
    """Tokens of one kind that came without a break."""

    kind: str
    began: float
    pieces: list[str] = field(default_factory=list[str])
    seconds: float = 0.0

    def tail(self) -> str:
        """The end of the text, joined from as few pieces as it takes."""
        taken: list[str] = []
        length = 0
        for piece in reversed(self.pieces):
            taken.append(piece)
            length += len(piece)
            if length >= _TAIL:
                break
        return "".join(reversed(taken))


class Live(Static):
    """What the model writes right now."""

    def __init__(self) -> None:
        super().__init__(markup=False)
        self._stretches: list[_Stretch] = []
        self._is_drawn = True

    def write(self, token: Token) -> None:
        """Collect a token; `draw` shows it."""
        if not self._stretches or self._stretches[-1].kind != token.kind:
            now = time.monotonic()
            if self._stretches:
                last = self._stretches[-1]
                last.seconds = now - last.began
            self._stretches.append(_Stretch(token.kind, now))
        self._stretches[-1].pieces.append(token.text)
        self._is_drawn = False

    def done(self) -> float | None:
        """How long the oldest thought took that was not asked for yet."""
        for place, stretch in enumerate(self._stretches):
            if stretch.kind == "thought":
                del self._stretches[place]
                self._is_drawn = False
                return stretch.seconds or time.monotonic() - stretch.began
        return None

    def clear(self) -> None:
        if not self._stretches:
            return
        self._stretches.clear()
        self._is_drawn = False
        self.draw()

    def draw(self) -> None:
        """Show the end of what has been written."""
        if self._is_drawn:
            return
        self._is_drawn = True
        rows = self._rows()
        self.display = bool(rows)
        self.styles.height = len(rows)
        self.update(Content("\n").join(rows), layout=False)

    def _rows(self) -> list[Content]:
        assert isinstance(self.parent, Widget)
        width = self.parent.scrollable_content_region.width
        if not self._stretches or width < 4:
            return []
        *before, last = self._stretches
        rows = [
            Content.styled(f"Thought for {s.seconds:.0f} s", _DIM)
            for s in before[-2:]
            if s.kind == "thought"
        ]
        if last.kind == "call":
            return [*rows, Content.styled("Writing the next step…", _DIM)]
        return [*rows, *tail(last.tail(), width, _DIM if last.kind == "thought" else "")]


def tail(text: str, width: int, style: str = "") -> list[Content]:
    """The last rows of a text."""
    return Content.styled(printable(text.lstrip("\n")), style).wrap(width)[-_LINES:]
