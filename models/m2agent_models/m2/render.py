"""The prompt in M2's format: a pure function of the history, to which turns only add.

It is what M2's own chat template makes of the conversation, but for two things: thinking stays
when the person says something new, since dropping it costs answers and the whole cache; and
every turn begins with the thinking that its prompt opened, even if nothing was thought.
"""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Literal

from m2agent.events import Broken, Called, Event, Part, Said, Thought, ToolSpec
from m2agent.transcript import (
    AssistantMessage,
    SystemMessage,
    ToolMessage,
    UserMessage,
    messages,
)
from m2agent_models.m2.markers import (
    CALLS,
    END,
    END_CALLS,
    END_THINK,
    ROLE,
    START,
    THINK,
    ZERO_WIDTH,
    defuse,
    defuse_control,
    defuse_markers,
)

_IDENTITY = "You are a helpful assistant."
_TURN = f"{ROLE}ai\n{THINK}\n"
_CLOSED = f"{END}\n"

_TOOLS = """

# Tools
You may call one or more tools to assist with the user query.
Here are the tools available in JSONSchema format:

<tools>
"""
_CALLING = f"""</tools>

When making tool calls, use XML format to invoke tools and pass parameters:

{CALLS}
<invoke name="tool-name-1">
<parameter name="param-key-1">param-value-1</parameter>
<parameter name="param-key-2">param-value-2</parameter>
...
</invoke>
{END_CALLS}"""

_Head = Callable[[str, Sequence[ToolSpec]], Iterator["Segment"]]

_VALUE_END = re.compile(r"</(?=parameter>[ \t\r\n]*(?:<parameter[ \t\r\n]|</invoke>))")


@dataclass(frozen=True)
class Segment:
    """A stretch of the prompt, and how it becomes tokens.

    `frame` is markup of ours: tokenize with special tokens. `text` is anybody's words: tokenize
    without. `model` is a turn as M2 wrote it: `tokens` as in `Turned`, or, where these are empty,
    the text with special tokens.
    """

    kind: Literal["frame", "text", "model"]
    text: str
    tokens: bytes = b""


def render(history: Sequence[Event], tools: Sequence[ToolSpec]) -> str:
    """The prompt for the next turn; it ends by opening the turn's thinking."""
    return "".join(segment.text for segment in segments(history, tools))


def segments(
    history: Sequence[Event], tools: Sequence[ToolSpec], *, brief: bool = False
) -> list[Segment]:
    """The prompt in stretches. Those of a longer history begin with those of a shorter one.

    `brief` tells of the tools by their names and parameters alone, for a model that was trained
    so: a twelfth of the tokens, which a small machine would have to read before the first word.
    """
    return list(_joined(_conversation(history, tools, _brief if brief else _system)))


def _conversation(
    history: Sequence[Event], tools: Sequence[ToolSpec], system: _Head
) -> Iterator[Segment]:
    conversation = messages(history)
    texts = [message.text for message in conversation if isinstance(message, SystemMessage)]
    yield from system("\n\n".join(texts) or _IDENTITY, tools)
    for message in conversation:
        match message:
            case SystemMessage():
                continue
            case UserMessage(text):
                yield _frame(f"{ROLE}user\n")
                yield _text(text)
            case AssistantMessage(parts, tokens):
                yield _frame(_TURN)
                yield Segment("model", written(parts), tokens)
            case ToolMessage(responses):
                yield _frame(f"{ROLE}tool")
                for response in responses:
                    yield _frame("\n<response>")
                    yield _text(response.text)
                    yield _frame("</response>")
        yield _frame(_CLOSED)
    yield _frame(_TURN)


def _system(text: str, tools: Sequence[ToolSpec]) -> Iterator[Segment]:
    yield _frame(f"{START}{ROLE}system\n")
    yield _text(text)
    if tools:
        yield _frame(_TOOLS)
        for tool in tools:
            function = {
                "name": tool.name,
                "description": tool.description,
                "parameters": tool.parameters,
            }
            yield _frame("<tool>")
            yield _text(json_text(function))
            yield _frame("</tool>\n")
        yield _frame(_CALLING)
    yield _frame(_CLOSED)


def _brief(text: str, tools: Sequence[ToolSpec]) -> Iterator[Segment]:
    """The tools first: they stay the same when the day changes, and with them the cache."""
    yield _frame(f"{START}{ROLE}system\n")
    for tool in tools:
        yield _text(f"{tool.name}({', '.join(_signature(tool))})\n")
    yield _text(f"\n{text}")
    yield _frame(_CLOSED)


def _signature(tool: ToolSpec) -> Iterator[str]:
    required = tool.parameters.get("required", [])
    for name in tool.parameters.get("properties", {}):
        yield name if name in required else f"{name}?"


def written(parts: Sequence[Part]) -> str:
    """A turn after the thinking that its prompt opened: as M2 wrote it, if it did."""
    raws = [part.raw for part in parts if part.raw is not None]
    if parts and len(raws) == len(parts):
        return defuse_control("".join(raws))
    return "".join(_canonical(parts))


def _canonical(parts: Sequence[Part]) -> Iterator[str]:
    open_thinking = True
    for kind, group in groupby(parts, _kind):
        if kind is Thought and not open_thinking:
            yield f"\n{THINK}\n"
        elif kind is not Thought and open_thinking:
            yield f"\n{END_THINK}\n\n"
        open_thinking = kind is Thought
        if kind is Called:
            yield f"\n{CALLS}\n"
            yield from (_invoke(part) for part in group if isinstance(part, Called))
            yield END_CALLS
        else:
            yield "\n".join(defuse_markers(_words(part)) for part in group)
    if open_thinking:
        yield f"\n{END_THINK}\n\n"


def _kind(part: Part) -> type[Part]:
    return type(part) if isinstance(part, Thought | Called) else Said


def _words(part: Part) -> str:
    match part:
        case Thought(text) | Said(text):
            return text
        case Called(raw=raw) | Broken(raw=raw):
            return raw or ""


def _invoke(call: Called) -> str:
    lines = "".join(
        f'<parameter name="{defuse_markers(name)}">{value_text(value)}</parameter>\n'
        for name, value in call.arguments.items()
    )
    return f'<invoke name="{defuse_markers(call.tool)}">\n{lines}</invoke>\n'


def value_text(value: Any) -> str:
    """A value as the format has it, without escapes; only what would end it is broken."""
    text = value if isinstance(value, str) else json_text(value)
    return _VALUE_END.sub(rf"\g<0>{ZERO_WIDTH}", defuse_markers(text))


def json_text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _frame(text: str) -> Segment:
    return Segment("frame", text)


def _text(text: str) -> Segment:
    return Segment("text", defuse(text))


def _joined(segments: Iterator[Segment]) -> Iterator[Segment]:
    """Neighbouring frames as one, and nothing empty."""
    for kind, group in groupby(segments, lambda segment: segment.kind):
        if kind == "frame":
            yield _frame("".join(segment.text for segment in group))
        else:
            yield from (segment for segment in group if segment.text or segment.tokens)
