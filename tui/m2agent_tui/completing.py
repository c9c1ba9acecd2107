"""What may be meant by the word that is being typed: a /command, or an @file, person or page."""

import os
import re
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from textual.content import Content
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from m2agent.printable import one_line
from m2agent_tui.commands import COMMANDS

_MOST = 8
_FILES = 5_000
_WORD = re.compile(r"(?:^|(?<=\s))@(\S*)$")


@dataclass(frozen=True)
class Meant:
    """What would stand in the text, and a word on it; `starts` is where it begins there."""

    text: str
    words: str
    starts: int


LookUp = Callable[[str], Awaitable[Sequence[tuple[str, str]]]]
"""People and pages for what was typed: what would stand in the text, and a word on it."""


class Completions(OptionList):
    """The list above the prompt; the prompt keeps the focus, and moves in it."""

    DEFAULT_CSS = """
    Completions {
        height: auto;
        max-height: 8;
        margin: 0 1;
        padding: 0 1;
        border: none;
        background: $surface;
        text-wrap: nowrap;
        text-overflow: ellipsis;
    }
    """

    def __init__(self) -> None:
        super().__init__(id="completions", markup=False, compact=True)
        self.can_focus = False
        self.display = False
        self._meant: Sequence[Meant] = ()

    def show(self, found: Sequence[Meant]) -> None:
        """Show these; none hides the list."""
        if list(found) == list(self._meant):
            return
        self._meant = found
        self.display = bool(found)
        self.clear_options()
        self.add_options(
            Option(
                Content.assemble(
                    one_line(one.text, 60), (f"  {one_line(one.words, 80)}", "$foreground-muted")
                )
            )
            for one in found
        )
        self.highlighted = 0 if found else None

    @property
    def chosen(self) -> Meant | None:
        return self._meant[self.highlighted] if self.highlighted is not None else None


def commands(text: str) -> list[Meant]:
    """The commands that a text may become."""
    if not re.fullmatch(r"/[a-z]*", text):
        return []
    word = text[1:]
    fitting = [command for command in COMMANDS if command.name.startswith(word)]
    return [Meant(f"/{command.name}", command.words, 0) for command in fitting]


def mentioned(before: str) -> str | None:
    """The word after @ that ends where the cursor is."""
    found = _WORD.search(before)
    return found[1] if found else None


def files(folder: Path, word: str) -> list[tuple[str, str]]:
    """Files of the work folder whose path holds the word, in any case of letters."""
    wanted = word.lower()
    found: list[tuple[str, str]] = []
    for path in _walk(folder):
        if wanted in path.lower():
            found.append((path, "file"))
            if len(found) >= _MOST:
                break
    return found


def merged(before: str, *kinds: Iterable[tuple[str, str]]) -> list[Meant]:
    """A few of each kind, to stand where the word after @ stands."""
    starts = before.rfind("@")
    each = _MOST // max(1, len(kinds))
    return [Meant(text, words, starts) for kind in kinds for text, words in list(kind)[:each]]


def _walk(folder: Path) -> Iterable[str]:
    """Files below a folder, hidden ones left out, at most so many as are looked at in a moment."""
    count = 0
    for top, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            if not name.startswith("."):
                yield os.path.relpath(os.path.join(top, name), folder)  # noqa: PTH118
                count += 1
        if count >= _FILES:
            return
