"""The terminal UI: it draws events and passes on intentions; it decides nothing."""

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from m2agent.errors import UsageError
from m2agent_tui.start import Start, Taste

if TYPE_CHECKING:
    from m2agent_tui.means import Means

__all__ = ["Start", "Taste", "run"]


def run(means: "Callable[[], Means]", taste: Taste) -> int:
    """Open the terminal UI, and return its exit code when the person has left it.

    Nothing but the screen is made before it is painted; `means` is called after that.
    """
    if not sys.stdin.isatty() or not (taste.linear or sys.stderr.isatty()):
        raise UsageError("The terminal UI needs a terminal. For scripts: m2agent run TASK")
    import asyncio

    if taste.linear:
        from m2agent_tui.linear import open_linear

        return asyncio.run(open_linear(means))
    from m2agent_tui.app import open_app

    return asyncio.run(open_app(means, taste))
