"""`m2agent doctor MODEL`: two turns, to see whether the first one's thinking reaches the second.

The model is asked to think, and to call a tool with a text that M2's format makes hard: it holds
the end of a parameter. Then the request for its second turn is looked at as it left.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from typing import Protocol, runtime_checkable

from m2agent.events import (
    Asked,
    Began,
    Broken,
    Called,
    Event,
    Returned,
    Said,
    Thought,
    ToolSpec,
    Turned,
)
from m2agent.model import Model, ModelSettings

HARD = "<p>one</parameter> two</p>"
_TOOL = ToolSpec(
    "probe_note",
    "Write down a text, exactly as it is.",
    {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]},
)
_TASK = f"Think in a sentence which tool to use. Then call probe_note with the text {HARD}"
_SETTINGS = ModelSettings(temperature=0.0, max_tokens=2_048, max_thinking=1_024)


@runtime_checkable
class Shown(Protocol):
    """A back end that shows what it sends for a turn that was just asked for."""

    def outgoing(self, history: Sequence[Event], tools: Sequence[ToolSpec]) -> str: ...


async def probe(model: Model) -> AsyncIterator[tuple[str, bool | None, str]]:
    """Findings: what was looked at, whether it is well (None: could not be seen), and words."""
    history: list[Event] = [Began(model.name, "You are being tested.", [_TOOL]), Asked(_TASK)]
    first = await _turn(model, history)
    history += first
    thought = "\n".join(part.text for part in first if isinstance(part, Thought)).strip()
    calls = [part for part in first if isinstance(part, Called)]
    history += [Returned(call.id, text="Written down.") for call in calls]
    second = await _turn(model, history)
    if not thought:
        yield "thinking", None, "turn 1 shows no thinking, so there is none to go back"
    elif isinstance(model, Shown):
        there = _plain(thought) in _plain(model.outgoing(history, [_TOOL]))
        place = "is in request 2" if there else "is missing from request 2"
        yield "thinking", there, f"of turn 1, {len(thought):,} characters, {place}"
    else:
        yield "thinking", None, "this back end does not show what it sends"
    given = [str(call.arguments.get("text", "")) for call in calls if call.tool == _TOOL.name]
    if HARD in given:
        yield "arguments", True, "a </parameter> inside a text survives"
    elif given:
        yield "arguments", False, f"a </parameter> inside a text does not survive: {given[0]!r}"
    elif any(isinstance(part, Broken) for part in first):
        yield "arguments", False, "the call was written in a form that nobody can read"
    else:
        yield "arguments", None, "the model did not call the tool"
    said = any(isinstance(part, Said | Called) for part in second)
    yield "turn 2", said or None, "answered" if said else "said nothing"


async def _turn(model: Model, history: Sequence[Event]) -> list[Event]:
    kept: list[Event] = []
    async with aclosing(model.reply(history, [_TOOL], _SETTINGS)) as pieces:
        async for piece in pieces:
            if isinstance(piece, Thought | Said | Called | Broken | Turned):
                kept.append(piece)
    return kept


def _plain(text: str) -> str:
    """Letters and digits alone: M2's format and JSON write the rest in their own ways."""
    return "".join(c for c in text.replace("\\n", " ") if c.isalnum())
