"""One run on the screen: what happens above, the prompt below, and what a person can do to it."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, cast

from textual import events, work
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.screen import Screen
from textual.timer import Timer
from textual.widgets import OptionList
from textual.worker import Worker, WorkerState

from m2agent.errors import M2Error
from m2agent.printable import one_line
from m2agent_tui.card import Card
from m2agent_tui.desks import Desks
from m2agent_tui.greeting import Examples, Greeting
from m2agent_tui.problem import keep_bug, sentence, way_out
from m2agent_tui.prompt import Prompt
from m2agent_tui.status import StatusLine
from m2agent_tui.work import Work

if TYPE_CHECKING:
    from m2agent.desk import Desk, Setup
    from m2agent.events import Record
    from m2agent.journal import Journal
    from m2agent_tui.feed import Feed
    from m2agent_tui.side import Side

_PAINTED = 0.05
"""Seconds after which the first paint has reached the terminal, through a thread of its own."""

_SHORT = 14
_WIDE = 112

_READ = 8.0
"""Seconds for which a hint stays."""

_TYPING = 0.15
"""Seconds without a key after which it is looked up what @ may mean."""


class Conversation(Screen[None]):
    """A run, or the place where one begins.

    The work carries the run on, and a feed shows what comes of it. What the first paint can do
    without is loaded after it.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "stop", "Stop", id="stop"),
        Binding("f2", "side", "Plan", id="panel"),
        Binding("f5", "mend", "Put it right", id="mend"),
        Binding("f4", "turns", "Rewind", show=False, id="rewind"),
        Binding("f6", "undo", "Undo", show=False, id="undo", priority=True),
        Binding("ctrl+o", "history", "What you said before", show=False, id="history"),
        Binding("tab,shift+tab", "other_pane", "Steps or prompt", show=False, id="other-pane"),
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

    @dataclass
    class Mends(Message):
        """A command of m2agent should be run that puts something right."""

        command: list[str]

    class First(Message):
        """Nothing was ever set up here."""

    @dataclass
    class Opens(Message):
        """Another run should come into view."""

        run_id: str

    def __init__(
        self,
        desks: Desks,
        run_id: str = "",
        goes_on: bool = False,
        panel: bool = True,
        beside: "Callable[[Conversation], str]" = lambda _: "",
    ) -> None:
        """Show a run, or begin one; with `goes_on` it is gone on with at once.

        `panel` is whether the side comes by itself where there is room for it; `beside` says what
        goes on elsewhere.
        """
        super().__init__()
        self._desks = desks
        self._run_id = run_id
        self._goes_on = goes_on
        self._greeting = Greeting()
        self._hinted: Timer | None = None
        self._work = Work(desks, self)
        self._ahead: Worker[None] | None = None
        self._prompt = Prompt(self._work.take_back)
        self._status = StatusLine(lambda: beside(self))
        self._side: Side | None = None
        self._side_wanted: bool | None = None if panel else False
        self._about: dict[str, str] = {}
        self._way_out: list[str] = []
        self._feed: Feed | None = None
        self._showing = asyncio.Lock()

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
        self._place_side()

    @property
    def run_id(self) -> str:
        """The run's id; empty while nothing was begun."""
        return self._feed.run_id if self._feed else self._run_id

    @property
    def _app(self) -> "App[None]":
        return cast("App[None]", cast(Any, self).app)

    @property
    def is_working(self) -> bool:
        return self._work.goes_on

    @property
    def is_asking(self) -> bool:
        """Whether a question is open here."""
        return bool(self.query(Card))

    @property
    def _can_go_on(self) -> bool:
        """Whether there is something left to do that needs no further word."""
        ended = self._feed.ended if self._feed else None
        return bool(self.run_id) and not (ended and ended.status in ("done", "unverified"))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Whether a key does anything now."""
        match action:
            case "stop":
                return self.is_working
            case "mend":
                return bool(self._way_out)
            case _:
                return True

    @property
    def is_empty(self) -> bool:
        """Whether nothing is lost without this screen."""
        return not self.run_id and not self.is_working and not self._prompt.text

    # What the person does

    async def on_prompt_sent(self, event: Prompt.Sent) -> None:
        from m2agent_tui.commands import Command, meant

        match meant(event.text):
            case Command(action=action):
                await self.run_action(action)
                return
            case str(problem):
                self._hint(problem)
                self._prompt.fill(event.text)
                return
            case None:
                pass
        if self.is_working:
            if event.text:
                await self._work.say(event.text)
        elif event.text or self._can_go_on:
            self._start(event.text)

    def on_text_area_changed(self) -> None:
        """Show what may be meant by the word that is being typed."""
        text = self._prompt.text
        if not (text.startswith("/") or "@" in text):
            self._prompt.offer([])
            return
        from m2agent_tui import completing

        word = completing.mentioned(self._prompt.before)
        self._prompt.offer(completing.commands(text))
        if word is not None:
            self._complete(word, self._prompt.before)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        if isinstance(event.option_list, Examples):
            self._prompt.fill(event.option_list.text_of(event.option_index))
            self._prompt.focus()

    def on_card_typed(self, event: Card.Typed) -> None:
        self._prompt.insert(event.text)
        self._prompt.focus()

    def action_stop(self) -> None:
        """Stop after the step that is under way; a second time, at once."""
        if cards := self.query(Card):
            cards.first().action_later()
        elif self._work.stopping:
            self._work.stop_at_once()
        elif self.is_working:
            self._work.stop()
            self._hint("Stopping after this step. Esc again stops at once.")

    def action_pause(self) -> None:
        if not self._work.stopping:
            self.action_stop()

    def action_stop_at_once(self) -> None:
        self._work.stop_at_once()

    def action_take_over(self) -> None:
        """Pause, so that the person does something by hand and then says what."""
        self.action_pause()
        self._prompt.fill("I did this myself: ")
        self._prompt.focus()

    @work(exit_on_error=False)
    async def action_plan(self) -> None:
        """Change the plan while the model works; it reads it before its next turn."""
        from m2agent.events import Planned
        from m2agent_tui.planning import Planning

        if not self._feed or not self.is_working:
            rests = f"While a run rests: m2agent plan {self.run_id} --edit"
            self._hint(rests if self.run_id else "There is no run here yet.")
            return
        plan = self._feed.transcript.story.plan or Planned([])
        changed = await self._app.push_screen_wait(Planning(plan))
        if changed and self._work.replan(changed):
            self._hint("The model reads your plan before its next turn.")
        elif changed:
            self._hint("The run came to rest meanwhile, so its plan stays as it was.")

    def action_mend(self) -> None:
        """Have what is wrong put right, where a command of m2agent does that."""
        if self._way_out:
            self.post_message(self.Mends(self._way_out))

    def action_side(self) -> None:
        """Show or hide the panel at the side."""
        self._side_wanted = not (self._side and self._side.display)
        self._place_side()

    @work(exit_on_error=False)
    async def action_history(self) -> None:
        """Search what the person said before, in any run."""
        from m2agent_tui.runs import said_before

        if text := await said_before(self._app, await self._desks.journal()):
            self._prompt.fill(text)

    @work(exit_on_error=False)
    async def action_turns(self) -> None:
        """Choose a turn, and begin a new run that goes another way after it."""
        from m2agent_tui.turns import branch

        if journal := await self._at_rest("Rewind"):
            await self._opening(branch(self._app, journal, self.run_id))

    @work(exit_on_error=False)
    async def action_undo(self) -> None:
        """Show what this run changed, and take back what is left ticked, as a run of its own."""
        from m2agent_tui.taking_back import take_back

        if self._feed and (journal := await self._at_rest("Undo")):
            steps = self._feed.transcript.story.steps
            titles = {id: step.title for id, step in steps.items()}
            await self._opening(take_back(self._app, self._desks, journal, self.run_id, titles))

    async def _opening(self, made: "Awaitable[str | None]") -> None:
        """Bring the run that is made into view, if one is."""
        try:
            if run := await made:
                self.post_message(self.Opens(run))
        except M2Error as error:
            self._hint(one_line(sentence(error), 200))

    async def _at_rest(self, what: str) -> "Journal | None":
        """The journal, where there is a run and nobody works on it; else it is said why not."""
        if self.is_working:
            self._hint(f"{what} is for a run that rests. Esc stops this one.")
        elif not self.run_id:
            self._hint("There is no run here yet.")
        else:
            return await self._desks.journal()
        return None

    def action_report(self) -> None:
        self._write_down("md")

    def action_export(self) -> None:
        self._write_down("jsonl")

    @work(exit_on_error=False)
    async def _write_down(self, kind: str) -> None:
        """Write the run into a file; a report is shown as well."""
        from m2agent_tui.reading import Reading, written

        if not self.run_id:
            self._hint("There is no run here yet.")
            return
        journal = await self._desks.journal()
        try:
            file, text = written(journal.read(self.run_id), kind)
        except M2Error as error:
            self.complain(sentence(error))
            return
        self._hint(f"Written to {file}")
        if kind == "md":
            await self._app.push_screen(Reading(file.name, text))

    async def stop_now(self) -> None:
        """Stop at once, and wait until that is written down."""
        await self._work.stopped()

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
        await self.mount(self._work.queue, before=self._prompt)
        self.refresh_bindings()
        try:
            if self.run_id:
                await self.show_run()
                self._invite()
                if self._goes_on:
                    self.go_on()
                return
            await self._greet()
            journal = await self._desks.journal()
            for run in journal.runs()[:1]:
                if not (run.status or run.running):
                    self._greeting.remind(f"Run {run.id} was cut off. Ctrl+R goes on with it.")
            await self._sit_down()
        except M2Error as error:
            if not self.is_working:
                self.trouble(error)

    async def _greet(self) -> None:
        start = await self._desks.start()
        self._greeting.show_start(start)
        if start.first:
            self.post_message(self.First())

    async def _sit_down(self) -> None:
        """Open what a run would need, so that it can begin at once."""
        async with self._desks.at((await self._desks.start()).setup) as desk:
            self._status.meter.model = desk.setup.model
            self.opened(desk)
            self._status.draw()
        self._ahead = self._read_ahead()

    @work(exit_on_error=False)
    async def _read_ahead(self) -> None:
        """Let the model read how every run begins while the person thinks of what to ask."""
        with suppress(M2Error):
            await self._desks.read_ahead((await self._desks.start()).setup)

    def _read_no_further(self) -> None:
        if self._ahead:
            self._ahead.cancel()

    @work(exit_on_error=False)
    async def renew(self) -> None:
        """Begin with what was set up just now."""
        self._way_out = []
        self._invite()
        try:
            self._read_no_further()
            if self._feed:
                await self._sit_down()
                self._feed.transcript.say("Ready. Enter tries again.", "note")
            else:
                await self._greeting.clear()
                await self._greet()
                await self._sit_down()
        except M2Error as error:
            self.trouble(error)

    async def show_run(self) -> "Feed":
        """Put the transcript where the greeting was, and into it what it does not show yet."""
        async with self._showing:
            feed = self._feed or await self._make_feed()
            if self.run_id:
                journal = await self._desks.journal()
                for record in _with_helpers(journal, self.run_id):
                    feed.take(record)
            feed.draw()
            return feed

    async def _make_feed(self) -> "Feed":
        from m2agent_tui.feed import Feed
        from m2agent_tui.side import Side
        from m2agent_tui.transcript import Transcript

        transcript, self._side = Transcript(), Side()
        self._side.tell(self._about)
        self._place_side()
        await self.mount(self._side, transcript, after=self._greeting)
        self._greeting.remove()
        self._feed = Feed(transcript, self._status, self._side, self._run_id)
        return self._feed

    def _place_side(self) -> None:
        """The side has its place in a wide terminal, and elsewhere where it was asked for."""
        if self._side:
            wanted = self._side_wanted
            self._side.display = self.size.width >= _WIDE if wanted is None else wanted
            if self._feed:
                self._feed.draw_status()

    def opened(self, desk: "Desk") -> None:
        """Keep what the desk says of itself."""
        from m2agent.home import offices

        office = str(desk.setup.work.parent)
        names = {office: "the sample office"} if desk.setup.work.is_relative_to(offices()) else {}
        self._about = dict(desk.describe())
        for folder, name in (*names.items(), (str(Path.home()), "~")):
            self._about = {id: words.replace(folder, name) for id, words in self._about.items()}
        if self._side:
            self._side.tell(self._about)

    def trouble(self, error: M2Error) -> None:
        """Say what is wrong and how it is put right, here if that can be."""
        self._way_out = way_out(error)
        self.complain(sentence(error) + ("\nF5 does that here." if self._way_out else ""))
        self.refresh_bindings()

    def complain(self, words: str) -> None:
        if self._feed:
            self._feed.transcript.say(words, "problem")
        else:
            self._greeting.complain(words)
            self._status.meter.stop()
            self._status.draw()

    def go_on(self) -> None:
        """Go on with what needs no further word, such as a question that waits."""
        if self._can_go_on and not self.is_working:
            self._start("")

    def _start(self, ask: str) -> None:
        """Begin the run, or go on with it."""
        self._way_out = []
        self._work.start(ask)
        self._seconds.resume()
        self._invite()

    # What the work needs

    async def setup(self) -> "Setup":
        """In which this run works, or would begin."""
        from m2agent.desk import setup_of

        setup = (await self._desks.start()).setup
        if not self.run_id:
            return setup
        return setup_of((await self._desks.journal()).read(self.run_id), setup)

    def begin_worker(self, work: "Coroutine[None, None, None]") -> "Worker[None]":
        self._read_no_further()
        return self.run_worker(work, exit_on_error=False)

    def put_down(self, text: str, setup: "Setup") -> str:
        """Put long texts that were pasted into files, where there is a shell to read them with."""
        shell = any(account.get("connector") == "shell" for account in setup.accounts.values())
        try:
            return self._prompt.pasted.put_down(text, setup.work if shell else None)
        except OSError:
            return self._prompt.pasted.put_down(text, None)

    def ask(self, card: Card) -> None:
        """Show a question; a person who is typing is left alone."""
        self.mount(card, before=self._prompt)
        if not self._prompt.text:
            card.focus()
        self.post_message(self.Wanted(self, "It needs your answer."))

    def answered(self, card: Card) -> None:
        card.remove()
        self._prompt.focus()

    def rests(self, unsaid: Sequence[str]) -> None:
        """Say that the work is over for now, and give back what reached nobody."""
        self._seconds.pause()
        if unsaid and not self._prompt.text:
            self._prompt.fill("\n\n".join(unsaid))
        self._invite()
        if self._feed and self._feed.ended:
            self.post_message(self.Wanted(self, self._feed.ended.reason))

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        error = cast("Worker[None]", cast(Any, event).worker).error
        if event.state == WorkerState.ERROR and error:
            self.complain(keep_bug(error))

    @work(exclusive=True, group="completing", exit_on_error=False)
    async def _complete(self, word: str, before: str) -> None:
        """Look up files, people and pages."""
        from m2agent_tui import completing

        await asyncio.sleep(_TYPING)
        try:
            setup = await self.setup()
            found = await asyncio.to_thread(completing.files, setup.work, word)
            people, pages = await self._desks.look_up(setup, word)
        except M2Error:
            return
        if self._prompt.before == before:
            self._prompt.offer(completing.merged(before, people, pages, found))

    def _hint(self, words: str) -> None:
        """Say something below the prompt, for as long as it takes to read it."""
        self._prompt.border_subtitle = Content(words)
        if self._hinted:
            self._hinted.stop()
        self._hinted = self.set_timer(_READ, partial(self._hint, "")) if words else None

    def _invite(self) -> None:
        """Say in the empty prompt what can be typed now."""
        self._hint("")
        self.refresh_bindings()
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


def _with_helpers(journal: "Journal", run: str) -> "Iterator[Record]":
    """A run's records, and after the beginning of each sub-agent those of its run."""
    from m2agent.events import Spawned

    for record in journal.read(run):
        yield record
        if isinstance(record.event, Spawned):
            yield from _with_helpers(journal, record.event.child)
