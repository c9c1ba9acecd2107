"""The token logs: which cells of the context hold which tokens, and who may use them again.

A prompt goes on in the sequence that already holds its beginning, or in a fork of it, which
shares the cells. Sequences nobody is using are kept for later and given up when room is needed.
"""

import logging
from array import array
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Protocol

from m2agent_models.engine import Tokens

_log = logging.getLogger(__name__)


class Memory(Protocol):
    """What of llama.cpp is needed here; `size` is the number of cells."""

    size: int
    can_fork: bool

    def remove(self, sequence: int, start: int) -> bool: ...

    def copy(self, source: int, target: int, end: int) -> None: ...


@dataclass(eq=False)
class Sequence:
    """`tokens` are those evaluated; `cells` names the cell of each, so that sharing is seen.

    `beside` is that of the turn it was last taken for.
    """

    number: int
    owner: int
    conversation: str
    beside: bool = False
    tokens: Tokens = field(default_factory=lambda: array("i"))
    cells: Tokens = field(default_factory=lambda: array("q"))
    busy: bool = False
    used: int = 0


class Sequences:
    """All sequences of a context. `slots` is how many there can be at once."""

    def __init__(self, memory: Memory, slots: int) -> None:
        self._memory = memory
        self._free_numbers = list(range(slots))
        self._all: list[Sequence] = []
        self._owners: set[int] = set()
        self._next_cell = 0
        self._clock = 0
        self._used = 0

    @property
    def room(self) -> int:
        """Cells that hold nothing."""
        return self._memory.size - self._used

    def take(
        self, prompt: Tokens, owner: int, conversation: str, *, beside: bool = False
    ) -> Sequence | None:
        """A busy sequence that holds as much of the prompt's beginning as there is.

        At least the prompt's last token is left to evaluate. None while all are busy.
        """
        self._owners.add(owner)
        source, length = self._longest(prompt)
        self._tell_of_a_break(prompt, length, owner, conversation)
        length = min(length, len(prompt) - 1)
        goes_on = source is not None and self._loses_nothing(source, length, owner, beside=beside)
        number = None if goes_on else self._number(spare=source)
        if number is not None:
            sequence = Sequence(number, owner, conversation)
            self._all.append(sequence)
            if source is not None and self._memory.can_fork:
                self._memory.copy(source.number, number, length)
                sequence.tokens = source.tokens[:length]
                sequence.cells = source.cells[:length]
        elif source is not None and not source.busy:
            sequence = source
            self.cut(sequence, length)
        else:
            return None
        if not beside:
            self._leave_behind(owner, conversation)
        self._clock += 1
        sequence.busy, sequence.used = True, self._clock
        sequence.owner, sequence.conversation = owner, conversation
        sequence.beside = beside
        return sequence

    def give_back(self, sequence: Sequence) -> None:
        """Keep it for whoever goes on with it."""
        sequence.busy = False

    def extend(self, sequence: Sequence, tokens: Tokens) -> None:
        """Note that these tokens were evaluated at its end."""
        sequence.tokens += tokens
        start = self._next_cell
        self._next_cell += len(tokens)
        if len(tokens) == 1:
            sequence.cells.append(start)
        else:
            sequence.cells.extend(range(start, self._next_cell))
        self._used += len(tokens)

    def cut(self, sequence: Sequence, length: int) -> None:
        """Forget what stands behind the first tokens, in llama.cpp too; all where it must be."""
        if length >= len(sequence.tokens):
            return
        if not self._memory.remove(sequence.number, length):
            length = 0
            self._memory.remove(sequence.number, 0)
        del sequence.tokens[length:]
        del sequence.cells[length:]
        self._count()

    def settle(self, sequence: Sequence) -> None:
        """Make llama.cpp forget what it holds beyond: a batch that failed, guesses gone wrong."""
        self._memory.remove(sequence.number, len(sequence.tokens))

    def drop(self, sequence: Sequence) -> None:
        self._memory.remove(sequence.number, 0)
        self._all.remove(sequence)
        self._free_numbers.append(sequence.number)
        self._count()

    def make_room(self, cells: int, *, beside: bool = False) -> bool:
        """Give up idle sequences until so many cells are free; for `beside`, no run's own."""
        while self.room < cells:
            victim = self._least_wanted()
            if victim is None or (beside and self._is_a_runs(victim)):
                return False
            _log.info("gave up %d tokens of %s", len(victim.tokens), victim.conversation)
            self.drop(victim)
        return True

    def forget_owner(self, owner: int) -> None:
        """Its sequences stay for whoever has the same beginning, and are the first to go."""
        self._owners.discard(owner)

    @property
    def runs(self) -> int:
        """Cells that hold the runs themselves, which nothing beside them gets."""
        return self._cells_of(sequence for sequence in self._all if self._is_a_runs(sequence))

    def _leave_behind(self, owner: int, conversation: str) -> None:
        """Where a run goes on in a fork, what it was in until now has no claim any more."""
        for sequence in self._all:
            if (sequence.owner, sequence.conversation) == (owner, conversation):
                sequence.beside = True

    def _is_a_runs(self, sequence: Sequence) -> bool:
        return sequence.owner in self._owners and not sequence.beside

    def _longest(self, prompt: Tokens) -> tuple[Sequence | None, int]:
        """Between equals one that holds no more than that, and one that is not busy."""
        best, most = None, (0, False, False)
        for sequence in self._all:
            common = common_prefix(sequence.tokens, prompt)
            fit = (common, common >= len(sequence.tokens) - 1, not sequence.busy)
            if common and fit >= most:
                best, most = sequence, fit
        return best, most[0]

    def _loses_nothing(self, source: Sequence, length: int, owner: int, *, beside: bool) -> bool:
        """Whether it can be continued in place: idle, this owner's or nobody's, and to its end.

        What is asked beside a run is asked in a fork, so that the run's own stays as it is.
        """
        ours = source.owner == owner or source.owner not in self._owners
        if beside and self._is_a_runs(source):
            return False
        return not source.busy and ours and length >= len(source.tokens) - 1

    def _number(self, spare: Sequence | None) -> int | None:
        if not self._free_numbers:
            victim = self._least_wanted(spare)
            if victim is not None:
                self.drop(victim)
        return self._free_numbers.pop(0) if self._free_numbers else None

    def _least_wanted(self, spare: Sequence | None = None) -> Sequence | None:
        """The idle sequence to give up first.

        Those of clients that left go first, then what is beside a run, then runs; between equals
        the one that was used the longest time ago.
        """
        idle = [s for s in self._all if not s.busy and s is not spare]
        return min(
            idle,
            key=lambda s: (s.owner in self._owners, not s.beside, s.used),
            default=None,
        )

    def _tell_of_a_break(self, prompt: Tokens, length: int, owner: int, conversation: str) -> None:
        own = [s for s in self._all if (s.owner, s.conversation) == (owner, conversation)]
        if own and length < min(len(prompt), *(len(s.tokens) for s in own)):
            _log.warning(
                "the prompt of %s differs from all it was before, first at token %d of %d",
                conversation,
                length,
                len(prompt),
            )

    def _count(self) -> None:
        self._used = self._cells_of(self._all)

    def _cells_of(self, sequences: Iterable[Sequence]) -> int:
        """Shared cells count once."""
        import numpy as np

        held = [np.frombuffer(s.cells, np.int64) for s in sequences if s.cells]
        return int(np.unique(np.concatenate(held)).size) if held else 0


def common_prefix(left: Tokens, right: Tokens) -> int:
    """How many tokens at the beginning are the same."""
    import numpy as np

    length = min(len(left), len(right))
    if not length:
        return 0
    differs = np.frombuffer(left, np.int32)[:length] != np.frombuffer(right, np.int32)[:length]
    first = int(differs.argmax())
    return first if differs[first] else length
