"""The terminal UI on real parts: a scripted model, a connector of an outsider's package."""

import json
import re
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from html import unescape
from pathlib import Path
from typing import Any

from textual.events import Key
from textual.pilot import Pilot

from m2agent.desk import Setup
from m2agent.events import Event
from m2agent.home import home, journal_file
from m2agent.journal import Journal
from m2agent_tui.app import M2Agent
from m2agent_tui.card import Card
from m2agent_tui.desks import Desks
from m2agent_tui.prompt import Prompt
from m2agent_tui.start import Start


def call(tool: str, **arguments: Any) -> dict[str, Any]:
    """A turn with one call."""
    return {"calls": [{"tool": tool, "arguments": arguments}]}


@dataclass
class Scene:
    """A terminal with the program in it, and a person at the keys."""

    app: M2Agent
    desks: Desks
    pilot: Pilot[None]

    @property
    def text(self) -> str:
        """What is on the screen, row by row."""
        svg = self.app.export_screenshot(simplify=True)
        rows: dict[float, list[tuple[float, str]]] = {}
        for found in re.finditer(r'<text [^>]*x="([\d.]+)" y="([\d.]+)"[^>]*>(.*?)</text>', svg):
            x, y, text = found.groups()
            rows.setdefault(float(y), []).append((float(x), unescape(text).replace("\xa0", " ")))
        return "\n".join("".join(t for _, t in sorted(rows[y])).rstrip() for y in sorted(rows))

    @property
    def prompt(self) -> Prompt:
        return self.app.screen.query_one(Prompt)

    async def sees(self, words: str) -> None:
        """Wait until these words are on the screen."""
        await self.until(lambda: words in self.text, f"{words!r} never came")

    async def until(self, condition: Callable[[], bool], otherwise: str = "it never came") -> None:
        end = time.monotonic() + 10
        while not condition():
            assert time.monotonic() < end, f"{otherwise}; the screen:\n{self.text}"
            await self.pilot.pause(0.03)

    async def say(self, text: str) -> None:
        """Type into the prompt, wherever the focus is, and send it."""
        self.prompt.insert(text)
        self.prompt.focus()
        await self.pilot.press("enter")

    async def is_asked(self) -> None:
        """Wait for a question, and for the time in which no key is an answer to pass."""
        await self.sees("decide later")
        await self.is_listened_to()

    async def is_listened_to(self) -> None:
        """Wait until a key can be an answer."""
        await self.until(lambda: all(c.is_ready for c in self.app.screen.query(Card)))

    async def strike(self, text: str) -> None:
        """Type faster than anything can happen on the screen."""
        for character in text:
            self.app.post_message(Key(character, character))
        await self.pilot.pause(0.05)

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)
        await self.pilot.pause(0.05)


@dataclass
class Stage:
    """Where scenes are played: one home folder, in which the program is opened and left."""

    folder: Path
    notice: str = ""
    accounts: dict[str, dict[str, Any]] = field(
        default_factory=lambda: {"post": {"connector": "post"}}
    )

    def script(self, *turns: dict[str, Any]) -> Setup:
        file = self.folder / "script.jsonl"
        file.write_text("\n".join(json.dumps(turn) for turn in turns))
        return Setup(f"script:{file}", self.folder / "work", self.accounts)

    def start(self, *turns: dict[str, Any]) -> tuple[M2Agent, Desks]:
        """The program, not running yet, and what must be closed after it."""
        setup = self.script(*turns)
        desks = Desks(lambda: Start(setup, self.notice))
        return M2Agent(desks), desks

    @asynccontextmanager
    async def open(
        self, *turns: dict[str, Any], size: tuple[int, int] = (80, 24)
    ) -> AsyncGenerator[Scene]:
        app, desks = self.start(*turns)
        try:
            async with app.run_test(size=size) as pilot:
                yield Scene(app, desks, pilot)
        finally:
            await desks.close()

    def events(self, run: str = "last") -> list[Event]:
        journal = Journal(journal_file())
        try:
            return [record.event for record in journal.read(journal.find(run))]
        finally:
            journal.close()

    @property
    def sent(self) -> list[str]:
        """Every letter that left, one a line."""
        file = home() / "accounts" / "post" / "sent"
        return file.read_text().splitlines() if file.exists() else []

    def go(self) -> None:
        """Let `post_wait` come back."""
        (home() / "accounts" / "post" / "go").touch()
