"""m2agent finishes long office work by itself, on a person's own machine."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from m2agent.embed import run

__all__ = ["run"]


def __getattr__(name: str) -> Any:
    """`m2agent.run` is loaded when it is used: importing m2agent loads nothing."""
    if name == "run":
        from m2agent.embed import run

        return run
    raise AttributeError(f"module 'm2agent' has no attribute {name!r}")
