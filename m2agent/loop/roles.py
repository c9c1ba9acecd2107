"""What a sub-agent is for: how it sees its work, which tools it has, and how far it goes."""

import fnmatch
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import get_args

from m2agent.loop.limits import Limits
from m2agent.tool import Effect

_EVERYTHING: tuple[Effect, ...] = get_args(Effect)


@dataclass(frozen=True)
class Role:
    """`about` is told to the sub-agent; `tools` are patterns with `*`, `effects` what they may do.

    A role only ever narrows what the run itself has.
    """

    about: str = ""
    tools: Sequence[str] = ("*",)
    effects: Collection[Effect] = _EVERYTHING
    turns: int = 60
    minutes: float = 60.0
    tokens: int = 1_000_000

    def has(self, tool: str) -> bool:
        return any(fnmatch.fnmatchcase(tool, pattern) for pattern in self.tools)

    def within(self, limits: Limits) -> Limits:
        """This role's limits, and never more than these."""
        return Limits(
            min(self.turns, limits.turns),
            min(self.minutes, limits.minutes),
            min(self.tokens, limits.tokens),
            limits.cost,
        )


ROLES: Mapping[str, Role] = MappingProxyType(
    {
        "": Role(),
        "researcher": Role(
            "You find things out and change nothing. Report what you found and where.",
            effects=("read",),
        ),
        "writer": Role(
            "You write: drafts, pages, rows, files. Read what you need for it first. You send "
            "nothing.",
            effects=("read", "write"),
        ),
        "checker": Role(
            "You check whether something is as it is said to be. Look at each thing yourself, "
            "believe nothing that you were told, and report item by item what holds, what does "
            "not, and what could not be looked at.",
            effects=("read",),
        ),
    }
)
