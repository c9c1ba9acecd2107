"""What a run changed, and what of it can be taken back: looked at first, then done."""

import time
from collections.abc import Mapping, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import OptionList, Static

from m2agent.printable import one_line
from m2agent_tui.card import GRACE

if TYPE_CHECKING:
    from textual.app import App

    from m2agent.events import Event
    from m2agent.journal import Journal
    from m2agent.loop.undo import Way
    from m2agent_tui.desks import Desks


class TakingBack(ModalScreen["list[Way]"]):
    """Gives back the steps to take back, the newest first; None leaves all as it is."""

    CSS_PATH = "taking_back.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss", "Leave all as it is"),
        Binding("space", "tick", "Tick or untick", priority=True),
        Binding("enter", "take_back", "Take back", priority=True),
        Binding("f1", "app.keys", "Keys", id="keys"),
    ]

    def __init__(self, ways: "Sequence[Way]", titles: Mapping[str, str]) -> None:
        super().__init__()
        self._ways = ways
        self._titles = titles
        self._ready = time.monotonic() + GRACE
        self._ticked = {place for place, way in enumerate(ways) if not way.obstacle}
        self._list = OptionList(*map(self._row, range(len(ways))), markup=False, compact=True)
        self._advice = Static(markup=False, classes="advice")

    @property
    def is_ready(self) -> bool:
        """Whether Enter counts yet."""
        return time.monotonic() >= self._ready

    def compose(self) -> ComposeResult:
        with Vertical(classes="panel") as panel:
            panel.border_title = Content("Take back what this run did")
            yield self._list
            yield self._advice

    def on_mount(self) -> None:
        self._list.focus()
        self._list.highlighted = min(self._ticked, default=0)
        self._say()

    def action_tick(self) -> None:
        """Tick the step, or leave it as it is; what cannot be taken back has no tick."""
        place = self._list.highlighted
        if place is not None and not self._ways[place].obstacle:
            self._ticked ^= {place}
            self._list.replace_option_prompt_at_index(place, self._row(place))
            self._say()

    def action_take_back(self) -> None:
        chosen = [way for place, way in enumerate(self._ways) if place in self._ticked]
        if chosen and self.is_ready:
            self.dismiss(chosen)

    def _say(self) -> None:
        count, stays = len(self._ticked), sum(bool(way.obstacle) for way in self._ways)
        what = f"Enter takes back {count}" if count else "Nothing is ticked"
        left = f" · {stays} cannot be taken back" if stays else ""
        self._advice.update(
            f"{what}{left} · Space ticks · Esc leaves all as it is\n"
            "What others changed since is looked at first, and left alone."
        )

    def _row(self, place: int) -> Content:
        way = self._ways[place]
        title = self._titles.get(way.name, way.called.tool)
        if way.obstacle:
            why = f"  {one_line(way.obstacle, 120)}"
            return Content.assemble(("stays ", "$warning"), title, (why, "$foreground-muted"))
        tick = ("[x]   ", "bold $success") if place in self._ticked else ("[ ]   ", "$warning")
        return Content.assemble(tick, title, ("  is done again" if way.again else "", "$warning"))


async def take_back(
    app: "App[None]", desks: "Desks", journal: "Journal", run_id: str, titles: Mapping[str, str]
) -> str | None:
    """Take back what is left ticked, as a run of its own; returns its id.

    Raises UsageError where nothing was changed, RunBusy where somebody works on the run, and
    SetupError where an account cannot be opened.
    """
    from m2agent.desk import setup_of
    from m2agent.loop.undo import undo, ways_back

    records = journal.read(run_id)
    setup = setup_of(records, (await desks.start()).setup)
    async with desks.tools(setup) as toolbox:
        held = journal.open(run_id)  # nobody goes on with it meanwhile
        try:
            ways = ways_back(held.events, toolbox, read=lambda run: _history(journal, run))
            chosen = await app.push_screen_wait(TakingBack(ways, titles))
            if not chosen:
                return None
            run = journal.create()
            walk = undo(run, chosen, run_id, toolbox, setup.work, setup.accounts, titles)
            try:
                async with aclosing(walk) as done:
                    async for _ in done:
                        pass
            finally:
                run.close()
        finally:
            held.close()
    return run.id


def _history(journal: "Journal", run: str) -> "list[Event]":
    return [record.event for record in journal.read(run)]
