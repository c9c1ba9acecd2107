"""The card on which a person says whether a step happened that nothing could find out about."""

import asyncio
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import Static

from m2agent.printable import printable
from m2agent_tui.card import Card


class Doubt(Card):
    """`answer` becomes whether it happened, or None for later."""

    KEYS = frozenset({"y", "n"})
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "mark(True)", "It happened"),
        Binding("n", "mark(False)", "It did not"),
        Binding("enter", "carry_out", "Go on"),
        Binding("escape", "later", "Decide later"),
    ]

    def __init__(self, title: str, how: str) -> None:
        super().__init__()
        self.answer: asyncio.Future[bool | None] = asyncio.Future()
        self._title = title
        self._how = how
        self._happened: bool | None = None
        self._advice = Static(markup=False, classes="advice")

    def compose(self) -> ComposeResult:
        self.border_title = Content("Did this happen?")
        words = Content.assemble(
            (self._title, "bold"),
            "\n",
            (printable(self._how), "$foreground-muted"),
            "\nIt was begun and then cut off. Please look, and say. What did not happen is done.",
        )
        yield Static(words, markup=False)
        yield self._advice

    def on_mount(self) -> None:
        self._draw()

    def action_mark(self, happened: bool) -> None:
        self._happened = happened
        self._draw()

    def action_carry_out(self) -> None:
        if self.is_ready and self._happened is not None:
            self._answer(self._happened)

    def action_later(self) -> None:
        self._answer(None)

    def _answer(self, happened: bool | None) -> None:
        if not self.answer.done():
            self.answer.set_result(happened)

    def _draw(self) -> None:
        match self._happened:
            case None:
                words = "y it happened · n it did not happen · Esc decide later"
            case True:
                words = "It happened. Enter: go on without doing it again · n changes it"
            case False:
                words = "It did not happen. Enter: do it now · y changes it"
        self._advice.update(words)
