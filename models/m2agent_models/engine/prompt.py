"""Turns the segments of a prompt into tokens, each segment only once in a conversation."""

from array import array
from collections.abc import Hashable, Sequence

from m2agent_models.engine import Tokens
from m2agent_models.engine.llama import Llama
from m2agent_models.engine.wire import Segment
from m2agent_models.engine.writing import MARKERS

_CONVERSATIONS = 32
"""How many are remembered; a forgotten one is only tokenized again."""


class Tokenizer:
    """Remembers, for each conversation, the tokens of its last prompt's segments."""

    def __init__(self, llama: Llama) -> None:
        self._llama = llama
        self._known: dict[tuple[int, Hashable], dict[Segment, Tokens]] = {}

    def tokens(self, of: tuple[int, Hashable], segments: Sequence[Segment]) -> Tokens:
        """The prompt's tokens. `of` is the client and its conversation."""
        before = self._known.get(of, {})
        now: dict[Segment, Tokens] = {}
        out = array("i")
        for segment in segments:
            tokens = before.get(segment)
            if tokens is None:
                tokens = self._tokenize(segment)
            now[segment] = tokens
            out += tokens
        self._known.pop(of, None)
        self._known[of] = now
        if len(self._known) > _CONVERSATIONS:
            del self._known[next(iter(self._known))]
        opening = self._llama.opening
        return out if out[: len(opening)] == opening else opening + out

    def length(self, of: tuple[int, Hashable], segments: Sequence[Segment]) -> int:
        """How many tokens these first segments are of the prompt that was asked for last."""
        known = self._known[of]
        return sum(len(known[segment]) for segment in segments)

    def forget(self, client: int) -> None:
        for key in [key for key in self._known if key[0] == client]:
            del self._known[key]

    def _tokenize(self, segment: Segment) -> Tokens:
        llama = self._llama
        match segment.kind:
            case "frame":
                return llama.frame(segment.text)
            case "text":
                return llama.plain(segment.text)
            case "model":
                tokens = array("i")
                tokens.frombytes(segment.tokens[: len(segment.tokens) // 4 * 4])
                known = all(0 <= token < llama.vocab_size for token in tokens)
                return tokens if tokens and known else llama.own(segment.text, MARKERS)
