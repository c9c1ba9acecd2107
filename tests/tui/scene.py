"""The terminal UI on real parts: a scripted model, a connector of an outsider's package."""

import json
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from textual.events import Key
from textual.pilot import Pilot

from m2agent.cli.means import CommandLineMeans
from m2agent.desk import Setup
from m2agent.events import Event
from m2agent.home import home, journal_file, offices
from m2agent.journal import Journal
from m2agent_tui.app import M2Agent
from m2agent_tui.card import Card
from m2agent_tui.desks import Desks
from m2agent_tui.means import Progress, Setting, Thinker
from m2agent_tui.prompt import Prompt
from m2agent_tui.start import Start, Taste


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
        strips = self.app.screen._compositor.render_strips()  # pyright: ignore[reportPrivateUsage]
        return "\n".join(strip.text.rstrip() for strip in strips)

    @property
    def prompt(self) -> Prompt:
        return self.app.screen.query_one(Prompt)

    async def sees(self, words: str, seconds: float = 120) -> None:
        """Wait until these words are on the screen."""
        await self.until(lambda: words in self.text, f"{words!r} never came", seconds)

    async def until(
        self,
        condition: Callable[[], bool],
        otherwise: str = "it never came",
        seconds: float = 120,
    ) -> None:
        end = time.monotonic() + seconds
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
class Shelf:
    """Means of a machine with two models, one of them here; settings are the real file's."""

    first: bool = False
    setup: Setup | None = None
    used: list[str] = field(default_factory=list[str])
    pulled: list[str] = field(default_factory=list[str])
    arrives: bool = True
    """Whether what is fetched comes to an end."""

    def start(self) -> Start:
        assert self.setup
        model = self.used[-1] if self.used else self.setup.model
        return Start(replace(self.setup, model=model), first=self.first)

    def machine(self) -> str:
        return "25 GB of memory, 2 cores, no GPU"

    def models(self) -> list[Thinker]:
        return [
            Thinker("qwen3-4b", "Qwen3 4B", 2.5e9, "fits", False, "small"),
            Thinker("starter", "SmolLM2", 1e8, "fits on the CPU", True),
            Thinker("m2.7-q8-0", "MiniMax-M2.7", 2.43e11, "does not fit", False),
        ]

    def pull(self, name: str, progress: Progress) -> None:
        self.pulled.append(name)
        progress(500_000_000, 2_500_000_000)
        while not self.arrives:
            time.sleep(0.01)
            progress(500_000_000, 2_500_000_000)
        progress(2_500_000_000, 2_500_000_000)

    def use(self, model: str) -> None:
        self.used.append(model)

    def use_sample_office(self) -> None:
        assert self.setup
        self.setup = replace(self.setup, work=offices() / "sample" / "work")

    def settings(self) -> Sequence[Setting]:
        return CommandLineMeans(None, None).settings()

    def write(self, key: str, value: str) -> None:
        CommandLineMeans(None, None).write(key, value)

    def command(self, *words: str) -> list[str]:
        return ["m2agent", *words]


@dataclass
class Stage:
    """Where scenes are played: one home folder, in which the program is opened and left."""

    folder: Path
    notice: str = ""
    taste: Taste = field(default_factory=Taste)
    means: "Shelf | None" = None
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
        if means := self.means:
            means.setup = setup
            desks = Desks(means.start)
            return M2Agent(desks, self.taste, lambda: means), desks
        desks = Desks(lambda: Start(setup, self.notice))
        return M2Agent(desks, self.taste), desks

    @asynccontextmanager
    async def open(
        self,
        *turns: dict[str, Any],
        size: tuple[int, int] = (80, 24),
        notifications: bool = False,
    ) -> AsyncGenerator[Scene]:
        app, desks = self.start(*turns)
        try:
            async with app.run_test(size=size, notifications=notifications) as pilot:
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
