"""Reads what M2 writes, as it comes, into thoughts, words and calls.

The result depends on the text alone and not on how it was cut into pieces. A call exists only
once its whole block is closed and right; a block that is not becomes one `Broken`, which tells
the model what to do, and is neither an action nor text.
"""

from collections.abc import Sequence
from typing import Literal

import msgspec

from m2agent.events import Broken, Called, Part, Said, Thought, ToolSpec
from m2agent.model import Token
from m2agent_models.m2.block import Block
from m2agent_models.m2.markers import (
    CALLS,
    END_CALLS,
    END_THINK,
    MARKER,
    MARKERS,
    THINK,
    unfinished,
)
from m2agent_models.m2.values import resolve, typed

State = Literal["thought", "said", "call"]

_FORM = (
    "Write the whole block again in the form that the system prompt shows: every value between "
    "its opening and closing parameter tag, each parameter once, every invoke closed, and the "
    "tool_call block closed after the last one."
)
_MISPLACED = (
    "Your tool call was not run: it stood inside your thinking. "
    "Close the thinking first, then write the call."
)


class Parser:
    """One turn of the model, from its first character to its last.

    The turn begins inside thinking, since M2's prompt opens it; `thinking=False` where it does
    not. Calls are numbered over the whole turn: "3.1", "3.2".

    A part is given out once the next one begins, because blank text between two belongs to the
    first. Each part's `raw`, one after the other, is the text that was fed, without a change.
    """

    def __init__(self, tools: Sequence[ToolSpec], turn: int = 1, *, thinking: bool = True) -> None:
        self._parameters = {tool.name: tool.parameters for tool in tools}
        self._turn = turn
        self._calls = 0
        self._kind: Literal["thought", "said"] = "thought" if thinking else "said"
        self._block: Block | None = None
        self._misplaced = False
        self._rest = ""  # not understood before more of it comes
        self._raw: list[str] = []  # since the last part
        self._text: list[str] = []  # since the last marker
        self._begun = False  # whether the text is more than blank
        self._newlines = 0  # at the end of the text, not shown before more of it comes
        self._held: Part | None = None
        self._out: list[Token | Part] = []

    @property
    def state(self) -> State:
        """What is being written just now."""
        return "call" if self._block else self._kind

    def feed(self, text: str) -> list[Part]:
        """The parts that are whole now, in order."""
        return [piece for piece in self.stream(text) if not isinstance(piece, Token)]

    def stream(self, text: str) -> list[Token | Part]:
        """As `feed`, and between the parts what a screen can already show of the next ones.

        Tokens hold no markers and no beginnings of one; of a call they show its names and values.
        """
        data = self._rest + text
        at, before = 0, -1
        while at != before:
            before = at
            at = self._block.read(data, at) if self._block else self._read_text(data, at)
            if self._block and self._block.done:
                self._end_block(self._block.problem)
        self._rest = data[at:]
        return self._give()

    def close(self) -> list[Part]:
        """The remaining parts: the turn is over."""
        rest, self._rest = self._rest, ""
        if self._block:
            self._block.raws[-1].append(rest)
            self._end_block(self._block.problem or self._block.unfinished)
        else:
            self._write(rest)
            self._end_text()
        if self._misplaced:
            self._push(Broken(_MISPLACED, self._take_raw()))
        if self._raw:
            self._held = _with_raw(self._held or Said("", ""), self._take_raw())
        self._release()
        return [piece for piece in self._give() if not isinstance(piece, Token)]

    def _read_text(self, data: str, at: int) -> int:
        marker = MARKER.search(data, at)
        end = marker.start() if marker else unfinished(data, at, MARKERS)
        self._write(data[at:end])
        if not marker:
            return end
        self._pass(marker[0])
        return marker.end()

    def _pass(self, marker: str) -> None:
        """A marker ends the text before it, whether it has a meaning here or not."""
        if marker == CALLS and self._is_blank:
            self._kind = "said"
        thinking = self._kind == "thought"
        if marker == CALLS and not thinking:
            self._end_text()
            self._release()
            self._block = Block(self._take_raw() + marker, self._show_call)
        elif marker == THINK:
            self._end_text()
            self._raw.append(marker)
            self._kind = "thought"
        elif marker == END_CALLS and not thinking and "<invoke" in "".join(self._text):
            self._raw.append(marker)
            self._forget_text()
            self._push(_broken("the tool_call block was not opened", self._take_raw()))
        else:
            self._raw.append(marker)
            self._end_text()
            if marker == END_THINK:
                self._kind = "said"
                self._misplaced = False
            elif marker == CALLS:
                self._misplaced = True

    @property
    def _is_blank(self) -> bool:
        """Whether nothing was written yet: a call that comes first has no thinking to close."""
        return not (self._begun or self._held or "".join(self._raw).strip())

    def _write(self, text: str) -> None:
        """Text of a thought or of what is said; blank text alone is neither."""
        if not text:
            return
        self._raw.append(text)
        self._text.append(text)
        if self._begun:
            self._show(text)
        elif text.strip():
            self._release()
            self._begun = True
            self._show("".join(self._text).lstrip("\n"))

    def _show(self, text: str) -> None:
        shown = text.rstrip("\n")
        if shown:
            self._out.append(Token("\n" * self._newlines + shown, self._kind))
            self._newlines = 0
        self._newlines += len(text) - len(shown)

    def _show_call(self, text: str) -> None:
        self._out.append(Token(text, "call"))

    def _end_text(self) -> None:
        text = "".join(self._text).strip("\n")
        if self._begun:
            part = Thought if self._kind == "thought" else Said
            self._push(part(text, self._take_raw()))
        self._forget_text()

    def _forget_text(self) -> None:
        self._text.clear()
        self._begun = False
        self._newlines = 0

    def _end_block(self, problem: str) -> None:
        block, self._block = self._block, None
        assert block
        raws = ["".join(raw) for raw in block.raws]
        if problem:
            self._push(_broken(problem, "".join(raws)))
            return
        for (tool, texts), raw in zip(block.calls, raws, strict=True):
            self._calls += 1
            self._push(
                Called(f"{self._turn}.{self._calls}", tool, self._arguments(tool, texts), raw)
            )

    def _arguments(self, tool: str, texts: dict[str, str]) -> dict[str, object]:
        root = self._parameters.get(tool, {})
        properties = resolve(root.get("properties"), root) or {}
        return {name: typed(text, properties.get(name), root) for name, text in texts.items()}

    def _push(self, part: Part) -> None:
        self._release()
        self._held = part

    def _release(self) -> None:
        if self._held:
            self._out.append(self._held)
            self._held = None

    def _take_raw(self) -> str:
        raw = "".join(self._raw)
        self._raw.clear()
        return raw

    def _give(self) -> list[Token | Part]:
        out, self._out = self._out, []
        return out


def _broken(problem: str, raw: str) -> Broken:
    return Broken(f"No call of this block was run: {problem}. {_FORM}", raw)


def _with_raw(part: Part, more: str) -> Part:
    return msgspec.structs.replace(part, raw=(part.raw or "") + more)
