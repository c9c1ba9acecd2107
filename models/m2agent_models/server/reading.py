"""Puts a turn together from the pieces in which a chat interface streams it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import msgspec

from m2agent.events import Broken, Called, Part, Said, Thought, ToolSpec
from m2agent.model import Token
from m2agent_models.arguments import called
from m2agent_models.m2 import END_THINK, THINK, Parser


class Function(msgspec.Struct, frozen=True):
    name: str | None = None
    arguments: str | None = None


class Call(msgspec.Struct, frozen=True):
    index: int | None = None
    id: str | None = None
    function: Function | None = None


class Delta(msgspec.Struct, frozen=True):
    """A piece of a turn. Servers call thinking by either name, some send both."""

    content: str | None = None
    reasoning: str | None = None
    reasoning_content: str | None = None
    tool_calls: list[Call] | None = None


@dataclass
class _Open:
    """A call whose arguments are still coming."""

    index: int
    id: str
    tool: str
    arguments: str = ""


class Reading:
    """One turn of a model, piece by piece.

    A server without a parser for its model sends thinking and calls inside the content, so the
    content goes through M2's parser. `opens_thinking`: the model's prompt opens its thinking, which
    such a server then sends without a beginning.
    """

    def __init__(self, tools: Sequence[ToolSpec], turn: int, *, opens_thinking: bool) -> None:
        self._tools = tools
        self._turn = turn
        self._guessed = opens_thinking  # that content which comes first is thinking
        self._thought: list[str] = []
        self._parser: Parser | None = None
        self._open: list[_Open] = []
        self._written: list[Called] = []

    def feed(self, delta: Delta) -> list[Token | Part]:
        """What can be shown of the turn now, and the parts that are whole."""
        out: list[Token | Part] = []
        if thought := delta.reasoning or delta.reasoning_content:
            out += self._end_content()
            self._guessed = False
            self._thought.append(thought)
            out.append(Token(thought, "thought"))
        if delta.content:
            if not self._parser:
                out += self._end_thought()
                self._parser = Parser(self._tools, thinking=self._guessed)
            out += self._kept(self._parser.stream(delta.content))
        for call in delta.tool_calls or []:
            out += self._feed_call(call)
        return out

    def close(self) -> list[Part]:
        """The remaining parts. Calls come last, numbered over the whole turn."""
        out = [*self._end_thought(), *self._end_content()]
        # A server that reads calls out may leave them in the content as well.
        calls = [called(o.tool, o.arguments, self._tools) for o in self._open]
        calls = calls or list[Called | Broken](self._written)
        for number, part in enumerate(calls, 1):
            if isinstance(part, Called):
                part = msgspec.structs.replace(part, id=f"{self._turn}.{number}")
            out.append(part)
        return out

    def _feed_call(self, call: Call) -> Iterable[Token]:
        function = call.function or Function()
        index = call.index if call.index is not None else len(self._open)
        known = [o for o in self._open if o.index == index]
        # Some servers begin to count anew in the middle of a turn; then the id tells.
        if not known or (call.id and known[-1].id and call.id != known[-1].id):
            self._open.append(_Open(index, call.id or "", ""))
            known = [self._open[-1]]
        open = known[-1]
        if function.name and not open.tool:
            open.tool = function.name
            yield Token(f"{function.name}\n", "call")
        if function.arguments:
            open.arguments += function.arguments
            yield Token(function.arguments, "call")

    def _end_thought(self) -> list[Part]:
        text, self._thought = "".join(self._thought).strip("\n"), []
        return [Thought(text)] if text else []

    def _end_content(self) -> list[Part]:
        if not self._parser:
            return []
        parts, self._parser = self._parser.close(), None
        parts = [part for part in self._kept(parts) if not isinstance(part, Token)]
        if self._guessed and parts and isinstance(parts[-1], Thought):
            # No marker ever came: the server had taken the thinking out, and there was none.
            parts[-1] = Said(parts[-1].text)
        self._guessed = False
        return parts

    def _kept(self, pieces: Iterable[Token | Part]) -> list[Token | Part]:
        """The pieces without calls, which come at the end, and without blank text."""
        out: list[Token | Part] = []
        for piece in pieces:
            match piece:
                case Called():
                    self._written.append(msgspec.structs.replace(piece, raw=None))
                case Thought(text, raw):
                    if END_THINK in (raw or "") or THINK in (raw or ""):
                        self._guessed = False
                    out += [Thought(text)] if text else []
                case Said(text):
                    out += [Said(text)] if text else []
                case _:
                    out.append(piece)
        return out
