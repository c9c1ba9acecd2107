"""One turn of a model in the engine: its tokens, what it writes, and when it is over."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from m2agent.errors import ContextFull
from m2agent_models.engine import Tokens, wire
from m2agent_models.engine.copying import Copying
from m2agent_models.engine.llama import Llama
from m2agent_models.engine.lookup import Lookup
from m2agent_models.engine.sampling import Sampler
from m2agent_models.engine.sequences import Sequence
from m2agent_models.engine.writing import MARKERS, Writing

Reason = Literal["stop", "length", "cancelled"]
CLOSE_THINKING = "\n</think>\n\n"
_FLUSH = 0.016
"""Seconds for which text is collected before it is sent, as long as a screen shows a picture: a
message a token would cost more than the token where these come by the thousand."""


@dataclass(eq=False)
class Turn:
    """`tokens` is the whole log, prompt and answer; `sequence` holds the part that is evaluated.

    The first `opening` tokens hold nothing of this conversation.
    """

    client: int
    request: wire.Reply
    llama: Llama
    send: Callable[[wire.Message], None]
    tokens: Tokens
    opening: int = 0
    prompt: int = 0
    sequence: Sequence | None = None
    reason: Reason | None = None
    reused: int = 0
    evaluated: int = 0
    arrived: float = field(default_factory=time.perf_counter)

    def __post_init__(self) -> None:
        self.prompt = len(self.tokens)
        if self.prompt >= self.llama.size:
            raise ContextFull(self.prompt + 1, self.llama.size)
        self._sampler = Sampler(self.llama, self.request.sampling, self.request.grammar)
        self._writing = Writing(thinking=self.request.thinking)
        self.lookup = Lookup()
        self._thinking_since = self.prompt
        self._text: list[str] = []
        self._sent = 0.0
        self._started = 0.0
        self._first = 0.0

    @property
    def pending(self) -> int:
        """Tokens that are not evaluated yet; with the last of them the next one can be chosen."""
        return len(self.tokens) - (len(self.sequence.tokens) if self.sequence else 0)

    @property
    def reading(self) -> bool:
        """Whether it is still in its prompt."""
        return self.sequence is None or len(self.sequence.tokens) < self.prompt

    def begin(self, sequence: Sequence) -> None:
        """Its prompt, or what is missing of it, is evaluated from now on."""
        self.sequence = sequence
        if not self._started:
            self._started = time.perf_counter()
            self.reused = len(sequence.tokens)

    def take(self, row: int) -> None:
        """Choose the next token after a row of the batch just evaluated."""
        if not self._first:
            self._first = time.perf_counter()
        token = self._sampler.sample(row)
        if token is None or self._ends(token):
            self._end("stop")
            return
        piece = self.llama.piece(token)
        written = self._writing.feed(piece)
        if written.opens:
            self._open_call(token, piece, written.text, written.beyond)
        else:
            self._add(token, written.text)
            if written.closes and self._sampler.may_end:
                self._end("stop")
                return
        self._limit()

    def flush(self, now: float) -> None:
        """Send what was written, unless something was sent just before."""
        if self._text and now - self._sent >= _FLUSH:
            self._send_text()
            self._sent = now

    def cancel(self) -> None:
        self._end("cancelled")

    def close(self) -> None:
        self._sampler.close()

    def report(self, size: int) -> wire.Turn:
        """What it came to; `size` is that of the whole context."""
        now = time.perf_counter()
        started, first = self._started or now, self._first or now
        return wire.Turn(
            self.request.id,
            self.reason or "stop",
            evaluated=self.evaluated,
            reused=self.reused,
            generated=len(self.tokens) - self.prompt,
            prefill_seconds=first - started,
            decode_seconds=now - first,
            context_used=len(self.sequence.tokens) if self.sequence else 0,
            context_size=size,
            tokens=self.tokens[self.prompt :].tobytes(),
        )

    def _ends(self, token: int) -> bool:
        """An end token, or one by which the model would open somebody else's turn."""
        return token in self.llama.ends or (
            token in self.llama.control and not MARKERS.fullmatch(self._piece_text(token))
        )

    def _piece_text(self, token: int) -> str:
        return self.llama.piece(token).decode("utf-8", "replace")

    def _add(self, token: int, text: str) -> None:
        self.tokens.append(token)
        self._text.append(text)

    def _open_call(self, token: int, piece: bytes, text: str, beyond: str) -> None:
        """The grammar starts behind the marker, so a token that reaches further is cut there."""
        if beyond:
            kept = piece[: len(piece) - len(beyond.encode())]
            self.tokens += self.llama.frame(kept.decode("utf-8", "replace"))
            self._text.append(text[: len(text) - len(beyond)])
        else:
            self._add(token, text)
        self._sampler.start_grammar(self._copying() if self.request.copies else None)

    def _copying(self) -> Copying:
        def text(tokens: Tokens) -> str:
            return b"".join(map(self.llama.piece, tokens)).decode("utf-8", "replace")

        return Copying(text(self.tokens[: self.prompt]), text(self.tokens[self.prompt :]))

    def _limit(self) -> None:
        """Stop what would not stop by itself: too long a turn, too long a thought."""
        generated = len(self.tokens) - self.prompt
        if self._writing.state != "thought":
            self._thinking_since = len(self.tokens)
        elif len(self.tokens) - self._thinking_since >= self.request.max_thinking:
            closing = self.llama.frame(CLOSE_THINKING)
            self.tokens += closing
            self._text.append(self._writing.feed(CLOSE_THINKING.encode()).text)
            self._thinking_since = len(self.tokens)
            generated += len(closing)
        if generated >= self.request.max_tokens:
            self._end("length")

    def _end(self, reason: Reason) -> None:
        self.reason = self.reason or reason
        self._text.append(self._writing.close())
        self._send_text()

    def _send_text(self) -> None:
        text = "".join(self._text)
        self._text.clear()
        if text:
            self.send(wire.Text(self.request.id, text))
