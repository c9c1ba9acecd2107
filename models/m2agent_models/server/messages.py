"""A conversation for chat interfaces, with each turn's thinking where the server keeps it.

vLLM reads a field `reasoning` and ignores `reasoning_content`, older ones ignore both; SGLang and
llama-server read `reasoning_content`. What is in the wrong field is dropped without a word.

M2's template, besides, leaves out the thinking before the last message of a person. Standing in
the content it stays, but only if the field is there and empty: else it is taken out again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from m2agent.events import Broken, Called, Event, Said, Thought, ToolSpec
from m2agent.transcript import (
    AssistantMessage,
    Message,
    Response,
    SystemMessage,
    ToolMessage,
    UserMessage,
    messages,
)
from m2agent_models.m2 import END_THINK, THINK
from m2agent_models.m2.markers import defuse, defuse_markers
from m2agent_models.m2.render import json_text


@dataclass(frozen=True)
class Form:
    """How a server takes thinking back: in which field, and whether in the content for M2."""

    field: Literal["reasoning", "reasoning_content"] = "reasoning_content"
    m2: bool = False
    always_inline: bool = False


def chat_messages(history: Sequence[Event], form: Form) -> list[dict[str, Any]]:
    """The conversation so far. Markers of M2 in anybody's text are broken, as in our own prompt."""
    conversation = messages(history)
    system = "\n\n".join(m.text for m in conversation if isinstance(m, SystemMessage))
    out = [{"role": "system", "content": defuse(system)}] if system else []
    last_person = _last_person(conversation)
    for place, message in enumerate(conversation):
        match message:
            case SystemMessage():
                pass
            case UserMessage(text):
                _say(out, text)
            case AssistantMessage():
                inline = form.m2 and (form.always_inline or place < last_person)
                out.append(_turn(message, form.field, inline=inline))
            case ToolMessage(responses):
                _answer(out, responses)
    return out


def functions(tools: Sequence[ToolSpec]) -> list[dict[str, Any]]:
    return [
        {
            "type": "function",
            "function": {
                "name": tool.name,
                "description": tool.description,
                "parameters": tool.parameters,
            },
        }
        for tool in tools
    ]


def _last_person(conversation: Sequence[Message]) -> int:
    """Where the last message stands that goes out as one of a person's, notes included."""
    places = [
        place
        for place, message in enumerate(conversation)
        if isinstance(message, UserMessage)
        or (isinstance(message, ToolMessage) and not _calls(message.responses))
    ]
    return places[-1] if places else -1


def _calls(responses: Sequence[Response]) -> list[Response]:
    return [response for response in responses if response.call is not None]


def _turn(message: AssistantMessage, field: str, *, inline: bool) -> dict[str, Any]:
    thought = defuse_markers("\n".join(p.text for p in message.parts if isinstance(p, Thought)))
    said = "\n".join(
        defuse_markers(part.text if isinstance(part, Said) else part.raw)
        for part in message.parts
        if isinstance(part, Said | Broken)
    )
    turn: dict[str, Any] = {"role": "assistant", "content": said}
    if thought and inline:
        turn["content"] = f"{THINK}\n{thought}\n{END_THINK}\n\n{said}"
        turn[field] = ""
    elif thought:
        turn[field] = thought
    calls = [part for part in message.parts if isinstance(part, Called)]
    if calls:
        turn["tool_calls"] = [_call(call) for call in calls]
    return turn


def _call(call: Called) -> dict[str, Any]:
    arguments = defuse_markers(json_text(call.arguments))
    return {
        "id": call.id,
        "type": "function",
        "function": {"name": call.tool, "arguments": arguments},
    }


def _answer(out: list[dict[str, Any]], responses: Sequence[Response]) -> None:
    """A message for each call. Notes join the last one; where there was no call, the person's."""
    calls = _calls(responses)
    out += [
        {"role": "tool", "tool_call_id": response.call, "content": defuse(response.text)}
        for response in calls
    ]
    notes = "\n\n".join(response.text for response in responses if response.call is None)
    if notes and calls:
        out[-1]["content"] += f"\n\n{defuse(notes)}"
    elif notes:
        _say(out, notes)


def _say(out: list[dict[str, Any]], text: str) -> None:
    """A person's message. Templates want person and model to take turns, so neighbours are one."""
    if out and out[-1]["role"] == "user":
        out[-1]["content"] += f"\n\n{defuse(text)}"
    else:
        out.append({"role": "user", "content": defuse(text)})
