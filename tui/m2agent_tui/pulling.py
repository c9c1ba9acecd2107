"""A model on its way to this machine."""

import time
from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import ProgressBar, Static

from m2agent.errors import M2Error
from m2agent_tui.means import Means
from m2agent_tui.problem import sentence


class _BrokenOffError(Exception):
    """The person wants it no longer."""


class Pulling(ModalScreen[bool]):
    """Gives back whether the model is here. Breaking it off keeps what has come."""

    CSS_PATH = "chooser.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "break_off", "Break off")]

    def __init__(self, means: Means, name: str) -> None:
        super().__init__()
        self._means = means
        self._name = name
        self._bar = ProgressBar(show_eta=True)
        self._words = Static("Asking for it…", markup=False)
        self._began = time.monotonic()
        self._shown = 0.0
        self._broken_off = False

    def compose(self) -> ComposeResult:
        with Vertical(classes="panel small") as panel:
            panel.border_title = Content(f"Fetching {self._name}")
            panel.border_subtitle = Content("Esc breaks off; what has come is kept")
            yield self._words
            yield self._bar

    def on_mount(self) -> None:
        self._fetch()

    @work(thread=True, exit_on_error=False)
    def _fetch(self) -> None:
        def progress(done: int, total: int) -> None:
            if self._broken_off:
                raise _BrokenOffError
            now = time.monotonic()
            if now - self._shown >= 0.2 or done == total:
                self._shown = now
                self.call_later(self._show, done, total)

        try:
            self._means.pull(self._name, progress)
        except _BrokenOffError:
            return
        except M2Error as error:
            self.call_later(self._fail, sentence(error))
            return
        self.call_later(self._arrive)

    def _show(self, done: int, total: int) -> None:
        rate = done / max(0.1, time.monotonic() - self._began)
        self._bar.update(total=total, progress=done)
        self._words.update(
            "All of it has come. It is looked through and made ready…"
            if done >= total
            else f"{done / 1e6:,.0f} of {total / 1e6:,.0f} MB, {rate / 1e6:.1f} MB a second"
        )

    def _arrive(self) -> None:
        if not self._broken_off:
            self.dismiss(True)

    def _fail(self, words: str) -> None:
        self._bar.display = False
        self._words.update(f"{words}\nWhat has come is kept. Esc goes back.")

    def action_break_off(self) -> None:
        self._broken_off = True
        self.dismiss(False)
