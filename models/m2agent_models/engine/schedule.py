"""Who is evaluated when: one batch a step for all turns, and a fair queue before it.

Every step carries one token for each turn that writes and a chunk of one prompt that is being
read. A chunk is small while somebody else writes, so that nobody waits long for anybody.
"""

import logging
import time
from array import array
from collections.abc import Callable

from m2agent.errors import ContextFull, ModelError
from m2agent_models.engine import Tokens, wire
from m2agent_models.engine.kept import Kept
from m2agent_models.engine.llama import ABORTED, NO_ROOM, Llama
from m2agent_models.engine.lookup import GUESSES, Odds
from m2agent_models.engine.prompt import Tokenizer
from m2agent_models.engine.sequences import Sequences
from m2agent_models.engine.threads import Threads
from m2agent_models.engine.turn import Turn

_log = logging.getLogger(__name__)
_SHARED_STEP = 0.1
"""Seconds that a chunk of a prompt may take while others write."""

_SMALLEST_CHUNK = 32

NOTHING: Tokens = array("i")

Send = Callable[[int, wire.Message], None]


class Schedule:
    """All turns of one context. `send` reaches a client by its number, from this thread."""

    def __init__(
        self,
        llama: Llama,
        slots: int,
        chunk: int,
        send: Send,
        kept: Kept | None = None,
        threads: Threads | None = None,
    ) -> None:
        self._llama = llama
        self._sequences = Sequences(llama, slots)
        self._tokenizer = Tokenizer(llama)
        self._chunk = chunk
        self._send = send
        self._kept = kept
        self._threads = threads
        self._waiting: list[Turn] = []
        self._busy: list[Turn] = []
        self._told: dict[Turn, int] = {}
        self._odds = Odds()
        self._rate = 0.0
        self._stuck = False

    @property
    def idle(self) -> bool:
        return not self._waiting and not self._busy

    def add(self, client: int, request: wire.Reply) -> None:
        """Queue a turn, or say at once why it cannot be."""

        def send(message: wire.Message) -> None:
            self._send(client, message)

        try:
            of = client, request.conversation
            tokens = self._tokenizer.tokens(of, request.segments)
            opening = self._tokenizer.length(of, request.segments[: request.opening])
            self._waiting.append(Turn(client, request, self._llama, send, tokens, opening))
            self._stuck = False
        except ModelError as error:
            self._send(client, failure(error, request.id))

    def cancel(self, client: int, id: int) -> None:
        for turn in [*self._waiting, *self._busy]:
            if (turn.client, turn.request.id) == (client, id):
                turn.cancel()
                self._finish(turn)

    def leave(self, client: int) -> None:
        """A client is gone, and its turns with it."""
        for turn in [*self._waiting, *self._busy]:
            if turn.client == client:
                turn.cancel()
                self._finish(turn)
        self._sequences.forget_owner(client)
        self._tokenizer.forget(client)

    def step(self) -> None:
        """Let waiting turns in and evaluate one batch. Raises ModelError where llama.cpp fails."""
        if self._waiting:
            self._admit()
        rows = self._rows()
        if not rows:
            self._make_way()
            return
        began = time.perf_counter()
        guess = self._guess(rows[0]) if len(rows) == 1 else NOTHING
        batch = [
            (
                turn.sequence.number,
                len(turn.sequence.tokens),
                tokens + guess,
                1 + len(guess) if len(tokens) == turn.pending else 0,
            )
            for turn, tokens in rows
            if turn.sequence
        ]
        code = self._llama.decode(batch)
        if code:
            self._recover(code, rows)
            return
        now = time.perf_counter()
        if len(batch) > 1 or len(batch[0][2]) > 1:
            self._measure(sum(len(tokens) for _, tokens in rows), now - began)
        if self._threads and len(batch) == 1 and len(batch[0][2]) == 1:
            self._threads.note(now - began)
        row = -1
        for (turn, tokens), (_, _, _, wanted) in zip(rows, batch, strict=True):
            row += len(tokens)
            self._note(turn, tokens)
            if wanted:
                turn.take(row)
            if turn.request.guesses and wanted and len(batch) == len(tokens) == 1:
                right = self._check(turn, guess, row)
                self._odds.note(now - began, guessed=bool(guess), right=right)
            if turn.reason:
                self._finish(turn)
            else:
                turn.flush(now)

    def _guess(self, row: tuple[Turn, Tokens]) -> Tokens:
        """What may follow in a turn that writes alone and wants this, if it pays."""
        turn, tokens = row
        if not turn.request.guesses:
            return NOTHING
        most = min(turn.request.guesses, self._chunk - 1, GUESSES)
        writes = not turn.reading and len(tokens) == turn.pending == 1
        if not (most and writes and self._odds.good and self._llama.can_fork):
            return NOTHING
        guess = turn.lookup.guess(turn.tokens, most)
        room = self._sequences.make_room(1 + len(guess), beside=turn.request.beside)
        return guess if room else NOTHING

    def _check(self, turn: Turn, guess: Tokens, row: int) -> int:
        """Choose one more token for each guess that was right, and forget the others."""
        assert turn.sequence
        right = 0
        for token in guess:
            if turn.reason or turn.pending != 1 or turn.tokens[-1] != token:
                break
            self._note(turn, guess[right : right + 1])
            right += 1
            turn.take(row + right)
        if right < len(guess):
            self._sequences.settle(turn.sequence)
        return right

    def _note(self, turn: Turn, tokens: Tokens) -> None:
        assert turn.sequence
        reading = turn.reading
        self._sequences.extend(turn.sequence, tokens)
        if self._kept:
            self._kept.note(turn.sequence, len(tokens), turn.opening)
        if not reading:
            return
        turn.evaluated += len(tokens)
        left = turn.prompt - len(turn.sequence.tokens)
        total = turn.evaluated + left
        if total > self._chunk:
            seconds = left / self._rate if self._rate else 0.0
            turn.send(wire.Prefilling(turn.request.id, turn.evaluated, total, seconds))

    def _rows(self) -> list[tuple[Turn, Tokens]]:
        """What the next batch holds: all that write, then as much of the prompts as is fair."""
        if len(self._busy) == 1:
            return self._only(self._busy[0])
        rows: list[tuple[Turn, Tokens]] = []
        free = self._chunk
        # Those that write have one token pending, or the few that close a thought.
        order = sorted(self._busy, key=lambda turn: turn.reading)
        writing = sum(1 for turn in order if not turn.reading)
        share = self._share() if writing else self._chunk
        for turn in order:
            assert turn.sequence
            count = min(turn.pending, free, share if turn.reading else free)
            wanted = sum(len(tokens) for _, tokens in rows) + count
            if not count or not self._sequences.make_room(wanted, beside=turn.request.beside):
                continue
            start = len(turn.sequence.tokens)
            rows.append((turn, turn.tokens[start : start + count]))
            free -= count
            if turn.reading:
                share -= count
        self._busy = [*self._busy[1:], *self._busy[:1]]
        return rows

    def _only(self, turn: Turn) -> list[tuple[Turn, Tokens]]:
        """The same for one turn alone, once for every token that it writes."""
        assert turn.sequence
        start = len(turn.sequence.tokens)
        tokens = turn.tokens[start : start + self._chunk]
        fits = self._sequences.make_room(len(tokens), beside=turn.request.beside)
        return [(turn, tokens)] if fits else []

    def _share(self) -> int:
        """How much of a prompt may be read in a step that others wait for."""
        return max(_SMALLEST_CHUNK, min(self._chunk, int(self._rate * _SHARED_STEP)))

    def _measure(self, count: int, seconds: float) -> None:
        """So many tokens were evaluated in one batch."""
        if count >= _SMALLEST_CHUNK:
            rate = count / max(seconds, 1e-6)
            self._rate = rate if not self._rate else 0.7 * self._rate + 0.3 * rate

    def _admit(self) -> None:
        while self._waiting and not self._stuck:
            self._stuck = not self._enter(self._next())
        for ahead, turn in enumerate(self._waiting):
            if self._told.get(turn) != ahead:
                self._told[turn] = ahead
                turn.send(wire.Queued(turn.request.id, ahead))

    def _next(self) -> Turn:
        """The one that came first, of the client that has the fewest turns at work."""
        at_work = [turn.client for turn in self._busy]
        turn = min(self._waiting, key=lambda turn: (at_work.count(turn.client), turn.arrived))
        self._waiting.remove(turn)
        self._waiting.insert(0, turn)
        return turn

    def _enter(self, turn: Turn) -> bool:
        """Give a waiting turn its sequence and room for its prompt; False where it must wait."""
        owner, conversation = turn.client, turn.request.conversation
        beside = turn.request.beside
        sequence = self._sequences.take(turn.tokens, owner, conversation, beside=beside)
        if sequence is None:
            return False
        if self._kept:
            self._kept.recall(self._sequences, sequence, turn.tokens)
        needed = len(turn.tokens) - len(sequence.tokens) + 1
        promised = sum(other.pending for other in self._busy)
        if not self._sequences.make_room(needed + promised, beside=beside):
            self._sequences.give_back(sequence)
            if self._busy:
                return False
            self._waiting.remove(turn)
            self._fail(turn, self._full(turn))
            return True
        self._waiting.remove(turn)
        self._told.pop(turn, None)
        turn.begin(sequence)
        self._busy.append(turn)
        return True

    def _make_way(self) -> None:
        """No cell is free and nothing idle is left: a turn steps back, the one that came last.

        Those beside a run do so before any run does.
        """
        if not self._busy:
            return
        last = max(self._busy, key=lambda turn: (turn.request.beside, turn.arrived))
        if len(self._busy) == 1:
            self._fail(last, self._full(last))
            return
        assert last.sequence
        _log.info("%s waits for room", last.request.conversation)
        self._busy.remove(last)
        self._sequences.drop(last.sequence)
        last.sequence = None
        self._waiting.insert(0, last)
        self._stuck = True

    def _full(self, turn: Turn) -> ContextFull:
        """How many cells a turn wants that there are not; beside a run, of those it leaves."""
        size = self._llama.size
        if turn.request.beside:
            shared = turn.reused
            size -= max(0, self._sequences.runs - shared)
        return ContextFull(len(turn.tokens) + 1, size)

    def _recover(self, code: int, rows: list[tuple[Turn, Tokens]]) -> None:
        """After a batch that failed nothing of it counts; an abort is only tried again."""
        for turn, _ in rows:
            if turn.sequence:
                self._sequences.settle(turn.sequence)
        if code == NO_ROOM:
            self._make_way()
        elif code != ABORTED:
            raise ModelError(f"llama.cpp failed to evaluate a batch (code {code}).")

    def _fail(self, turn: Turn, error: ModelError) -> None:
        if turn in self._busy:
            self._busy.remove(turn)
        if turn.sequence:
            self._sequences.cut(turn.sequence, turn.prompt)
            self._sequences.give_back(turn.sequence)
        self._stuck = False
        turn.close()
        turn.send(failure(error, turn.request.id))

    def _finish(self, turn: Turn) -> None:
        if turn in self._waiting:
            self._waiting.remove(turn)
        if turn in self._busy:
            self._busy.remove(turn)
        self._told.pop(turn, None)
        if turn.sequence:
            if turn.reason == "cancelled":
                self._sequences.cut(turn.sequence, turn.prompt)
            self._sequences.give_back(turn.sequence)
        self._stuck = False
        turn.send(turn.report(self._llama.size))
        turn.close()


def failure(error: Exception, id: int | None = None) -> wire.Failed:
    """An error as a message."""
    if isinstance(error, ContextFull):
        return wire.Failed(str(error), id=id, needed=error.needed, size=error.size)
    return wire.Failed(getattr(error, "problem", str(error)), getattr(error, "fix", ""), id=id)
