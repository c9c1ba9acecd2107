"""What a person puts into a run while it goes on: words, a pause, the wish to stop."""

import asyncio
from collections import deque
from typing import Any

from m2agent.events import Planned


class Steering:
    """Left here by a screen and picked up by the loop, between two steps.

    A sub-agent's has its run's `above` it, and pauses and stops when that does.
    """

    def __init__(self, above: "Steering | None" = None) -> None:
        self._above = above
        self._messages: deque[str] = deque()
        self._plan: Planned | None = None
        self._stop = asyncio.Event()
        self._moving = asyncio.Event()
        self._moving.set()

    @property
    def stopping(self) -> bool:
        return self._stop.is_set() or (self._above is not None and self._above.stopping)

    @property
    def paused(self) -> bool:
        return not self._moving.is_set() or (self._above is not None and self._above.paused)

    @property
    def waiting(self) -> list[str]:
        """The messages that the model has not been given yet."""
        return list(self._messages)

    def say(self, text: str) -> None:
        """Reaches the model before its next turn, after what was said before."""
        self._messages.append(text)

    def replan(self, plan: Planned) -> None:
        """Put this plan in place of the run's, before the model's next turn."""
        self._plan = plan

    def replanned(self) -> Planned | None:
        """The plan that was put here since the last time."""
        plan, self._plan = self._plan, None
        return plan

    def pause(self) -> None:
        """Finish the step that is under way, then wait for `go_on`."""
        self._moving.clear()

    def go_on(self) -> None:
        """Neither pause nor stop any more."""
        self._stop = asyncio.Event()
        self._moving.set()

    def stop(self) -> None:
        """Finish the step that is under way, then end the run for now."""
        self._stop.set()
        self._moving.set()

    async def moving(self) -> None:
        """Wait while the run is paused."""
        await self._moving.wait()
        if self._above is not None:
            await self._above.moving()

    async def stopped(self) -> None:
        """Wait until the run is to stop."""
        wishes: list[asyncio.Future[Any]] = [asyncio.ensure_future(self._stop.wait())]
        if self._above is not None:
            wishes.append(asyncio.ensure_future(self._above.stopped()))
        try:
            await asyncio.wait(wishes, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wish in wishes:
                wish.cancel()

    async def sleep(self, seconds: float) -> None:
        """Wait so long, or until the run is stopped."""
        while seconds > 0 and not self.stopping:
            await asyncio.sleep(min(seconds, 0.2))
            seconds -= 0.2

    def heard(self) -> list[str]:
        """The messages since the last time."""
        messages = list(self._messages)
        self._messages.clear()
        return messages
