"""Whether the chat template in a file writes a conversation as we do.

M2's prompts are made here and never by the template. Where a file's own one writes something else,
the model was trained on other prompts than it will be given, and works worse without any error.
"""

from typing import Any

from m2agent.events import Asked, Began, Called, Event, Returned, Said, Thought, ToolSpec, Turned
from m2agent_models import m2
from m2agent_models.chat_template import Unusable, rendered

_TOOL = ToolSpec(
    "mail_search",
    "Find mails.",
    {"type": "object", "properties": {"query": {"type": "string"}}, "required": ["query"]},
)
_SYSTEM, _TASK, _THOUGHT, _SAID = "You work in an office.", "Is Ann's bill right?", "Hm.", "I look."
_ARGUMENTS: dict[str, Any] = {"query": "Ünal", "limit": 5, "unread": True, "labels": ["a", "ü"]}
_RESULTS = ("m1  Ann  Bill", "none")
_SHOWN = 24

_HISTORY: list[Event] = [
    Began("local", _SYSTEM, [_TOOL]),
    Asked(_TASK),
    Thought(_THOUGHT),
    Said(_SAID),
    Called("1", _TOOL.name, _ARGUMENTS),
    Called("2", _TOOL.name, {}),
    Turned("calls"),
    Returned("1", text=_RESULTS[0]),
    Returned("2", text=_RESULTS[1]),
]
_TALK: list[dict[str, Any]] = [
    {"role": "system", "content": _SYSTEM},
    {"role": "user", "content": _TASK},
    {
        "role": "assistant",
        "content": _SAID,
        "reasoning_content": _THOUGHT,
        "tool_calls": [
            {"id": str(n), "type": "function", "function": {"name": _TOOL.name, "arguments": given}}
            for n, given in enumerate((_ARGUMENTS, {}), 1)
        ],
    },
    *({"role": "tool", "content": text} for text in _RESULTS),
]
_TOOLS = [
    {
        "type": "function",
        "function": {
            "name": _TOOL.name,
            "description": _TOOL.description,
            "parameters": _TOOL.parameters,
        },
    }
]


def deviation(template: str, *, bos: str, eos: str) -> str:
    """How an M2's template differs from what is written here, in a sentence; empty if it does not.

    It is run in the sandbox of `chat_template`, for a quarter of a second.
    """
    if not template:
        return ""
    ours = m2.render(_HISTORY, [_TOOL])
    try:
        theirs = rendered({"template": template, "bos": bos, "eos": eos, "tools": _TOOLS}, _TALK)
    except Unusable as error:
        return f"Its own chat template cannot be run: {error}."
    if theirs is None:
        return "Its own chat template refuses a conversation with tools."
    if theirs == ours:
        return ""
    pairs = enumerate(zip(theirs, ours, strict=False))
    same = next((n for n, (one, other) in pairs if one != other), min(len(theirs), len(ours)))
    return (
        f"After {ours[:same][-_SHOWN:]!r} its own chat template writes "
        f"{theirs[same:][:_SHOWN]!r} and m2agent {ours[same:][:_SHOWN]!r}, so that it may work "
        "worse than it could."
    )
