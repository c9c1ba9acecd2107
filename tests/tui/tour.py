"""The tour of the screens: every one of them reached by keys, in the sample office.

packaging/pictures.py draws the gallery of the docs from it, and the tests compare with that.
"""

import json
import re
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any, cast

from scene import Scene
from textual.widgets import Input, TextArea

from m2agent import office
from m2agent.cli.choose import choose
from m2agent.home import home, journal_file, private
from m2agent.journal import Journal
from m2agent_tui.app import M2Agent
from m2agent_tui.desks import Desks
from m2agent_tui.lines import Line
from m2agent_tui.start import Start, Taste
from m2agent_tui.story import Step

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

SIZE = (120, 40)
OTHER_SIZES = ((80, 24), (200, 60))
FONT = "ui-monospace, Menlo, Consolas, 'DejaVu Sans Mono', monospace"

Keep = Callable[[str, str], None]
"""Takes the name of a screen, and its picture as SVG."""


@asynccontextmanager
async def in_sample_office() -> AsyncGenerator[Scene]:
    """The program as `m2agent --office sample` opens it, with the script that stands in."""
    script = private(home()) / "tour.jsonl"
    *turns, _ = office.SCRIPT.read_text("utf-8").splitlines()
    script.write_text("\n".join([*turns, json.dumps({"text": REPORT})]), "utf-8")
    desks = Desks(lambda: Start(choose(f"script:{script}", "sample")))
    app = M2Agent(desks, Taste(panel=False))
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
        for field in self.scene.app.screen.query("Input, TextArea"):
            cast(Input | TextArea, field).cursor_blink = False
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
        return steady(self.scene.app.export_screenshot(title="m2agent"))

    async def start(self) -> None:
        """What one sees first, and what can be asked for."""
        await self.scene.sees("This is a sample office")
        await self.scene.sees("idle · tour.jsonl")
        await self.picture("start")
        await self.scene.press("/")
        await self.scene.sees("/runs")
        await self.picture("commands")
        await self.scene.press("backspace")

    async def approve(self) -> None:
        """An example is chosen; of four mails one is changed, one is not sent."""
        scene = self.scene
        await scene.press("tab", "enter")
        await scene.until(lambda: scene.prompt.text == office.TASK)
        await scene.press("enter")
        await scene.sees("yes to all 4", 300)
        await scene.is_listened_to()
        await scene.press("a", "down", "n", *"I call him", "enter", "down", "e")
        await scene.sees("Ctrl+S keeps the change")
        await scene.press(*["down"] * 40, "end", *" Gallagher", "ctrl+s")
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
        """A step opens to what is behind it."""
        scene = self.scene
        await scene.press("tab")
        for _ in range(200):
            line = scene.app.focused
            assert isinstance(line, Line)
            if isinstance(line.entry, Step) and line.entry.called.tool == "mail_read":
                break
            await scene.pilot.press("k")
        await scene.press("enter")
        await scene.sees("From: ")
        await self.picture("mail")
        await scene.press("enter", "tab")

    async def take_back(self) -> None:
        """What the run changed is taken back, but for what was sent."""
        scene = self.scene
        await scene.say("/undo")
        await scene.sees("Take back what this run did")
        await self.picture("undo")
        await scene.press("enter")
        await scene.sees("Not all of it could be taken back", 300)

    async def find(self) -> None:
        """Runs, turns, settings and keys."""
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
        await scene.press("escape", "f1")
        await scene.sees("New line")
        await self.picture("keys")
        await scene.press("f1")

    async def whole(self) -> None:
        await self.start()
        await self.approve()
        await self.read()
        await self.take_back()
        await self.find()


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
    svg = svg.replace(str(home()), "/home/kim/m2agent")
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
    (rf"\d{{4}}-\d\d-\d\d(?:{_GAP}\d\d:\d\d)?", "2026-11-02"),
    (rf"{_GAP}*(?:\d+{_GAP}min|now){_GAP}+r3a9fk", " now r3a9fk"),
    (rf"worked{_GAP}(?:less{_GAP}than{_GAP}a|\d+){_GAP}min(?:ute)?", "worked a minute"),
)
