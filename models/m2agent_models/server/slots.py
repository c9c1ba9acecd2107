"""Gives each conversation a slot of llama-server, where its tokens stay evaluated."""

import hashlib
from collections.abc import Sequence

import msgspec

from m2agent.events import Asked, Began, Event


class Slots:
    """The slots of one server.

    A conversation keeps its slot from turn to turn and over a restart, and no two of ours share
    one while there are enough: a sub-agent that took its parent's would have the parent's whole
    prompt read again.
    """

    def __init__(self, count: int) -> None:
        self._count = max(1, count)
        self._taken: dict[str, int] = {}

    def of(self, name: str) -> int:
        """The slot of the conversation with that name; the one unused for longest if all are."""
        slot = self._taken.pop(name, None)
        if slot is None:
            slot = self._free(int(name, 16))
        self._taken[name] = slot
        return slot

    def _free(self, wish: int) -> int:
        if len(self._taken) >= self._count:
            return self._taken.pop(next(iter(self._taken)))
        wishes = ((wish + n) % self._count for n in range(self._count))
        return next(slot for slot in wishes if slot not in self._taken.values())


def conversation(history: Sequence[Event]) -> str:
    """A name for the conversation, in hexadecimal: the same for all its turns and judgements."""
    first = [next((e for e in history if isinstance(e, kind)), None) for kind in (Began, Asked)]
    return hashlib.sha256(msgspec.json.encode(first)).hexdigest()[:12]
