"""One run on the screen: what happens above, the prompt below, and the work that goes on."""

import asyncio
from collections.abc import Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, cast

from textual import events, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.screen import Screen
from textual.widgets import OptionList
from textual.worker import Worker, WorkerError, WorkerState

from m2agent.errors import M2Error
from m2agent_tui.card import Card
from m2agent_tui.desks import Desks
from m2agent_tui.greeting import Examples, Greeting
from m2agent_tui.problem import keep_bug, sentence
from m2agent_tui.prompt import Prompt
from m2agent_tui.status import StatusLine

if TYPE_CHECKING:
    from m2agent.events import Unsettled
    from m2agent.loop import Answer, Ask, Steering
    from m2agent_tui.feed import Feed

A = TypeVar("A")

_PAINTED = 0.05
"""Seconds after which the first paint has reached the terminal, through a thread of its own."""

_SHORT = 14


class Conversation(Screen[None]):
    """A run, or the place where one begins.

    A worker carries the run on, and a feed shows what comes of it. What the first paint can do
    without is loaded after it.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "stop", "Stop"),
        Binding("tab,shift+tab", "other_pane", "Steps or prompt", show=False),
        Binding("pageup", "read(-1)", "Read back", show=False),
        Binding("pagedown", "read(1)", "Read on", show=False),
        Binding("ctrl+home", "beginning", "To the beginning", show=False),
        Binding("ctrl+end", "end", "To the end", show=False),
    ]

    @dataclass
    class Wanted(Message):
        """A person is wanted here: the run ended, or asks something."""

        conversation: "Conversation"
        why: str

    def __init__(self, desks: Desks, run_id: str = "") -> None:
        super().__init__()
        self._desks = desks
        self._run_id = run_id
        self._greeting = Greeting()
        self._prompt = Prompt()
        self._status = StatusLine()
        self._feed: Feed | None = None
        self._showing = asyncio.Lock()
        self._steering: Steering | None = None
        self._worker: Worker[None] | None = None

    def compose(self) -> ComposeResult:
        yield self._greeting
        yield self._prompt
        yield self._status

    def on_mount(self) -> None:
        self._seconds = self.set_interval(1, self._status.draw, pause=True)
        self._prompt.focus()
        self._invite()
        self.set_timer(_PAINTED, self._open)

    def on_resize(self, event: events.Resize) -> None:
        self.set_class(event.size.height < _SHORT, "short")

    @property
    def run_id(self) -> str:
        """The run's id; empty while nothing was begun."""
        return self._feed.run_id if self._feed else self._run_id

    @property
    def is_working(self) -> bool:
        return self._steering is not None

    @property
    def _can_go_on(self) -> bool:
        """Whether there is something left to do that needs no further word."""
        ended = self._feed.ended if self._feed else None
        return bool(self.run_id) and not (ended and ended.status in ("done", "unverified"))

    @property
    def is_empty(self) -> bool:
        """Whether nothing is lost without this screen."""
        return not self.run_id and not self.is_working and not self._prompt.text

    # What the person does

    def on_prompt_sent(self, event: Prompt.Sent) -> None:
        if self._steering:
            if event.text:
                self._steering.say(event.text)
                self._hint("The model hears this before its next turn.")
        elif event.text or self._can_go_on:
            self._start(event.text)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        if isinstance(event.option_list, Examples):
            self._prompt.fill(event.option_list.text_of(event.option_index))
            self._prompt.focus()

    def on_card_typed(self, event: Card.Typed) -> None:
        self._prompt.insert(event.text)
        self._prompt.focus()

    def action_stop(self) -> None:
        """Stop after the step that is under way; a second time, at once."""
        if not (self._steering and self._worker and self._feed):
            return
        if cards := self.query(Card):
            cards.first().action_later()
        elif not self._steering.stopping:
            self._steering.stop()
            self._feed.meter.mode = "stopping"
            self._status.draw()
            self._hint("Stopping after this step. Esc again stops at once.")
        else:
            self._worker.cancel()

    async def stop_now(self) -> None:
        """Stop at once, and wait until that is written down."""
        if self._steering and self._worker:
            self._worker.cancel()
            with suppress(WorkerError):
                await self._worker.wait()

    def action_other_pane(self) -> None:
        """Go around: prompt, question or examples, steps."""
        cards, examples = self.query(Card), self.query(Examples)
        in_card = any(card.has_focus_within for card in cards)
        if self._prompt.has_focus and cards:
            cards.first().focus()
        elif self._prompt.has_focus and examples:
            examples.first().focus()
        elif not (self._prompt.has_focus or in_card) or not (
            self._feed and self._feed.transcript.focus_last()
        ):
            self._prompt.focus()

    def action_read(self, by: int) -> None:
        shown = self._feed.transcript if self._feed else self._greeting
        shown.scroll_relative(y=by * max(1, shown.size.height - 2), animate=False)

    def action_beginning(self) -> None:
        if self._feed:
            self._feed.transcript.go_to_beginning()

    def action_end(self) -> None:
        if self._feed:
            self._feed.transcript.go_to_end()

    # What goes on

    @work(exit_on_error=False)
    async def _open(self) -> None:
        """After the first paint: show the run, or make everything ready for a new one."""
        from textual.widgets import Footer

        await self.mount(Footer(compact=True))
        self.refresh_bindings()
        try:
            if self.run_id:
                await self._show_run()
                self._invite()
                return
            start = await self._desks.start()
            self._greeting.show_start(start)
            journal = await self._desks.journal()
            for run in journal.runs()[:1]:
                if not (run.status or run.running):
                    self._greeting.tell(f"Run {run.id} was cut off. Ctrl+R goes on with it.")
            async with self._desks.at(start.setup) as desk:
                self._status.meter.model = desk.setup.model
                self._status.draw()
        except M2Error as error:
            if not self.is_working:
                self._complain(sentence(error))

    async def _show_run(self) -> "Feed":
        """Put the transcript where the greeting was, and into it what it does not show yet."""
        async with self._showing:
            feed = self._feed or await self._make_feed()
            if self.run_id:
                journal = await self._desks.journal()
                for record in journal.read(self.run_id):
                    feed.take(record)
            feed.draw()
            return feed

    async def _make_feed(self) -> "Feed":
        from m2agent_tui.feed import Feed
        from m2agent_tui.transcript import Transcript

        transcript = Transcript()
        self._greeting.remove()
        await self.mount(transcript, before=self._prompt)
        self._feed = Feed(transcript, self._status, self._run_id)
        return self._feed

    def _complain(self, words: str) -> None:
        if self._feed:
            self._feed.transcript.say(words, "problem")
        else:
            self._greeting.tell(words, "problem")

    def _start(self, ask: str) -> None:
        """Begin the run, or go on with it."""
        from m2agent.loop import Steering

        self._steering = Steering()
        self._seconds.resume()
        self._invite()
        self._worker = self._work(ask, self._steering)

    @work(exit_on_error=False)
    async def _work(self, ask: str, steering: "Steering") -> None:
        """Carry the run on until it ends or waits."""
        from m2agent.events import Asked, Record
        from m2agent_tui.leg import leg

        problem = ""
        feed = await self._show_run()
        feed.start()
        asked = feed.asked
        try:
            pieces = leg(
                self._desks,
                self.run_id,
                ask,
                steering=steering,
                approve=self._approve,
                settle=self._settle,
                by=_person(),
            )
            async with aclosing(pieces):
                async for piece in pieces:
                    feed.take(piece)
                    if isinstance(piece, Record) and isinstance(piece.event, Asked):
                        self._hint("")
                    await asyncio.sleep(0)
        except M2Error as error:
            problem = sentence(error)
        finally:
            await self._show_run()
            feed.stop()
            self._rest("" if feed.asked > asked else ask, steering.heard())
        if problem:
            self._complain(problem)

    def _rest(self, unasked: str, unheard: list[str]) -> None:
        """The leg is over: say so, and give back what was said and reached nobody."""
        self._steering = None
        self._seconds.pause()
        unsaid = [text for text in (unasked, *unheard) if text]
        if unsaid and not self._prompt.text:
            self._prompt.fill("\n\n".join(unsaid))
        self._invite()
        if self._feed and self._feed.ended:
            self.post_message(self.Wanted(self, self._feed.ended.reason))

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        error = cast("Worker[None]", cast(Any, event).worker).error
        if event.state == WorkerState.ERROR and error:
            self._complain(keep_bug(error))

    async def _approve(self, asks: "Sequence[Ask]") -> "Sequence[Answer]":
        from m2agent_tui.approval import Approval

        card = Approval(asks, [self._title_of(ask) for ask in asks], _person())
        return await self._answered(card, card.answers)

    async def _settle(self, doubt: "Unsettled") -> bool | None:
        from m2agent_tui.doubt import Doubt

        card = Doubt(self._title(doubt.id), doubt.how)
        return await self._answered(card, card.answer)

    def _title_of(self, ask: "Ask") -> str:
        if ask.run in ("", self.run_id):
            return self._title(ask.called.id)
        from m2agent_tui.describe import Names, title

        return f"A helper: {title(ask.called.tool, ask.called.arguments, Names())}"

    def _title(self, id: str) -> str:
        return self._feed.title(id) if self._feed else id

    async def _answered(self, card: Card, answer: "asyncio.Future[A]") -> A:
        """Show the question until it is answered; a person who is typing is left alone."""
        assert self._feed
        self._feed.meter.mode = "waiting"
        self._status.draw()
        await self.mount(card, before=self._prompt)
        if not self._prompt.text:
            card.focus()
        self.post_message(self.Wanted(self, "It needs your answer."))
        try:
            return await answer
        finally:
            self._feed.meter.mode = "acting"
            card.remove()
            self._prompt.focus()

    def _hint(self, words: str) -> None:
        self._prompt.border_subtitle = Content(words)

    def _invite(self) -> None:
        """Say in the empty prompt what can be typed now."""
        self._hint("")
        if self.is_working:
            words = "Say something to the model. Esc stops."
        elif not self.run_id:
            words = "What should be done?"
        elif not self._can_go_on:
            words = "Ask for more, or Ctrl+N for something new."
        elif self._feed and self._feed.ended and self._feed.ended.status == "waiting":
            words = "It waits for your answer. Enter shows it."
        else:
            words = "Enter goes on. Or say what to do instead."
        self._prompt.placeholder = words


def _person() -> str:
    """Who answers, for the journal."""
    import getpass

    return f"{getpass.getuser()} in the terminal UI"
