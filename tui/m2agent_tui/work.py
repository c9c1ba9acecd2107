"""The work on a run: carried on leg by leg, with what it asks and what is said to it meanwhile."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import aclosing, suppress
from typing import TYPE_CHECKING, Protocol, TypeVar

from textual.widgets import Static
from textual.worker import Worker, WorkerError

from m2agent.errors import M2Error
from m2agent.printable import one_line
from m2agent_tui.card import Card
from m2agent_tui.desks import Desks
from m2agent_tui.person import person

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from m2agent.desk import Desk, Setup
    from m2agent.events import Planned, Unsettled
    from m2agent.loop import Answer, Ask, Steering
    from m2agent_tui.feed import Feed

A = TypeVar("A")


class Place(Protocol):
    """Where the work is seen, and who sits there."""

    @property
    def run_id(self) -> str:
        """Empty until the run has begun."""
        ...

    async def setup(self) -> "Setup":
        """In which the run works, or would begin."""
        ...

    async def show_run(self) -> "Feed":
        """The feed of the run, with everything in it that is in the journal."""
        ...

    def begin_worker(self, work: "Coroutine[None, None, None]") -> Worker[None]: ...

    def opened(self, desk: "Desk") -> None: ...

    def ask(self, card: Card) -> None: ...

    def answered(self, card: Card) -> None: ...

    def put_down(self, text: str, setup: "Setup") -> str:
        """The text, with what was pasted into it put into files."""
        ...

    def rests(self, unsaid: Sequence[str]) -> None:
        """The work is over for now; `unsaid` reached nobody."""
        ...

    def trouble(self, error: M2Error) -> None: ...


class Work:
    """Whether a run is worked on here, and the only hand on it while it is."""

    def __init__(self, desks: Desks, place: Place) -> None:
        self.queue = Queue()
        self._desks = desks
        self._place = place
        self._feed: Feed | None = None
        self._steering: Steering | None = None
        self._worker: Worker[None] | None = None
        self._changed: Mapping[str, str] = {}

    @property
    def goes_on(self) -> bool:
        return self._steering is not None

    @property
    def stopping(self) -> bool:
        return bool(self._steering and self._steering.stopping)

    def start(self, ask: str) -> None:
        """Begin the run, or go on with it."""
        from m2agent.loop import Steering

        self._steering = Steering()
        self._worker = self._place.begin_worker(self._carry_on(ask, self._steering))

    def stop(self) -> None:
        """Stop after the step that is under way."""
        if self._steering and self._feed:
            self._steering.stop()
            self._feed.meter.mode = "stopping"
            self._feed.draw_status()

    def stop_at_once(self) -> None:
        if self._steering and self._worker:
            self._worker.cancel()

    async def stopped(self) -> None:
        """Stop at once, and wait until that is written down."""
        self.stop_at_once()
        if self._worker:
            with suppress(WorkerError):
                await self._worker.wait()

    def replan(self, plan: "Planned") -> bool:
        """Put this plan in place of the run's; False where nobody works on it any more."""
        if self._steering:
            self._steering.replan(plan)
        return self.goes_on

    async def say(self, text: str) -> None:
        """Leave a message for the next turn, and show that it waits."""
        text = self._place.put_down(text, await self._place.setup())
        if self._steering and self._feed:
            self._steering.say(text)
            self._feed.queued.append(text)
            self._show_queue(self._feed)

    def take_back(self) -> str:
        """The last message that no turn has begun with yet; it waits no longer."""
        if not (self._steering and self._feed and self._feed.queued):
            return ""
        *rest, last = self._steering.heard() or [""]
        for text in rest:
            self._steering.say(text)
        self._heard(last)
        return last

    def _heard(self, *texts: str) -> None:
        """These are in the run now, or back in the prompt."""
        if self._feed:
            for text in texts:
                if text in self._feed.queued:
                    self._feed.queued.remove(text)
            self._show_queue(self._feed)

    def _show_queue(self, feed: "Feed") -> None:
        self.queue.show(feed.queued)
        feed.draw_status()

    async def _carry_on(self, ask: str, steering: "Steering") -> None:
        """Carry the run on until it ends or waits."""
        from m2agent.events import Asked, Record
        from m2agent_tui.leg import leg

        problem: M2Error | None = None
        feed = self._feed = await self._place.show_run()
        feed.start()
        asked = feed.asked
        feed.transcript.go_to_end()
        feed.transcript.expect(ask)
        try:
            if ask:
                ask = self._place.put_down(ask, await self._place.setup())
            pieces = leg(
                self._desks,
                self._place.run_id,
                ask,
                steering=steering,
                approve=self._approve,
                settle=self._settle,
                opened=self._place.opened,
                by=person(),
            )
            async with aclosing(pieces):
                async for piece in pieces:
                    feed.take(piece)
                    if isinstance(piece, Record) and isinstance(piece.event, Asked):
                        self._heard(piece.event.text)
                    await asyncio.sleep(0)
        except M2Error as error:
            problem = error
        finally:
            await self._place.show_run()
            feed.stop()
            feed.transcript.stop_expecting()
            self._rest("" if feed.asked > asked else ask, steering.heard())
        if problem:
            self._place.trouble(problem)

    def _rest(self, unasked: str, unheard: list[str]) -> None:
        """The leg is over: give back what was said and reached nobody."""
        self._steering = None
        self._heard(*unheard)
        self._place.rests([text for text in (unasked, *unheard) if text])

    async def _approve(self, asks: "Sequence[Ask]") -> "Sequence[Answer]":
        from m2agent_tui.approval import Approval

        titles = [self._title_of(ask) for ask in asks]
        card = Approval(asks, titles, person(), self._changed)
        answers = await self._answered(card, card.answers)
        self._changed = card.changes
        return answers

    async def _settle(self, doubt: "Unsettled") -> bool | None:
        from m2agent_tui.doubt import Doubt

        step = self._feed.transcript.story.steps.get(doubt.id) if self._feed else None
        card = Doubt(step.title if step else doubt.id, doubt.how)
        return await self._answered(card, card.answer)

    def _title_of(self, ask: "Ask") -> str:
        title = self._feed.title(ask.called) if self._feed else ask.called.tool
        return title if ask.run in ("", self._place.run_id) else f"A helper: {title}"

    async def _answered(self, card: Card, answer: "asyncio.Future[A]") -> A:
        """Show the question until it is answered."""
        assert self._feed
        self._feed.meter.mode = "waiting"
        self._feed.draw_status()
        self._place.ask(card)
        try:
            return await answer
        finally:
            self._feed.meter.mode = "acting"
            self._place.answered(card)


class Queue(Static):
    """What was said and not heard yet."""

    DEFAULT_CSS = """
    Queue {
        height: auto;
        max-height: 4;
        padding: 0 2;
        color: $text-accent;
        display: none;
    }
    """

    def __init__(self) -> None:
        super().__init__(markup=False, id="queue")

    def show(self, queued: Sequence[str]) -> None:
        self.display = bool(queued)
        rows = [f"▹ {one_line(text, 200)}" for text in queued]
        advice = "The model hears this before its next turn. ↑ takes it back."
        self.update("\n".join([*rows, advice]))
