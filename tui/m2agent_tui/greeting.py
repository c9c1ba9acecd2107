"""What an empty screen says: what to do, and with the sample office, what to try."""

from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import OptionList, Static

if TYPE_CHECKING:
    from m2agent_tui.start import Start

EXAMPLES = (
    "Find this month's supplier invoices whose totals do not add up, and draft a reply to each.",
    "Put every invoice of the last two weeks into the Invoices table, one row for each.",
    "What have I promised to whom this week? Write it into a note, with the date of each mail.",
)
"""Tasks that the sample office holds the material for."""

_WELCOME = (
    "Say below what should be done, as you would to a colleague, and press Enter. "
    "You see every step, and nothing leaves without your yes."
)


class Greeting(VerticalScroll, can_focus=False):
    """Stands where the transcript will be. An example that is chosen goes to the prompt."""

    def compose(self) -> ComposeResult:
        yield Static("m2agent", markup=False, classes="name")
        yield Static(_WELCOME, markup=False)

    def tell(self, text: str, classes: str = "notice") -> None:
        """Add a sentence."""
        self.mount(Static(Content(text), markup=False, classes=classes))

    def show_start(self, start: "Start") -> None:
        """Add what the setup has to say."""
        from m2agent.home import offices

        if start.notice:
            self.tell(start.notice)
        if start.setup.work.is_relative_to(offices()):
            self.tell("This is a sample office: nothing in it is real. Tab goes here to try one:")
            self.mount(OptionList(*EXAMPLES, markup=False, compact=True, classes="examples"))
