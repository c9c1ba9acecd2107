"""Guesses what a turn writes next: whatever followed its last tokens where they stood before.

Office work quotes: ids, names and figures go from results into calls. Several guessed tokens are
evaluated in one batch with the next one; those that are chosen anyway cost nothing more. Whether
that is cheaper depends on the model and the machine, so it is measured as it goes: on a mixture of
experts each guess brings other experts into play.
"""

from m2agent_models.engine import Tokens

GUESSES = 4
_LAST = 3
"""Tokens that have to be the same."""

_BITS = 20
_KEEP = 0.9
_SHORTEST_PAUSE, _LONGEST_PAUSE = 64, 4096


class Lookup:
    """Where every few tokens of one log stood last. A log only grows."""

    def __init__(self) -> None:
        self._after: dict[int, int] = {}
        self._seen = 0

    def guess(self, log: Tokens, most: int) -> Tokens:
        """What followed the log's last tokens before; empty where they are new.

        What is repeated right now is taken to go on being repeated.
        """
        import numpy as np

        if len(log) <= _LAST:
            return log[:0]
        new = np.frombuffer(log, np.int32)[max(0, self._seen - _LAST) :].astype(np.int64)
        keys = (new[:-2] << 2 * _BITS | new[1:-1] << _BITS | new[2:]).tolist()
        end = len(log)
        *earlier, last = keys
        self._after.update(zip(earlier, range(end - len(earlier), end), strict=True))
        self._seen = end
        at = self._after.get(last)
        return log[:0] if at is None else (log[at : at + most] * most)[:most]


class Odds:
    """Whether guessing pays: seconds and tokens of steps with guesses, and of those without."""

    def __init__(self) -> None:
        self._plain = 0.0
        self._guessed = 0.0
        self._right = 0.0
        self._wait = 0
        self._pause = _SHORTEST_PAUSE

    @property
    def good(self) -> bool:
        """Whether to guess in the next step."""
        return not self._wait

    def note(self, seconds: float, *, guessed: bool, right: int = 0) -> None:
        """What a step came to; `right` is how many of its guesses were."""
        if not guessed:
            self._plain = _mean(self._plain, seconds)
            self._wait = max(0, self._wait - 1)
            return
        self._guessed = _mean(self._guessed, seconds)
        self._right = _mean(self._right, right + 1)
        if not self._plain:
            return
        if self._plain * self._right < self._guessed:
            self._wait = self._pause
            self._pause = min(2 * self._pause, _LONGEST_PAUSE)
        else:
            self._pause = _SHORTEST_PAUSE


def _mean(before: float, now: float) -> float:
    return _KEEP * before + (1 - _KEEP) * now if before else now
