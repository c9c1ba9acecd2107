"""What an empty screen says: what to do, and with the sample office, what to try."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import OptionList, Static

if TYPE_CHECKING:
    from m2agent_tui.start import Start

_SHORT = (
    "Label all mails from Raymond Garcia as Suppliers.",
    "Draft a reply to Oisín Casey about invoice SI-12284: the total is wrong, please send a "
    "corrected invoice.",
)
"""What a very small model does in the sample office."""

_EXAMPLES = (
    "What have I promised to whom in the last two weeks? Enter each promise in the Tasks table.",
    "Which candidates wait for an answer from me? Draft one to each, in the tone I always use.",
)
"""What the sample office holds the material for, besides its tour."""

_WELCOME = (
    "Say below what should be done, as you would to a colleague, and press Enter. "
    "You see every step, and nothing leaves without your yes. Type / to see what else there is."
)


class Examples(OptionList):
    """Tasks to try."""

    def __init__(self, tasks: Sequence[str]) -> None:
        super().__init__(*(f"▸ {task}" for task in tasks), markup=False, compact=True)
        self._tasks = tasks

    def text_of(self, place: int) -> str:
        return self._tasks[place]


class Greeting(VerticalScroll, can_focus=False):
    """Stands where the transcript will be. An example that is chosen goes to the prompt."""

    def __init__(self) -> None:
        super().__init__()
        self._welcome = Static(_WELCOME, markup=False)

    def compose(self) -> ComposeResult:
        yield Static("m2agent", markup=False, classes="name")
        yield self._welcome

    async def clear(self) -> None:
        """Say only what is always said."""
        await self.query(".notice, .problem, Examples").remove()

    def tell(self, text: str) -> None:
        """Add a sentence."""
        self.mount(Static(Content(text), markup=False, classes="notice"))

    def remind(self, text: str) -> None:
        """Say what waits for the person, where it is seen first."""
        self.mount(Static(Content(text), markup=False, classes="notice"), after=self._welcome)

    def complain(self, text: str) -> None:
        """Say what is wrong, where it is seen first."""
        self.mount(Static(Content(text), markup=False, classes="problem"), after=self._welcome)
        self.scroll_home(animate=False)

    def show_start(self, start: "Start") -> None:
        """Add what the setup has to say."""
        from m2agent.home import offices
        from m2agent.office.tour import TASK

        if start.notice:
            self.tell(start.notice)
        if start.setup.work.is_relative_to(offices()):
            self.tell("This is a sample office: nothing in it is real. Tab goes here to try one:")
            self.mount(Examples(_SHORT if start.small else (TASK, *_EXAMPLES)))
