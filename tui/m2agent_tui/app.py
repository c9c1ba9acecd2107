"""The terminal UI as a program: its conversations, the list of runs, and how it is left."""

import sys
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import cache, partial
from typing import TYPE_CHECKING, Any, ClassVar, cast

from textual import work
from textual.app import App, SystemCommand
from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.theme import Theme

from m2agent.errors import M2Error
from m2agent.printable import one_line
from m2agent_tui.conversation import Conversation
from m2agent_tui.desks import Desks
from m2agent_tui.problem import sentence
from m2agent_tui.start import Taste

if TYPE_CHECKING:
    from m2agent.desk import Setup
    from m2agent.journal import Journal
    from m2agent_tui.means import Means


class M2Agent(App[None]):
    """Every run that is worked on keeps a conversation of its own; one of them is in view."""

    TITLE = "m2agent"
    CSS_PATH = "app.tcss"
    DEFAULT_MODE = "conversation 1"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+n", "new", "New task", id="new"),
        Binding("ctrl+r", "runs", "Runs", id="runs"),
        Binding("f3", "waiting", "Waiting", id="waiting"),
        Binding("f1", "keys", "Keys", id="keys"),
    ]

    def __init__(
        self, desks: Desks, taste: Taste | None = None, means: "Callable[[], Means] | None" = None
    ) -> None:
        super().__init__()
        self._desks = desks
        self._taste = taste or Taste()
        self._means = means
        if self._taste.theme:
            self._wear(self._taste.theme)
        if self._taste.keys:
            self.set_keymap(dict(self._taste.keys))
        self._conversations: dict[str, Conversation] = {}
        self._add(self.DEFAULT_MODE, "")

    def _add(self, mode: str, run_id: str, goes_on: bool = False) -> None:
        """Give a conversation a mode of its own: Textual keeps each mode's screen alive."""
        conversation = Conversation(self._desks, run_id, goes_on, self._taste.panel, self._beside)
        self._conversations[mode] = conversation
        cast(Any, self).add_mode(mode, lambda: conversation)

    def _beside(self, this: Conversation) -> str:
        """What the other conversations are at, in a few words."""
        others = [one for one in self._conversations.values() if one is not this]
        asking = sum(one.is_asking for one in others)
        working = sum(one.is_working for one in others) - asking
        said = [(working, "more at work"), (asking, "more waiting: Ctrl+R")]
        return " · ".join(f"{count} {words}" for count, words in said if count)

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        from m2agent_tui.commands import COMMANDS

        if isinstance(screen, Conversation):
            for command in COMMANDS:
                run = partial(screen.run_action, command.action)
                yield SystemCommand(command.title, command.words, cast(Any, run))
        for command in cast(
            Iterable[SystemCommand], cast(Any, super()).get_system_commands(screen)
        ):
            if command.title not in ("Quit", "Theme", "Keys", "Maximize", "Minimize"):
                yield command

    def action_new(self) -> None:
        """Bring up the conversation in which nothing was said yet."""
        self._bring(lambda conversation: conversation.is_empty, "")

    async def action_runs(self) -> None:
        from m2agent_tui.runs import Runs

        if journal := await self._journal():
            self.push_screen(Runs(journal), self._open)

    async def action_waiting(self) -> None:
        """Everything that waits for the person, over all runs."""
        from m2agent_tui.runs import Waits

        def answer(id: str | None) -> None:
            if id:
                self._open(id.partition("/")[0], goes_on=True)

        if journal := await self._journal():
            self.push_screen(Waits(journal), answer)

    async def _journal(self) -> "Journal | None":
        """The journal, where no other list is open already and nothing is wrong with it."""
        if not isinstance(self.screen, Conversation):
            return None
        try:
            return await self._desks.journal()
        except M2Error as error:
            self.notify(sentence(error), severity="error", markup=False)
            return None

    # What is set up

    @work(exit_on_error=False)
    async def action_model(self) -> None:
        from m2agent_tui.setting_up import choose_model

        if means := self._reachable():
            self._renew(await choose_model(self, means))

    @work(exit_on_error=False)
    async def action_connections(self) -> None:
        from m2agent_tui.setting_up import connections

        if means := self._reachable():
            try:
                self._renew(await connections(self, means, self._read_setup))
            except M2Error as error:
                self.notify(sentence(error), severity="error", markup=False)

    async def _read_setup(self) -> "Setup":
        """The setup as things stand now."""
        self._desks.renew()
        return (await self._desks.start()).setup

    @work(exit_on_error=False)
    async def on_conversation_mends(self, event: Conversation.Mends) -> None:
        from m2agent_tui.setting_up import mend

        if means := self._reachable():
            self._renew(await mend(self, means, event.command))

    @work(exit_on_error=False)
    async def action_settings(self) -> None:
        from m2agent_tui.setting_up import change_settings

        if means := self._reachable():
            self._renew(await change_settings(self, means))

    @work(exit_on_error=False)
    async def action_welcome(self) -> None:
        """The first steps, each of which Esc leaves out."""
        from m2agent_tui.setting_up import choose_model, connections

        if means := self._reachable():
            title, back = "1 of 2 · What should think?", "Esc goes on without"
            changed = await choose_model(self, means, title, back)
            title, back = "2 of 2 · What should it work with?", "Esc: enough"
            try:
                changed = await connections(self, means, self._read_setup, title, back) or changed
            except M2Error as error:
                self.notify(sentence(error), severity="error", markup=False)
            self._renew(changed)

    def on_conversation_first(self) -> None:
        self.action_welcome()

    def _reachable(self) -> "Means | None":
        """The means, where nothing else is open over the conversation."""
        return self._means() if self._means and isinstance(self.screen, Conversation) else None

    def _renew(self, changed: bool) -> None:
        """Let what has not begun begin with what was set up; runs go on as they are."""
        if changed:
            self._desks.renew()
            for conversation in self._conversations.values():
                if not (conversation.run_id or conversation.is_working):
                    conversation.renew()

    def _wear(self, theme: str) -> None:
        """Put on a theme, if there is one of that name."""
        if theme not in self.available_themes:
            from m2agent_tui.themes import HIGH_CONTRAST

            self.register_theme(HIGH_CONTRAST)
        if theme in self.available_themes:
            self.theme = theme

    def action_change_theme(self) -> None:
        """Choose the colours, and keep them."""
        from m2agent_tui.themes import HIGH_CONTRAST

        self.register_theme(HIGH_CONTRAST)
        self.theme_changed_signal.subscribe(self, self._keep_theme, immediate=False)
        self.search_themes()

    def _keep_theme(self, theme: Theme) -> None:
        if self._means and theme.name != self._taste.theme:
            self._taste = replace(self._taste, theme=theme.name)
            self._write("screen.theme", theme.name)

    @work(thread=True, exit_on_error=False)
    def _write(self, key: str, value: str) -> None:
        if self._means:
            try:
                self._means().write(key, value)
            except M2Error as error:
                self.call_later(self.notify, sentence(error), severity="error", markup=False)

    def action_keys(self) -> None:
        """Show what every key does here."""
        from m2agent_tui.keys import Keys

        self.push_screen(Keys(self))

    async def action_quit(self) -> None:
        """Stop every run so that it can go on, then leave."""
        for conversation in self._conversations.values():
            await conversation.stop_now()
        self.exit()

    def on_conversation_wanted(self, event: Conversation.Wanted) -> None:
        words = one_line(event.why, 300)
        if event.conversation is not self.screen:
            self.notify(words, title=f"Run {event.conversation.run_id}", markup=False)
        if not self.app_focus:
            self.bell()
            if self._taste.notify:
                self._tell(words)

    @work(exit_on_error=False)
    async def _tell(self, words: str) -> None:
        from m2agent_tui.telling import tell

        await tell(words)

    def on_conversation_opens(self, event: Conversation.Opens) -> None:
        self._open(event.run_id)

    def _open(self, run_id: str | None, goes_on: bool = False) -> None:
        if run_id:
            self._bring(lambda conversation: conversation.run_id == run_id, run_id, goes_on)

    def _bring(
        self, fits: Callable[[Conversation], bool], run_id: str, goes_on: bool = False
    ) -> None:
        """Put the conversation that fits in view, or else a new one; the others stay."""
        for mode, conversation in self._conversations.items():
            if fits(conversation):
                self.switch_mode(mode)
                if goes_on:
                    conversation.go_on()
                return
        mode = f"conversation {len(self._conversations) + 1}"
        self._add(mode, run_id, goes_on)
        self.switch_mode(mode)


async def open_app(means: "Callable[[], Means]", taste: Taste) -> int:
    """Run the terminal UI until the person leaves. Returns the exit code."""
    kept = cache(means)
    desks = Desks(lambda: kept().start())
    app = M2Agent(desks, taste, kept)
    try:
        await app.run_async()
    finally:
        await desks.close()
    if app.return_code:
        print("Every run is kept. Go on with: m2agent resume last", file=sys.stderr)
    return app.return_code or 0
