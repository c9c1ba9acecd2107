"""The panel at the side: the plan and what of it is proven, helpers, the engine, what is open."""

from collections.abc import Mapping, Sequence

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from m2agent.printable import one_line
from m2agent_tui.drawing import helpers_of, items_of
from m2agent_tui.look import faint
from m2agent_tui.meter import Meter, known_as, short
from m2agent_tui.story import Story

_BAR = 24


class Side(VerticalScroll, can_focus=False):
    """Draws again only what has changed."""

    DEFAULT_CSS = """
    Side {
        dock: right;
        width: 40;
        max-width: 50%;
        height: 1fr;
        padding: 0 1;
        border-left: solid $primary-muted;

        .part {
            height: auto;
            margin: 0 0 1 0;
        }
    }
    """

    def __init__(self) -> None:
        super().__init__(id="side")
        self._about: Mapping[str, str] = {}
        self._parts = {
            name: Static(markup=False, classes="part")
            for name in ("Plan", "Helpers", "Engine", "Open")
        }
        self._shown: dict[str, Content] = {}

    def compose(self) -> ComposeResult:
        yield from self._parts.values()

    def tell(self, about: Mapping[str, str]) -> None:
        """What each account, and the model, says of itself."""
        self._about = about

    def draw(self, story: Story, meter: Meter, queued: Sequence[str]) -> None:
        if not self.display:
            return
        self._part("Plan", _plan(story))
        self._part("Helpers", helpers_of(list(story.helpers.values())))
        self._part("Engine", _engine(meter, self._about.get("", ""), queued))
        rows = [
            Content.assemble((f"{one_line(name)}: ", "$foreground-muted"), one_line(words, 200))
            for name, words in self._about.items()
            if name
        ]
        self._part("Open", Content("\n").join(rows))

    def _part(self, name: str, text: Content) -> None:
        part = self._parts[name]
        shown = Content.assemble((f"{name}\n", "bold $primary"), text) if text else Content()
        part.display = bool(text)
        if name not in self._shown or not shown.is_same(self._shown[name]):
            self._shown[name] = shown
            part.update(shown)


def _plan(story: Story) -> Content:
    if story.plan is None:
        return Content()
    return items_of(story.plan.items)


def _engine(meter: Meter, about: str, queued: Sequence[str]) -> Content:
    """What is fast, what is slow, and what comes next, in figures."""
    rows = [Content(known_as(meter.model))] if meter.model else []
    if about:
        rows.append(faint(one_line(about, 200)))
    if meter.left and meter.mode in ("queueing", "reading"):
        rows.append(Content.assemble((f"{meter.mode} ", "$accent"), meter.left))
    if meter.speed:
        rows.append(Content(f"{meter.speed:.0f} tokens/s written"))
    if meter.reading_speed:
        rows.append(Content(f"{meter.reading_speed:,.0f} tokens/s read"))
    if meter.context_used:
        size = meter.context_size
        share = meter.context_used / size if size else 0.0
        of = f" of {short(size)}" if size else ""
        rows.append(Content(f"context {short(meter.context_used)}{of}"))
        if size:
            full = min(_BAR, round(share * _BAR))
            colour = "$warning" if share > 0.8 else "$success"
            rows.append(Content.assemble(("━" * full, colour), ("─" * (_BAR - full), "$surface")))
    if meter.evaluated or meter.reused:
        kept = meter.reused / (meter.evaluated + meter.reused)
        rows.append(Content(f"read {short(meter.evaluated)}, {kept:.0%} reused"))
    if meter.read_again:
        words = f"! {short(meter.read_again)} tokens were read a second time"
        rows.append(Content.styled(words, "$warning"))
    if queued:
        rows.append(Content.styled("next: what you said", "$accent"))
    return Content("\n").join(rows)
