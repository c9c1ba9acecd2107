"""The tour of the screens: all that can be done with them, by keys, in the sample office.

packaging/pictures.py draws the gallery of the docs from it, and the tests compare with that.
"""

import json
import re
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

from scene import Scene, Shelf
from textual.events import Paste
from textual.widgets import Input, TextArea

from m2agent import office
from m2agent.cli.choose import choose
from m2agent.cli.means import thinkers
from m2agent.desk import Desk, Setup
from m2agent.home import home, journal_file, offices, private
from m2agent.journal import Journal
from m2agent_models.engine.machine import Machine
from m2agent_tui.app import M2Agent
from m2agent_tui.desks import Desks
from m2agent_tui.lines import Line
from m2agent_tui.means import Thinker
from m2agent_tui.start import Start, Taste
from m2agent_tui.story import Helper, Step
from m2agent_tui.taking_back import TakingBack

REPORT = """\
Eleven invoices of last week are checked and entered; **four are wrong**:

| Invoice | Supplier | Says | Should say |
| --- | --- | --- | --- |
| SI-12284 | Hoban Computing | 730.33 | 703.33 |
| INV-50403 | Drury Haulage | 1,223.85 | 1,134.06 |
| 26/15674 | Lanificio Bellandi | 2,913.60 | 2,760.60 |
| F85348 | Möbelbeschläge Köster | 1,095.76 | 1,087.16 |

Three suppliers have an answer: [message m436], [message m438] and [message m439]. Raymond Garcia
has none: you call him.
"""
"""What the model says at the end of a tour in which one of the mails is not sent."""

WAIT = "until [ -e go ]; do sleep 0.1; done; echo 38.5 hours"
HOURS: list[dict[str, Any]] = [
    {
        "thinking": "First a plan: add up the hours, have the mails counted, then sum it up.",
        "calls": [
            {
                "tool": "plan_update",
                "arguments": {
                    "items": [
                        {"text": "Add up the hours of the week", "state": "doing"},
                        {"text": "Count the mails on them", "state": "open"},
                        {"text": "Sum it up in three lines", "state": "open"},
                    ]
                },
            }
        ],
    },
    {
        "thinking": "The sheets are in the work folder; the shell adds them up.",
        "calls": [{"tool": "shell_run", "arguments": {"command": WAIT, "timeout": 900}}],
    },
    {
        "thinking": "A helper can count the mails while I write.",
        "calls": [{"tool": "delegate", "arguments": {"task": "Count the mails about hours."}}],
    },
    {
        "agent": "Count the mails",
        "calls": [{"tool": "mail_search", "arguments": {"query": "hours"}}],
    },
    {"agent": "Count the mails", "text": "The search for hours shows them all."},
    {"text": "Until Thursday it is 38.5 hours."},
    {"text": "Until Thursday it is 38.5 hours."},
    {"text": "Until Thursday it is 38.5 hours."},
]
"""What the model does while the person talks to it; it waits for a file named go."""

SIZE = (120, 40)
OTHER_SIZES = ((80, 24), (200, 60))
FONT = "ui-monospace, Menlo, Consolas, 'DejaVu Sans Mono', monospace"

MACHINE = Machine(128_000_000_000, 16, "NVIDIA RTX 4090", 24_000_000_000)
MEMORY_SPEED = 60e9
SANDBOX = (
    "Commands run inside bubblewrap, which keeps them to the work folder, away from your home "
    "folder, keys and the network."
)
"""The machine of the pictures, whatever machine they are drawn on."""

Keep = Callable[[str, str], None]
"""Takes the name of a screen, and its picture as SVG."""


class Newcomer(Shelf):
    """Means of that machine, with a script that stands in for every model."""

    def __init__(self, script: Path, first: bool) -> None:
        super().__init__(first, arrives=False)
        self._script = script
        self._office = None if first else "sample"

    def start(self) -> Start:
        return Start(choose(f"script:{self._script}", self._office), first=self.first)

    def machine(self) -> str:
        return str(MACHINE)

    def models(self) -> list[Thinker]:
        return thinkers(MACHINE, MEMORY_SPEED)

    def use_sample_office(self) -> None:
        self.first, self._office = False, "sample"


