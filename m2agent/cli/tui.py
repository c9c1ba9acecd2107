"""`m2agent` alone: the terminal UI."""

from m2agent.cli.choose import choose


def tui(model: str | None, office: str | None) -> int:
    """Open the terminal UI and return its exit code."""
    from m2agent_tui import run

    return run(choose(model, office))
