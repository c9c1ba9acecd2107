"""What a selftest says when something is not as it should be, and how long it waits for it."""

import asyncio
import time
from collections.abc import Awaitable, Callable

_PATIENCE = 60.0  # seconds; searches of services lag behind


class NotProven(Exception):
    """What was expected and did not come true, as a sentence."""


def expect(held: object, words: str) -> None:
    """Raises NotProven, with what should have been, unless it held."""
    if not held:
        raise NotProven(f"Not so: {words}")


async def comes_true(look: Callable[[], Awaitable[bool]], patience: float = _PATIENCE) -> bool:
    """Whether it is so, or becomes so before the patience ends."""
    deadline = time.monotonic() + patience
    while not await look():
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(2)
    return True
