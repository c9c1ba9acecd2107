"""What stands below a line that is open."""

from collections.abc import Sequence

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widget import Widget
from textual.widgets import Static

from m2agent_tui.look import Block

_MARKDOWN_AT_MOST = 20_000


class Details(Vertical):
    """Blocks one below the other."""

    def __init__(self, blocks: Sequence[Block]) -> None:
        super().__init__(classes="details")
        self._blocks = list(blocks)

    def compose(self) -> ComposeResult:
        yield from map(block, self._blocks)

    def show(self, blocks: Sequence[Block]) -> None:
        """Show other blocks, if they are others."""
        if list(blocks) != self._blocks:
            self._blocks = list(blocks)
            self.remove_children()
            self.mount_all(map(block, self._blocks))


def block(shown: Block) -> Widget:
    """A block as a widget."""
    if shown.how == "page":
        return markdown(shown.text.plain, "page")
    return Static(shown.text, markup=False, classes=shown.how)


def markdown(text: str, classes: str) -> Widget:
    """Markdown in which nothing is a link: addresses stay in plain sight. `text` is printable."""
    if len(text) > _MARKDOWN_AT_MOST:
        return Static(text, markup=False, classes=classes)
    from markdown_it import MarkdownIt
    from textual.widgets import Markdown

    def parser() -> MarkdownIt:
        harmful = ["link", "image", "autolink", "reference", "html_block", "html_inline"]
        return MarkdownIt("commonmark").enable("table").disable(harmful)

    return Markdown(text, classes=classes, parser_factory=parser, open_links=False)