class SameEverywhere(Desks):
    """Desks at which the sandbox is said to be that of the pictures' machine."""

    @asynccontextmanager
    async def at(self, setup: Setup) -> AsyncGenerator[Desk]:
        async with super().at(setup) as desk:
            told = desk.describe()
            cast(Any, desk).describe = lambda: {**told, "shell": SANDBOX}
            yield desk


@asynccontextmanager
async def opened(turns: str, *, first: bool = False) -> AsyncGenerator[Scene]:
    """The program with a script, in the sample office, or as it is `first` opened at all."""
    script = private(home()) / "tour.jsonl"
    script.write_text(turns, "utf-8")
    means = Newcomer(script, first)
    desks = SameEverywhere(means.start)
    app = M2Agent(desks, Taste(panel=False), lambda: means)
    cast(Any, app).animation_level = "none"
    try:
        async with app.run_test(size=SIZE) as pilot:
            yield Scene(app, desks, pilot)
    finally:
        await desks.close()


class Tour:
    """One walk through the screens."""

    def __init__(self, scene: Scene, keep: Keep) -> None:
        self.scene = scene
        self._keep = keep

    async def picture(self, name: str, *, in_other_sizes: bool = False) -> None:
        """Keep a picture of the screen as it is now."""
        *behind, on_top = self.scene.app.screen_stack
        for screen in (*behind, on_top):
            for field in screen.query("Input, TextArea"):
                cast(Input | TextArea, field).cursor_blink = False
                if screen is not on_top:
                    cast(Any, field)._cursor_visible = False
        self._keep(name, await self._drawn())
        if in_other_sizes:
            for width, height in OTHER_SIZES:
                await self.scene.pilot.resize_terminal(width, height)
                self._keep(f"{name}-{width}x{height}", await self._drawn())
            await self.scene.pilot.resize_terminal(*SIZE)
            await self._drawn()

    async def _drawn(self) -> str:
        """The picture, once it stays as it is."""
        before, now = "", self._taken()
        while before != now:
            await self.scene.pilot.pause(0.3)
            before, now = now, self._taken()
        return now

    def _taken(self) -> str:
        return steady(self.scene.app.export_screenshot(title="m2agent", simplify=True))

    # The way of a newcomer, from the first start to the undo

    async def set_up(self) -> None:
        """A model is chosen and fetched, then what it works with."""
        scene = self.scene
        await scene.sees("1 of 2 · What should think?")
        await scene.sees("words a second here")
        await self.picture("welcome", in_other_sizes=True)
        await scene.press(*"starter", "enter")
        await scene.sees("Fetching starter")
        cast(Any, scene.app)._means().arrives = True
        await scene.sees("2 of 2 · What should it work with?")
        await self.picture("connect")
        await scene.press("enter")

    async def start(self) -> None:
        """What one sees first, and what can be asked for."""
        scene = self.scene
        await scene.sees("This is a sample office")
        await scene.sees("idle · tour.jsonl")
        await self.picture("start", in_other_sizes=True)
        await scene.press("/")
        await scene.sees("/runs")
        await self.picture("commands")
        await scene.press("backspace", *"Ask @garc")
        await scene.sees("person")
        await self.picture("mention")
        await scene.press("tab")
        await scene.until(lambda: scene.prompt.text.startswith("Ask Raymond Garcia"))
        await scene.press("ctrl+u")
        scene.prompt.post_message(Paste("A long letter.\n" * 40))
        await scene.sees("[pasted text 1, 41 lines]")
        await scene.press("ctrl+u")

    async def approve(self) -> None:
        """An example is chosen; of four mails one is changed, one is not sent."""
        scene = self.scene
        await scene.press("tab", "enter")
        await scene.until(lambda: scene.prompt.text == office.TASK)
        await scene.press("enter")
        await scene.sees("yes to all 4", 300)
        await scene.press("escape")
        await scene.sees("Waiting for you.")
        await scene.press("f3")
        await scene.sees("Enter opens the question")
        await self.picture("waiting")
        await scene.press("enter")
        await scene.is_asked()
        await scene.press("a", "down", "n", *"I call him", "enter", "down", "e")
        await scene.sees("Ctrl+S keeps the change")
        await scene.press(*["down"] * 40, "end", *" Gallagher")
        await self.picture("edit")
        await scene.press("ctrl+s")
        await scene.sees("change 1 and ask again")
        await scene.is_listened_to()
        await self.picture("approval", in_other_sizes=True)
        await scene.press("enter")
        await scene.sees("This step, as you changed it")
        await scene.is_asked()
        await self.picture("change")
        await scene.press("y", "enter")
        await scene.sees("Done, and checked.", 300)
        await self.picture("report", in_other_sizes=True)
        await scene.press("f2")
        await scene.sees("Engine")
        await self.picture("side")
        await scene.press("f2")

    async def read(self) -> None:
        """Steps open to what is behind them."""
        scene = self.scene
        await scene.press("tab")
        for tool, name, behind in (
            ("mail_read", "mail", "From: "),
            ("notes_query", "table", "Supplier"),
            ("shell_run", "command", "exit 0 in"),
        ):
            while not self._is_at(tool):
                await scene.pilot.press("k")
            await scene.press("enter")
            await scene.sees(behind)
            await self.picture(name)
            await scene.press("enter")
        await scene.press("tab")

    def _is_at(self, tool: str) -> bool:
        line = self.scene.app.focused
        assert isinstance(line, Line)
        entry = line.entry
        if tool == "delegate":
            return isinstance(entry, Helper)
        return isinstance(entry, Step) and entry.called.tool == tool

    async def take_back(self) -> None:
        """What the run changed is taken back, but for what was sent."""
        scene = self.scene
        await scene.press("f6")
        await scene.sees("Take back what this run did")
        await self.picture("undo", in_other_sizes=True)
        await scene.press("space", "space")
        await scene.until(lambda: cast(TakingBack, scene.app.screen).is_ready)
        await scene.press("enter")
        await scene.sees("Not all of it could be taken back", 300)

    async def find(self) -> None:
        """Runs, turns, what was said, and files of a run."""
        scene = self.scene
        await scene.press("ctrl+r")
        await scene.sees("Enter opens")
        await scene.press("down")
        await scene.sees("turns ·")
        await self.picture("runs", in_other_sizes=True)
        await scene.press("enter")
        await scene.sees("turn 30")
        await scene.press("f4")
        await scene.sees("Take another way after")
        await self.picture("rewind")
        await scene.press(*"rule book")
        await scene.press("escape", "ctrl+o")
        await scene.sees("What you said before")
        await scene.press("enter")
        await scene.until(lambda: scene.prompt.text == office.TASK)
        await scene.press("f7", "delete")
        await scene.say("/export")
        await scene.sees("Written to")
        await scene.say("/report")
        await scene.sees("Space reads on")
        await self.picture("written")
        await scene.press("escape")
        await scene.until(lambda: not scene.prompt.border_subtitle)
        await scene.press("f1")
        await scene.sees("New line")
        await self.picture("keys", in_other_sizes=True)
        await scene.press("f1")

    async def settle_in(self) -> None:
        """Settings, colours, connections, the model, and everything else by its name."""
        scene = self.scene
        await scene.say("/settings")
        await scene.sees("Turns of the model before a run stops.")
        await self.picture("settings")
        await scene.press(*"turns", "enter")
        await scene.sees("Enter keeps it")
        await scene.press(*["backspace"] * 3, *"50", "enter")
        await scene.sees("Search a setting")
        await scene.press("escape")
        await scene.say("/theme")
        await scene.sees("high-contrast")
        await scene.press(*"high-con", "enter")
        await scene.until(lambda: scene.app.theme == "high-contrast")
        await self.picture("contrast")
        await scene.say("/theme")
        await scene.sees("textual-dark")
        await scene.press(*"textual-dark", "enter")
        await scene.until(lambda: scene.app.theme == "textual-dark")
        await scene.say("/connections")
        await scene.sees("Connect Gmail")
        await scene.press("escape")
        await scene.say("/model")
        await scene.sees("A server of yours")
        await scene.press("escape", "ctrl+p")
        await scene.sees("Search for commands")
        await self.picture("palette")
        await scene.press("escape")

    async def newcomer(self) -> None:
        await self.set_up()
        await self.start()
        await self.approve()
        await self.read()
        await self.take_back()
        await self.find()
        await self.settle_in()

    # The way of somebody who does not wait until it is done

    async def steer(self) -> None:
        """While the model works it is spoken to, its plan is changed, and another task begun."""
        scene = self.scene
        await scene.sees("idle · tour.jsonl")
        await scene.press(*"Sum up our hours.", "enter")
        await scene.sees("running")
        await scene.press("f2")
        await scene.press(*"Only until Thursday", "enter")
        await scene.sees("The model hears this before its next turn")
        await scene.press("up")
        await scene.until(lambda: scene.prompt.text == "Only until Thursday")
        await scene.press("enter")
        await scene.sees("▹ Only until Thursday")
        await self.picture("steering", in_other_sizes=True)
        await scene.say("/plan")
        await scene.sees("[doing] Add up the hours")
        await self.picture("plan")
        await scene.press("end", *", all of them", "ctrl+s")
        await scene.sees("The model reads your plan")
        await scene.press("ctrl+n")
        await scene.sees("What should be done?")
        await scene.sees("1 more at work")
        await scene.press("ctrl+r")
        await scene.sees("running")
        await scene.press("enter")
        await scene.sees("▹ Only until Thursday")
        self._go()
        await scene.sees("The report does not hold", 300)
        await self.picture("unproven")
        await scene.press("tab")
        while not self._is_at("delegate"):
            await scene.pilot.press("k")
        await scene.press("enter")
        await scene.sees("Search mail: hours")
        await self.picture("helper")
        await scene.press("enter", "tab", "f2")

    async def stop(self) -> None:
        """It is paused, taken over, stopped, gone on with, and another way is taken."""
        scene = self.scene
        self._go(False)
        await scene.press("ctrl+n", *"Once more.", "enter")
        await scene.sees("running")
        await scene.say("/takeover")
        await scene.sees("stopping")
        await scene.until(lambda: scene.prompt.text == "I did this myself: ")
        await scene.press("ctrl+u", "escape")
        await scene.sees("Stopped. It was stopped at once.")
        self._go()
        await scene.press("enter")
        await scene.sees("The report does not hold", 300)
        await scene.press("f4")
        await scene.sees("Take another way after")
        await scene.press(*"write down", "enter")
        await scene.sees("Enter goes on. Or say what to do instead.")

    def _go(self, go: bool = True) -> None:
        """Let the command end that waits, or have the next one wait."""
        for work in offices().glob("*/work"):
            if go:
                (work / "go").touch()
            else:
                (work / "go").unlink(missing_ok=True)

    async def impatient(self) -> None:
        await self.steer()
        await self.stop()


