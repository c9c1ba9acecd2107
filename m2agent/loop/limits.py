"""How far a run may go before a person is asked again."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from m2agent.events import Ended, Event, Judged, Noted, Reported, Turned


@dataclass(frozen=True)
class Limits:
    """Bounds of one leg of a run: since it began, or was last resumed after an end."""

    turns: int = 200
    minutes: float = 240.0
    tokens: int = 4_000_000
    cost: float = 10.0
    """In dollars; only hosted models cost any."""


class Spent:
    """What the leg has used up. Time is this process's own: a run that waits costs nothing."""

    def __init__(self, limits: Limits, history: Sequence[Event]) -> None:
        self._limits = limits
        self._began = time.monotonic()
        self._turns = 0
        self._tokens = 0
        self._cost = 0.0
        self._warned = False
        for event in reversed(history):
            if isinstance(event, Ended):
                break
            self.count(event)

    def count(self, event: Event) -> None:
        match event:
            case Turned(evaluated=evaluated, generated=generated, cost=cost):
                self._turns += 1
                self._tokens += evaluated + generated
                self._cost += cost
            case (
                Reported(evaluated=evaluated, generated=generated, cost=cost)
                | Judged(evaluated=evaluated, generated=generated, cost=cost)
            ):
                self._tokens += evaluated + generated
                self._cost += cost
            case Noted(about="limits"):
                self._warned = True
            case _:
                pass

    def reached(self) -> str | None:
        """The limit that was met, as a sentence, with the option that moves it."""
        limits = self._limits
        if self._turns >= limits.turns:
            return f"The limit of {limits.turns:,} turns is reached (--max-turns)."
        if self._tokens >= limits.tokens:
            return f"The limit of {limits.tokens:,} tokens is reached (--max-tokens)."
        if self._cost > limits.cost:
            return f"The limit of {limits.cost:.2f} dollars is passed (--max-cost)."
        if self._minutes() >= limits.minutes:
            return f"The limit of {limits.minutes:g} minutes is reached (--max-minutes)."
        return None

    def left(self) -> Limits:
        """What a sub-agent may use up of them. It has turns of its own."""
        limits = self._limits
        tokens, cost = limits.tokens - self._tokens, limits.cost - self._cost
        return replace(limits, tokens=max(tokens, 0), cost=max(cost, 0.0))

    def warning(self) -> Noted | None:
        """Said to the model once, when nine tenths are gone, so that it can finish in order."""
        limits = self._limits
        share = max(
            self._turns / limits.turns,
            self._tokens / limits.tokens,
            self._minutes() / limits.minutes,
            self._cost / limits.cost if limits.cost else 0.0,
        )
        if self._warned or share < 0.9:
            return None
        left = max(limits.turns - self._turns, 0)
        return Noted(
            f"Nine tenths of this run's limits are used; at most {left} turns are left. "
            "Bring the work to a good end and report what is done and what is open.",
            about="limits",
        )

    def _minutes(self) -> float:
        return (time.monotonic() - self._began) / 60
