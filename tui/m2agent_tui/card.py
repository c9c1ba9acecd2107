"""A card that a person answers by keys, and never by accident.

Nothing counts in the first half second after it got the focus, and whatever is typed that is no
answer goes to the prompt as what it is: text.
"""

import time
from dataclasses import dataclass
from typing import ClassVar

from textual import events
from textual.containers import Vertical
from textual.message import Message

from m2agent.printable import printable

GRACE = 0.5
"""Seconds in which no key is an answer."""


class Card(Vertical, can_focus=True):
    """A question below the transcript; `KEYS` are the printable keys that answer it."""

    DEFAULT_CSS = """
    Card {
        height: auto;
        padding: 0 1;
        border: round $warning;
        border-title-color: $warning;

        &:blur {
            border: round $warning 40%;
        }

        Static {
            height: auto;
        }

        .long-text {
            height: 30vh;
            margin: 1 0;
            }

        .editing {
            height: 45vh;
            margin: 1 0;
            padding: 0 1;
            border: none;
            background: $surface;
        }

        .questions {
            text-wrap: nowrap;
            text-overflow: ellipsis;
        }

        .advice {
            color: $text-muted;
        }
    }
    """

    KEYS: ClassVar[frozenset[str]] = frozenset()

    @dataclass
    class Typed(Message):
        """The person typed this here, and did not mean an answer."""

        text: str

    def __init__(self) -> None:
        super().__init__(classes="card")
        self._ready = 0.0
        self._goes_on = False
        self._is_typed_at = False

    @property
    def is_ready(self) -> bool:
        """Whether a key can be an answer yet."""
        return time.monotonic() >= self._ready

    def go_on(self) -> None:
        """Take the focus back from a part of the card: the person is here already."""
        self._goes_on = True
        self.focus()

    def on_focus(self) -> None:
        if not self._goes_on:
            self._ready = time.monotonic() + GRACE
        self._goes_on = self._is_typed_at = False

    def on_key(self, event: events.Key) -> None:
        """What is no answer is typed, and so is the rest of it.

        The prompt gets the focus a moment later; the letters and the Enter that come before that
        belong to the text.
        """
        if not self.has_focus:
            return
        is_letter = event.character is not None and event.is_printable
        if is_letter and (not self.is_ready or event.key not in self.KEYS):
            self._is_typed_at = True
        if self._is_typed_at and (is_letter or event.key == "enter"):
            event.stop()
            event.prevent_default()
            if is_letter:
                self.post_message(self.Typed(event.character or ""))

    def on_paste(self, event: events.Paste) -> None:
        if self.has_focus:
            event.stop()
            self.post_message(self.Typed(printable(event.text)))

    def action_later(self) -> None:
        """Leave the question open."""
        raise NotImplementedError