async def newcomers_way(keep: Keep) -> None:
    *turns, _ = office.SCRIPT.read_text("utf-8").splitlines()
    async with opened("\n".join([*turns, json.dumps({"text": REPORT})]), first=True) as scene:
        await Tour(scene, keep).newcomer()


async def impatient_way(keep: Keep) -> None:
    async with opened("\n".join(map(json.dumps, HOURS))) as scene:
        await Tour(scene, keep).impatient()


def steady(svg: str) -> str:
    """The picture without what differs from day to day and from machine to machine.

    It loads nothing from elsewhere, fonts neither.
    """
    svg = re.sub(r"@font-face \{.*?\}", "", svg, flags=re.DOTALL)
    svg = re.sub(r"font-family: [^;]*Fira Code[^;]*;", f"font-family: {FONT};", svg)
    svg = re.sub(r"terminal-\d+", "terminal", svg)
    journal = Journal(journal_file())
    runs = [run.id for run in journal.runs()]
    journal.close()
    for run in runs:
        svg = svg.replace(run, "r3a9fk")
    for today in {datetime.now().date(), datetime.now(UTC).date()}:
        svg = svg.replace(today.isoformat(), "2026-11-02")
    return re.sub(r"<text [^>]*>[^<]*</text>", lambda found: _steady(found[0]), svg)


def _steady(text: str) -> str:
    """One piece of text; where it has another length it is no longer stretched to its old one."""
    now = text
    for pattern, instead in _STEADY:
        now = re.sub(pattern, instead, now)
    return text if now == text else re.sub(r' textLength="[\d.]+"', "", now)


_GAP = r"(?:&#160;|\s)"
_STEADY = (
    (rf"{_GAP}·{_GAP}[\d.]+{_GAP}s\b", ""),
    (rf"\w{{3}},{_GAP}\d\d{_GAP}\w{{3}}{_GAP}\d{{4}}{_GAP}[\d:]{{8}}", "Mon, 02 Nov 2026 09:00:00"),
    (rf"\d{{4}}-\d\d-\d\d{_GAP}\d\d:\d\d", "2026-11-02 09:00"),
    (rf"{_GAP}*(?:\d+{_GAP}min|now){_GAP}+r3a9fk", " now r3a9fk"),
)
