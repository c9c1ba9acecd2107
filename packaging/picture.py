"""Draw docs/tui.svg, the README's picture: the tour in the terminal UI, where it waits for a yes.

python packaging/picture.py
"""

import asyncio
import os
import re
import tempfile
from pathlib import Path

from m2agent import office
from m2agent.cli.choose import choose
from m2agent_tui.app import M2Agent
from m2agent_tui.approval import Approval
from m2agent_tui.desks import Desks
from m2agent_tui.prompt import Prompt
from m2agent_tui.start import Start

PICTURE = Path(__file__).parents[1] / "docs" / "tui.svg"
FONT = "ui-monospace, Menlo, Consolas, 'DejaVu Sans Mono', monospace"


async def played() -> str:
    """Play the tour to its question, without a terminal, and take a picture of that."""
    desks = Desks(lambda: Start(choose(f"script:{office.SCRIPT}", "sample")))
    app = M2Agent(desks)
    try:
        async with app.run_test(size=(104, 34)) as pilot:
            prompt = app.screen.query_one(Prompt)
            prompt.fill(office.TASK)
            await pilot.press("enter")
            while not app.screen.query(Approval):
                await pilot.pause(0.1)
            await pilot.pause(1)
            await pilot.press("y", "down", "down")
            await pilot.pause(0.5)
            return app.export_screenshot(title="m2agent")
    finally:
        await desks.close()


def with_own_fonts(svg: str) -> str:
    """The picture without fonts from elsewhere: whoever looks at it loads nothing but it."""
    svg = re.sub(r"@font-face \{.*?\}", "", svg, flags=re.DOTALL)
    return re.sub(r"font-family: [^;]*Fira Code[^;]*;", f"font-family: {FONT};", svg)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        os.environ["M2AGENT_HOME"] = folder
        PICTURE.write_text(with_own_fonts(asyncio.run(played())), "utf-8")


if __name__ == "__main__":
    main()
