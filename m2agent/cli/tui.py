"""`m2agent` alone: the terminal UI."""

from typing import Any, cast

from m2agent.home import config_file


def tui(model: str | None, office: str | None, linear: bool) -> int:
    """Open the terminal UI and return its exit code."""
    from m2agent_tui import Taste, run

    asked = _screen()
    keys = asked.get("keys")
    taste = Taste(
        theme=str(asked.get("theme", "")),
        keys=cast(dict[str, str], keys) if isinstance(keys, dict) else {},
        linear=linear or asked.get("linear") is True,
        panel=asked.get("panel") is not False,
        notify=asked.get("notify") is not False,
    )
    return run(lambda: _means(model, office), taste)


def _means(model: str | None, office: str | None) -> Any:
    """Made after the first paint: it loads what the screen can do without until then."""
    from m2agent.cli.means import CommandLineMeans

    return CommandLineMeans(model, office)


def _screen() -> dict[str, Any]:
    """The table `screen` of the configuration, in a moment. What is wrong with it is said later."""
    if not config_file().exists():
        return {}
    import tomllib

    try:
        table = tomllib.loads(config_file().read_text("utf-8")).get("screen")
    except (OSError, ValueError):
        return {}
    return cast(dict[str, Any], table) if isinstance(table, dict) else {}
