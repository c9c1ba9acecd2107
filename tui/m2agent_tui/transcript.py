"""The run as it scrolls by: only a window of it is made of widgets, however long it is."""

from collections.abc import Sequence

from textual import events
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from m2agent.events import Asked, Event, Thought, Turned
from m2agent.model import Token
from m2agent_tui.lines import Line, widget
from m2agent_tui.live import Live
from m2agent_tui.story import Entry, Story

_PAGE = 40
_MOST = 2 * _PAGE


class Transcript(VerticalScroll, can_focus=False):
    """A run's entries, the turn that is being written, and a window over both.

    The window stays at the end while the end is in view; a person who scrolled up stays where
    they are, and pages are put in and taken out as they go.
    """

    DEFAULT_CSS = """
    Transcript {
        height: 1fr;
        padding: 0 1;

        Static, Markdown {
            height: auto;
        }

        .asked {
            margin: 1 0;
            padding: 0 1;
            border-left: thick $primary;
            background: $boost;
        }

        .said {
            margin: 1 0 0 0;
            padding: 0;
        }

        MarkdownHeader {
            margin: 1 0;
            content-align: left middle;
        }

        .thinking {
            color: $text-muted;
        }

        Line {
            text-wrap: nowrap;
            text-overflow: ellipsis;
            pointer: pointer;
        }

        Line:focus {
            background: $boost;
            text-style: bold;
        }

        .details {
            height: auto;
            margin: 0 0 1 1;
            padding: 0 1;
            border-left: solid $primary-muted;
        }

        .plain, .page, .terminal {
            margin: 0 0 1 0;
            padding: 0;
        }

        .plain:last-of-type {
            margin: 0;
        }

        .page {
            padding: 0 0 0 1;
            border-left: wide $surface-lighten-2;
        }

        .terminal {
            padding: 0 1;
            background: $surface-darken-1;
            color: $foreground;
        }

        .note, .more {
            color: $text-muted;
        }

        .ended {
            margin: 1 0;
        }

    }
    """

    def __init__(self) -> None:
        super().__init__(id="transcript")
        self.story = Story()
        self._shown: list[Widget] = []
        self._first = 0
        self._live = Live()
        self._earlier = Static(markup=False, classes="more")
        self._later = Static(markup=False, classes="more")
        self._turning = False
        self._expected: Static | None = None

    def compose(self) -> ComposeResult:
        self._earlier.display = self._later.display = False
        yield self._earlier
        yield self._later
        yield self._live

    def watch_virtual_size(self) -> None:
        self._hold_on()

    def on_resize(self) -> None:
        self._hold_on()

    def _hold_on(self) -> None:
        """Keep the end in view once there is more than fits; before, all of it stays at the top."""
        overflows = self.virtual_size.height > self.container_size.height > 0
        if overflows != self.is_anchored:
            self.anchor(overflows)
            if not overflows:
                self.scroll_y = 0

    @property
    def _last(self) -> int:
        return self._first + len(self._shown)

    @property
    def _is_at_end(self) -> bool:
        return self.scroll_y >= self.max_scroll_y

    def take(self, happened: Sequence[Event]) -> None:
        """Add events and show them, unless the person is reading further up."""
        if not happened:
            return
        whole = self._last == len(self.story.entries)
        at_end = self._is_at_end
        changed: list[Entry] = []
        if any(isinstance(event, Asked) for event in happened):
            self.stop_expecting()
        for event in happened:
            seconds = self._live.done() if isinstance(event, Thought) else None
            if entry := self.story.take(event, seconds):
                changed.append(entry)
        if any(isinstance(event, Turned) for event in happened):
            self._live.clear()
        self._draw(changed)
        count = len(self.story.entries)
        if whole and at_end:
            pages = -(-(count - _MOST) // _PAGE)  # the same however many came at once
            self._show(max(self._first, pages * _PAGE), count)
        elif whole and count - self._first <= 2 * _MOST:
            self._show(self._first, count)
        else:
            self._show(self._first, self._last)

    def take_of_helper(self, run: str, event: Event) -> None:
        """Show what happened in the run of a sub-agent on that one's line."""
        self._draw([entry] if (entry := self.story.take_of_helper(run, event)) else [])

    def _draw(self, changed: Sequence[Entry]) -> None:
        for shown in self._shown:
            if isinstance(shown, Line) and any(shown.entry is entry for entry in changed):
                shown.draw()

    def write(self, token: Token) -> None:
        self._live.write(token)

    def draw(self) -> None:
        """Show the tokens that came since the last time."""
        self._live.draw()

    def stop_writing(self) -> None:
        """Forget a turn that will not be finished."""
        self._live.clear()

    def expect(self, text: str) -> None:
        """Show what was asked until it is in the run; nothing takes it away again."""
        self.stop_expecting()
        if text:
            self._expected = Static(Content(text), markup=False, classes="asked")
            self.mount(self._expected, before=self._live)

    def stop_expecting(self) -> None:
        if self._expected:
            self._expected.remove()
            self._expected = None

    def say(self, text: str, classes: str) -> None:
        """Put a word of the program's own below everything."""
        self.mount(Static(Content(text), markup=False, classes=classes), before=self._live)

    def go_to_beginning(self) -> None:
        self._turning = True
        self.scroll_home(animate=False, immediate=True)  # first, or the end is held on to
        self._show(0, min(_PAGE, len(self.story.entries)))
        self.call_after_refresh(setattr, self, "_turning", False)

    def go_to_end(self) -> None:
        count = len(self.story.entries)
        self._show(max(0, -(-(count - _MOST) // _PAGE) * _PAGE), count)
        self.scroll_end(animate=False)

    def focus_last(self) -> bool:
        """Focus the newest line that opens; False if there is none."""
        for shown in reversed(self._shown):
            if isinstance(shown, Line):
                shown.focus()
                return True
        return False

    def _show(self, first: int, last: int) -> None:
        """Move the window to these entries; what stays in view keeps its widgets."""
        keep = range(max(first, self._first), min(last, self._last))
        if not keep:
            keep = range(first, first)
        kept = self._shown[keep.start - self._first : keep.stop - self._first] if keep else []
        gone = [shown for shown in self._shown if shown not in kept]
        gone += [shown.details for shown in gone if isinstance(shown, Line) and shown.details]
        self.remove_children(gone)
        before = [widget(entry) for entry in self.story.entries[first : keep.start]]
        after = [widget(entry) for entry in self.story.entries[keep.stop : last]]
        if before:
            self.mount_all(before, after=self._earlier)
        if after:
            self.mount_all(after, before=self._later)
        self._first, self._shown = first, [*before, *kept, *after]
        left = len(self.story.entries) - last
        self._count(self._earlier, first, "earlier (PgUp)")
        self._count(self._later, left, "more below (Ctrl+End)")

    def _count(self, place: Static, count: int, where: str) -> None:
        place.display = count > 0
        place.update(f"{count:,} {where}")

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        if not self._turning and self._shown and new_value != old_value:
            if new_value <= 0 and self._first > 0:
                self._turning = True
                self.call_later(self._turn, -1)
            elif self._last < len(self.story.entries) and self._is_at_end:
                self._turning = True
                self.call_later(self._turn, 1)

    def _turn(self, by: int) -> None:
        """Bring in a page before or after the window, and keep what was in view in view."""
        count = len(self.story.entries)
        self.release_anchor()
        if by < 0:
            seen, first = self._shown[0], max(0, self._first - _PAGE)
            self._show(first, min(self._last, first + 2 * _MOST))
        else:
            seen, last = self._shown[-1], min(count, self._last + _PAGE)
            self._show(max(self._first, last - 2 * _MOST), last)

        def settle() -> None:
            self.scroll_to_widget(seen, animate=False, top=by < 0, force=True)
            self._turning = False

        self.call_after_refresh(settle)

    def on_click(self, event: events.Click) -> None:
        if event.widget is self._earlier:
            self._turn(-1)
        elif event.widget is self._later:
            self.go_to_end()
