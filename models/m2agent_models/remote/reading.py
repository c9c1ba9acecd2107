"""Puts a turn together from the pieces in which litellm streams it, seals and all."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import msgspec

from m2agent.events import Broken, Called, Part, Said, Thought, ToolSpec
from m2agent.model import Token
from m2agent_models.arguments import called
from m2agent_models.m2 import Parser
from m2agent_models.remote.providers import Form

Piece = Mapping[str, Any]


@dataclass
class _Open:
    """A call whose arguments are still coming."""

    tool: str = ""
    arguments: str = ""
    signature: str = ""


@dataclass
class Reading:
    """One turn. `feed` gives what can be shown of it, `close` its parts."""

    tools: Sequence[ToolSpec]
    turn: int
    model: str
    form: Form
    m2: bool
    _thought: str = ""
    _said: str = ""
    _blocks: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    _details: dict[Any, dict[str, Any]] = field(default_factory=dict[Any, dict[str, Any]])
    _items: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    _signatures: list[str] = field(default_factory=list[str])
    _calls: dict[Any, _Open] = field(default_factory=dict[Any, _Open])

    def feed(self, delta: Piece) -> list[Token]:
        out: list[Token] = []
        shown = self._think(delta)
        if shown:
            self._thought += shown
            out.append(Token(shown, "thought"))
        if content := delta.get("content"):
            self._said += content
            out.append(Token(content, "said"))
        for call in _listed(delta, "tool_calls"):
            out += self._feed_call(call)
        return out

    def close(self) -> list[Part]:
        """The parts in their order. Calls come last, numbered over the whole turn."""
        parts: list[Part] = self._thoughts()
        opened = list(self._calls.values())
        calls = [
            self._sealed_call(one, called(one.tool, one.arguments, self.tools)) for one in opened
        ]
        if self._said.strip():
            for part in _parsed(self._said, self.tools) if self.m2 else [Said(self._said)]:
                if isinstance(part, Called):
                    if not opened:
                        calls.append(part)
                else:
                    parts.append(part)
        number = 0
        for part in calls:
            if isinstance(part, Called):
                number += 1
                part = msgspec.structs.replace(part, id=f"{self.turn}.{number}")
            parts.append(part)
        return parts

    def _think(self, delta: Piece) -> str:
        """Take what a delta has of thinking, and say what of it is new text."""
        special = cast(dict[str, Any], delta.get("provider_specific_fields") or {})
        self._signatures += cast(list[str], special.get("thought_signatures") or [])
        self._items = _listed(delta, "reasoning_items") or self._items
        for block in _listed(delta, "thinking_blocks"):
            self._take_block(dict(block))
        text = cast(str, delta.get("reasoning_content") or "")
        details = _listed(delta, "reasoning_details") or _listed(special, "reasoning_details")
        told = "".join([self._take_detail(dict(detail)) for detail in details])
        return text or told

    def _take_block(self, block: dict[str, Any]) -> None:
        """Anthropic's blocks come in pieces, the signature last."""
        last = self._blocks[-1] if self._blocks else None
        if block.get("type") == "redacted_thinking":
            self._blocks.append(block)
            return
        if last is None or last["type"] != "thinking" or last.get("signature"):
            last = {"type": "thinking", "thinking": "", "signature": ""}
            self._blocks.append(last)
        last["thinking"] += block.get("thinking") or ""
        last["signature"] += block.get("signature") or ""

    def _take_detail(self, detail: dict[str, Any]) -> str:
        """Details come in pieces as well, told apart by index; returns what can be read of it."""
        place = (detail.get("index"), detail.get("type"), detail.get("id"))
        if detail.get("index") is not None:
            place = detail["index"]
        there = self._details.setdefault(place, {})
        for name, value in detail.items():
            grows = name in ("text", "summary", "data", "signature") and isinstance(value, str)
            if grows and isinstance(there.get(name), str):
                there[name] += value
            elif value is not None or name not in there:
                there[name] = value
        return cast(str, detail.get("text") or detail.get("summary") or "")

    def _feed_call(self, call: Piece) -> list[Token]:
        index = call.get("index")
        open_call = self._calls.setdefault(index if index is not None else call.get("id"), _Open())
        function = cast(dict[str, Any], call.get("function") or {})
        special = cast(dict[str, Any], call.get("provider_specific_fields") or {})
        own = cast(dict[str, Any], function.get("provider_specific_fields") or {})
        open_call.signature = (
            special.get("thought_signature") or own.get("thought_signature") or open_call.signature
        )
        out: list[Token] = []
        if function.get("name") and not open_call.tool:
            open_call.tool = function["name"]
            out.append(Token(f"{open_call.tool}\n", "call"))
        if function.get("arguments"):
            open_call.arguments += function["arguments"]
            out.append(Token(function["arguments"], "call"))
        return out

    def _sealed_call(self, one: _Open, made: Called | Broken) -> Called | Broken:
        if isinstance(made, Called) and one.signature:
            seal = {"model": self.model, "signature": one.signature}
            return msgspec.structs.replace(made, seal=seal)
        return made

    def _thoughts(self) -> list[Part]:
        seal: dict[str, Any] = {"model": self.model, "form": self.form}
        if self.form == "thinking_blocks" and self._blocks:
            return [
                Thought(block.pop("thinking", ""), seal={**seal, "block": block})
                for block in self._blocks
            ]
        if self.form == "reasoning_details" and self._details:
            return [self._detail(detail, seal) for detail in self._details.values()]
        if self.form == "reasoning_items" and self._items:
            return [
                Thought(
                    _summary(item) or (self._thought if n == 0 else ""), seal={**seal, "item": item}
                )
                for n, item in enumerate(self._items)
            ]
        text = self._thought.strip("\n")
        if self._signatures:
            return [Thought(text, seal={**seal, "signatures": self._signatures})]
        return (
            [Thought(text, seal=seal if self.form == "reasoning_content" else {})] if text else []
        )

    def _detail(self, detail: dict[str, Any], seal: dict[str, Any]) -> Thought:
        for name in ("text", "summary"):
            if isinstance(detail.get(name), str):
                return Thought(
                    detail.pop(name), seal={**seal, "detail": {**detail, "text_is": name}}
                )
        return Thought("", seal={**seal, "detail": detail})


def _summary(item: Piece) -> str:
    return "\n\n".join(one["text"] for one in _listed(item, "summary") if one.get("text"))


def _listed(holder: Piece, name: str) -> list[dict[str, Any]]:
    """The objects of a list, where there is one."""
    found = cast(list[Any], holder.get(name) or [])
    return [cast(dict[str, Any], one) for one in found if isinstance(one, dict)]


def _parsed(said: str, tools: Sequence[ToolSpec]) -> list[Part]:
    """M2 without a parser at its provider writes thinking and calls into the content."""
    parser = Parser(tools, thinking=False)
    parts: list[Part] = []
    for part in [*parser.feed(said), *parser.close()]:
        match part:
            case Thought(text) | Said(text):
                if text.strip("\n"):
                    parts.append(type(part)(text))
            case Called():
                parts.append(msgspec.structs.replace(part, raw=None))
            case _:
                parts.append(part)
    return parts
