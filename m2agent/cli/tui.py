"""`m2agent` alone: the terminal UI."""


def tui(model: str | None, office: str | None) -> int:
    """Open the terminal UI and return its exit code."""
    from m2agent_tui import Start, run

    def prepare() -> Start:
        from m2agent.cli.choose import choose

        setup = choose(model, office)
        return Start(setup, _notice(setup.model))

    return run(prepare)


def _notice(model: str) -> str:
    """What a person should know of the starter before they trust it with anything."""
    from m2agent_models.catalogue import STARTER, recommended
    from m2agent_models.engine.machine import this_machine

    if model not in ("local", STARTER):
        return ""
    better = recommended(this_machine())
    words = "The starter model shows that everything runs, but it is too weak to finish work."
    if better.name == STARTER:
        return words
    return f"{words} Better on this machine: m2agent models pull {better.name}"
