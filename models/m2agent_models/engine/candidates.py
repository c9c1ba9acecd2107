"""What llama.cpp's samplers choose from: of a large vocabulary the likeliest thousand or so.

A chain that begins with top_k drops all but a few tokens, and most of its time goes into writing
200,064 of them down first. So the likeliest are picked out of the logits before; whenever they are
at least top_k, the chain comes to the same token by the same throw of the dice.
"""

import ctypes
from typing import Any

_LARGE = 16_384
"""Tokens of a vocabulary from which on picking pays."""

_STRIDE, _RANK = 67, 16
"""One logit in so many is looked at; those above the one of this rank among them are picked."""

_MOST = 8_192


class Candidates:
    """Room for so many tokens with their logits."""

    def __init__(self, lib: Any, most: int) -> None:
        import numpy as np

        self._lib = lib
        entries = np.zeros(most, np.dtype([("id", "i4"), ("logit", "f4"), ("p", "f4")]))
        self._ids, self._logits = entries["id"], entries["logit"]
        self._data = entries.ctypes.data_as(lib.llama_token_data_p)
        self._array = lib.llama_token_data_array(data=self._data, size=0, selected=-1, sorted=False)
        self._reference = ctypes.byref(self._array)

    def put(self, ids: Any, logits: Any) -> None:
        """These tokens, instead of those that were there."""
        count = len(ids)
        self._ids[:count] = ids
        self._logits[:count] = logits
        array = self._array
        array.data, array.size, array.selected, array.sorted = self._data, count, -1, False

    def apply(self, sampler: Any) -> int:
        """Let a sampler drop some of them; returns the token it chose, if it is one that does."""
        self._lib.llama_sampler_apply(sampler, self._reference)
        return int(self._array.data[max(self._array.selected, 0)].id)


class Likeliest:
    """Chooses among the likeliest tokens of a vocabulary, top_k at least."""

    def __init__(self, lib: Any, vocabulary: int, top_k: int) -> None:
        import numpy as np

        self.pays = vocabulary >= _LARGE and top_k > 0
        if self.pays:
            self._top_k = top_k
            self._candidates = Candidates(lib, _MOST)
            self._above = np.empty(vocabulary, np.bool_)
            self._bar = np.float32(np.inf)

    def choose(self, chain: Any, logits: Any) -> int | None:
        """The chain's choice; None where the likeliest tokens are no small number."""
        import numpy as np

        ids = self._over(logits, self._bar)
        if ids is None:
            # What was a good bar for the last token is none for this.
            self._bar = np.partition(logits[::_STRIDE], -_RANK)[-_RANK]
            ids = self._over(logits, self._bar)
        if ids is None:
            return None
        self._candidates.put(ids, logits[ids])
        return self._candidates.apply(chain)

    def _over(self, logits: Any, bar: Any) -> Any:
        import numpy as np

        np.greater(logits, bar, out=self._above)
        ids = np.flatnonzero(self._above)
        return ids if self._top_k <= len(ids) <= _MOST else None
