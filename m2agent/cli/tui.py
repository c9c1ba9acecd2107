"""`m2agent` alone: the terminal UI."""

from m2agent_tui import Start, run


def tui(model: str | None, office: str | None) -> int:
    """Open the terminal UI and return its exit code."""

    def prepare() -> Start:
        from m2agent.cli.choose import choose

        return Start(choose(model, office))

    return run(prepare)
