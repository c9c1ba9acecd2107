"""How many threads compute: as many as make a token quickest just now.

llama.cpp's threads wait for one another some thousand times a token, and spin while they wait.
Where another program wants a core, all wait for the one that was put aside: on two busy cores two
threads wrote 0.8 tokens a second, and one wrote 21. So half and double are tried now and then.
"""

import os
from collections import deque
from collections.abc import Callable
from statistics import median

_TRIAL = 3
"""Tokens that a number of threads is tried for."""

_HOPELESS = 3.0
"""A trial's token that takes so many times the usual ends the trial."""

_WORSE, _BETTER = 1.5, 0.9
_SHORTEST, _LONGEST = 16, 512
"""Tokens between two trials; each that fails makes it twice as many."""


class Threads:
    """Chooses between 1 and `most`; `use` is told the number when it changes."""

    def __init__(
        self,
        most: int,
        use: Callable[[int], None],
        load: Callable[[], float] = lambda: os.getloadavg()[0],
    ) -> None:
        self.now = most
        self._most = most
        self._use = use
        self._load = load
        self._recent: deque[float] = deque(maxlen=5)
        self._tried: list[float] = []
        self._trial: int | None = None
        self._good = 0.0
        self._pause = _SHORTEST
        self._since = _SHORTEST - 2 * _TRIAL
        self._fewer_next = True

    def note(self, seconds: float) -> None:
        """A token was written, alone in its batch, in so many seconds."""
        if self._most == 1:
            return
        if self._trial:
            self._tried.append(seconds)
            if len(self._tried) == _TRIAL or seconds > _HOPELESS * median(self._recent):
                self._settle(self._trial)
            return
        self._recent.append(seconds)
        self._since += 1
        if len(self._recent) < _TRIAL or self._since < _SHORTEST:
            return
        worse = self._good and median(self._recent) > _WORSE * self._good
        if worse or self._since >= self._pause:
            self._try(fewer=bool(worse) or self._fewer_next)

    def _try(self, *, fewer: bool) -> None:
        self._since = 0
        self._fewer_next = not fewer
        number = max(1, self.now // 2) if fewer else min(self._most, 2 * self.now)
        # More threads than there are cores left would only wait for them.
        crowded = self._load() - self.now + number > (os.cpu_count() or 1) + 0.5
        if number == self.now or (number > self.now and crowded):
            return
        self._trial = number
        self._tried.clear()
        self._use(number)

    def _settle(self, number: int) -> None:
        """Stay with what was tried if it was better, or go back."""
        usual, tried = median(self._recent), median(self._tried)
        self._trial = None
        if tried < _BETTER * usual:
            self.now = number
            self._recent.clear()
            self._pause = _SHORTEST
        else:
            self._use(self.now)
            self._pause = min(2 * self._pause, _LONGEST)
        self._good = min(usual, tried)
