"""What stands between the wrapper's markers, read from any split of it.

    <invoke name="mail_draft">
    <parameter name="to">ann@example.com</parameter>
    </invoke>

Values are written without any escaping, so a closing tag ends a value only where the next
parameter or the end of the invoke follows; anything else, other tags and markers included, is
part of the value.
"""

import re
from collections.abc import Callable

from m2agent_models.m2.markers import END_CALLS, unfinished

_CLOSING = "</parameter>"
_FOLLOWS = ("<parameter ", "<parameter\n", "<parameter\t", "<parameter\r", "</invoke>")
_SPACE = re.compile(r"[ \t\r\n]*")
_NAMED = r'(invoke|parameter)\s+name\s*=\s*"([^"<>\n]+)"\s*'
_TAG = re.compile(rf"<(?:{_NAMED}|(/invoke|/minimax:tool_call))>", re.ASCII)
_LONGEST_TAG = 1000


class Block:
    """One block of calls.

    `calls` are the calls as names and texts, `raws` what was written for each, `problem` what is
    wrong with the block, empty while nothing is. `show` is given what a person may see.
    """

    def __init__(self, opening: str, show: Callable[[str], None]) -> None:
        self.done = False
        self.problem = ""
        self.calls: list[tuple[str, dict[str, str]]] = []
        self.raws: list[list[str]] = [[opening]]
        self._show = show
        self._step = self._between_calls
        self._parameter = ""
        self._value: list[str] = []
        self._gap: list[str] = []

    def read(self, data: str, at: int) -> int:
        """Take what can be understood of `data` from `at` on; returns where it ends."""
        while not self.done:
            step = self._step
            end = step(data, at)
            if end > at:
                self.raws[-1].append(data[at:end])
                at = end
            elif self._step == step:
                break
        return at

    @property
    def unfinished(self) -> str:
        """What is missing if nothing more comes."""
        if self._step in (self._in_value, self._after_value):
            return f"the value of the parameter {_short(self._parameter)} was not closed"
        if self._step == self._in_call:
            return f"the invoke of {_short(self.calls[-1][0])} was not closed"
        return "the tool_call block was not closed"

    def _between_calls(self, data: str, at: int) -> int:
        steps = {"invoke": self._open_call, "/minimax:tool_call": self._finish}
        return self._tag(data, at, steps, "an invoke with a name, or the end of the block,")

    def _in_call(self, data: str, at: int) -> int:
        steps = {"parameter": self._open_parameter, "/invoke": self._close_call}
        end = f"the end of the invoke of {_short(self.calls[-1][0])},"
        return self._tag(data, at, steps, f"a parameter with a name, or {end}")

    def _tag(self, data: str, at: int, steps: dict[str, Callable[[str], None]], wanted: str) -> int:
        space = _SPACE.match(data, at)
        if space and space.end() > at:
            return space.end()
        if at == len(data):
            return at
        end = data.find(">", at, at + _LONGEST_TAG) + 1
        if not end and data[at] == "<" and len(data) - at < _LONGEST_TAG:
            return at
        tag = _TAG.fullmatch(data, at, end) if end else None
        step = steps.get(tag[1] or tag[3]) if tag else None
        if tag and step:
            step(tag[2] or "")
            return end
        self._wrong(f"{wanted} should stand where something else does")
        self._step = self._lost
        return at

    def _open_call(self, name: str) -> None:
        if self.calls:
            self.raws.append([])
        self.calls.append((name, {}))
        self._show(f"{name}\n")
        self._step = self._in_call

    def _close_call(self, _: str) -> None:
        self._step = self._between_calls

    def _open_parameter(self, name: str) -> None:
        self._parameter = name
        self._show(f"{name}: ")
        self._step = self._in_value

    def _in_value(self, data: str, at: int) -> int:
        found = data.find(_CLOSING, at)
        if found >= 0:
            self._keep(data[at:found])
            self._step = self._after_value
            return found + len(_CLOSING)
        end = unfinished(data, at, (_CLOSING,))
        self._keep(data[at:end])
        return end

    def _after_value(self, data: str, at: int) -> int:
        space = _SPACE.match(data, at)
        if space and space.end() > at:
            self._gap.append(space[0])
            return space.end()
        if data.startswith(_FOLLOWS, at):
            self._close_parameter()
        elif not any(tag.startswith(data[at : at + len(tag)]) for tag in _FOLLOWS):
            self._keep("".join([_CLOSING, *self._gap]))
            self._gap.clear()
            self._step = self._in_value
        return at

    def _close_parameter(self) -> None:
        name, values = self.calls[-1]
        if self._parameter in values:
            self._wrong(f"the parameter {_short(self._parameter)} of {_short(name)} is there twice")
        values[self._parameter] = "".join(self._value)
        self._value.clear()
        self._gap.clear()
        self._show("\n")
        self._step = self._in_call

    def _keep(self, text: str) -> None:
        if text:
            self._value.append(text)
            self._show(text)

    def _lost(self, data: str, at: int) -> int:
        """After something that has no place here, nothing can be trusted up to the end marker."""
        found = data.find(END_CALLS, at)
        if found >= 0:
            self._finish("")
            return found + len(END_CALLS)
        return unfinished(data, at, (END_CALLS,))

    def _finish(self, _: str) -> None:
        if not self.calls:
            self._wrong("the tool_call block holds no invoke")
        self.done = True

    def _wrong(self, problem: str) -> None:
        self.problem = self.problem or problem


def _short(name: str) -> str:
    return repr(name if len(name) <= 60 else f"{name[:57]}...")
