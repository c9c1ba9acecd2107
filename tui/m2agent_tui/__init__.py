"""The terminal UI: it draws events and passes on intentions; it decides nothing."""

import sys

from m2agent.errors import UsageError
from m2agent_tui.start import Prepare, Start

__all__ = ["Start", "run"]


def run(prepare: Prepare) -> int:
    """Open the terminal UI, and return its exit code when the person has left it.

    Nothing but the screen is made before it is painted; `prepare` is called after that.
    """
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise UsageError("The terminal UI needs a terminal. For scripts: m2agent run TASK")
    import asyncio

    from m2agent_tui.app import open_app

    return asyncio.run(open_app(prepare))
