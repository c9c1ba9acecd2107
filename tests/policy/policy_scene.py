"""A run as the policy sees it: a person's words, results with their origins, and calls to judge."""

from collections.abc import Sequence
from typing import Any

from m2agent.events import (
    Asked,
    Began,
    Called,
    Decided,
    Origin,
    Receipt,
    Returned,
    Started,
    ToolSpec,
    Trust,
)
from m2agent.policy import Call, Provenance, Rules, Verdict, decide
from m2agent.tool import Effect

Piece = tuple[Trust, str, str]
"""Whose words, from where, and the text."""


class Scene:
    """One run. Each `read` and each allowed `does` becomes history."""

    def __init__(
        self, words: str, *tools: ToolSpec, rules: Rules | None = None, me: str = ""
    ) -> None:
        self.provenance = Provenance()
        self.rules = rules or Rules()
        self._count = 0
        self.provenance.take(Began("script", f"You work for {me}." if me else "", list(tools)))
        self.provenance.take(Asked(words))

    def read(
        self,
        tool: str,
        arguments: dict[str, Any] | None = None,
        *pieces: Piece,
        data: Any = None,
        effect: Effect = "read",
        receipts: Sequence[Receipt] = (),
    ) -> None:
        """A call that happened, and what it answered."""
        text, origin = "", list[Origin]()
        for trust, source, words in pieces:
            origin.append(Origin(trust, source, len(text), len(text) + len(words)))
            text += words
        id = self._next()
        self.provenance.take(Called(id, tool, arguments or {}))
        self.provenance.take(Decided(id, "allow", "", "", effect))
        self.provenance.take(Started(id, id, ""))
        self.provenance.take(Returned(id, True, text, data, list(receipts), origin))

    def judge(self, tool: str, effect: Effect, content: str = "", **arguments: Any) -> Verdict:
        """What the policy says to a call now."""
        return self.judge_call(tool, effect, arguments, content)

    def judge_call(
        self, tool: str, effect: Effect, arguments: dict[str, Any], content: str = ""
    ) -> Verdict:
        call = Call(tool, effect, arguments, content=content)
        return decide(self.provenance.grant, self.provenance, call, self.rules)

    def _next(self) -> str:
        self._count += 1
        return f"{self._count}.1"
