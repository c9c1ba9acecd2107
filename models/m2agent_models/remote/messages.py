"""A conversation for a hosted model, with each turn's thinking in the form its provider takes back.

What a model sealed goes back only to the same model: to another it would be a forgery. Thinking
without a seal, from another model or from before a change of form, goes back as text in the
content, so that it is never dropped.
"""

from collections.abc import Callable, Sequence
from typing import Any

from m2agent.events import Broken, Called, Event, Said, Thought
from m2agent.transcript import (
    AssistantMessage,
    Response,
    SystemMessage,
    ToolMessage,
    UserMessage,
    messages,
)
from m2agent_models.m2 import END_THINK, THINK
from m2agent_models.m2.markers import defuse, defuse_markers
from m2agent_models.m2.render import json_text
from m2agent_models.remote.providers import Form

_SEALED: tuple[Form, ...] = ("thinking_blocks", "reasoning_items")
"""What is not sealed cannot go back in these forms."""


def call_id(id: str) -> str:
    """An id that every provider takes: "3.1" becomes "call_3_1"."""
    return f"call_{id.replace('.', '_')}"


def hosted_messages(
    history: Sequence[Event], model: str, form: Form, *, m2: bool
) -> list[dict[str, Any]]:
    """The conversation so far; `m2`: break M2's markers in everybody's text."""
    plain: Callable[[str], str] = defuse if m2 else str
    out: list[dict[str, Any]] = []
    for message in messages(history):
        match message:
            case SystemMessage(text):
                out.append({"role": "system", "content": plain(text)})
            case UserMessage(text):
                _say(out, plain(text))
            case AssistantMessage():
                out.append(_turn(message, model, form, m2=m2))
            case ToolMessage(responses):
                _answer(out, responses, plain)
    return out


def _turn(message: AssistantMessage, model: str, form: Form, *, m2: bool) -> dict[str, Any]:
    plain: Callable[[str], str] = defuse_markers if m2 else str
    said = "\n".join(
        plain(part.text if isinstance(part, Said) else part.raw)
        for part in message.parts
        if isinstance(part, Said | Broken)
    )
    thoughts = [part for part in message.parts if isinstance(part, Thought)]
    sealed = [t for t in thoughts if t.seal.get("model") == model and t.seal.get("form") == form]
    bare = [t for t in thoughts if t not in sealed]
    turn: dict[str, Any] = {"role": "assistant"}
    if sealed:
        turn |= _sealed(sealed, form)
    inline = "\n".join(plain(t.text) for t in bare if t.text)
    if inline and (form in _SEALED or form == "inline"):
        said = f"{THINK}\n{inline}\n{END_THINK}\n\n{said}"
    elif inline and form == "reasoning_details" and not sealed:
        turn["reasoning_details"] = [{"type": "reasoning.text", "text": inline}]
    elif inline:
        turn["reasoning_content"] = inline
    calls = [part for part in message.parts if isinstance(part, Called)]
    turn["content"] = said or (None if calls else "")
    if calls:
        turn["tool_calls"] = [_call(call, model) for call in calls]
    return turn


def _sealed(thoughts: Sequence[Thought], form: Form) -> dict[str, Any]:
    match form:
        case "thinking_blocks":
            return {"thinking_blocks": [_block(thought) for thought in thoughts]}
        case "reasoning_details":
            details = [_with_text(thought) for thought in thoughts]
            return {"reasoning_details": details}
        case "reasoning_items":
            return {"reasoning_items": [dict(thought.seal["item"]) for thought in thoughts]}
        case _:
            fields: dict[str, Any] = {"reasoning_content": "\n".join(t.text for t in thoughts)}
            signatures = [s for t in thoughts for s in t.seal.get("signatures", [])]
            if signatures:
                fields["provider_specific_fields"] = {"thought_signatures": signatures}
            return fields


def _block(thought: Thought) -> dict[str, Any]:
    block = dict(thought.seal["block"])
    return block if block["type"] == "redacted_thinking" else {**block, "thinking": thought.text}


def _with_text(thought: Thought) -> dict[str, Any]:
    """A detail as it came: its text stands in the event, under the name that `text` gives."""
    detail = dict(thought.seal["detail"])
    named = detail.pop("text_is", "")
    return {**detail, named: thought.text} if named else detail


def _call(call: Called, model: str) -> dict[str, Any]:
    made: dict[str, Any] = {
        "id": call_id(call.id),
        "type": "function",
        "function": {"name": call.tool, "arguments": json_text(call.arguments)},
    }
    if call.seal.get("model") == model:
        made["provider_specific_fields"] = {"thought_signature": call.seal["signature"]}
    return made


def _answer(
    out: list[dict[str, Any]], responses: Sequence[Response], plain: Callable[[str], str]
) -> None:
    """A message for each call. Notes join the last one; where there was no call, the person's."""
    calls = [response for response in responses if response.call is not None]
    out += [
        {"role": "tool", "tool_call_id": call_id(one.call or ""), "content": plain(one.text)}
        for one in calls
    ]
    notes = "\n\n".join(response.text for response in responses if response.call is None)
    if notes and calls:
        out[-1]["content"] += f"\n\n{plain(notes)}"
    elif notes:
        _say(out, plain(notes))


def _say(out: list[dict[str, Any]], text: str) -> None:
    if out and out[-1]["role"] == "user":
        out[-1]["content"] += f"\n\n{text}"
    else:
        out.append({"role": "user", "content": text})
