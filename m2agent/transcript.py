"""The events of a run as the conversation a model reads.

Every back end renders these messages in its own format, so what the model is told, in which
order, is decided here once. Whatever comes in between (a person's steering, a verdict, a note)
joins the tool turn: a new user message would make M2's format drop all earlier thinking. The
messages of a longer history begin with the messages of a shorter one, byte for byte.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import msgspec

from m2agent.events import (
    Asked,
    Began,
    Broken,
    Called,
    Compacted,
    Ended,
    Event,
    Judged,
    Noted,
    Part,
    Planned,
    Receipt,
    Returned,
    Said,
    Thought,
    ToolSpec,
    Turned,
)


@dataclass(frozen=True)
class SystemMessage:
    text: str
    tools: Sequence[ToolSpec]


@dataclass(frozen=True)
class UserMessage:
    text: str


@dataclass
class AssistantMessage:
    """A turn of the model; `tokens` as in `Turned`, empty where unknown."""

    parts: list[Part] = field(default_factory=list[Part])
    tokens: bytes = b""


@dataclass(frozen=True)
class Response:
    """One block of a tool turn. `call` is the answered call's id, or None for a note."""

    call: str | None
    text: str


@dataclass
class ToolMessage:
    responses: list[Response] = field(default_factory=list[Response])


Message = SystemMessage | UserMessage | AssistantMessage | ToolMessage


def messages(history: Sequence[Event]) -> list[Message]:
    """The conversation so far; it ends with what the model is to answer."""
    out: list[Message] = []
    ended, structure = False, ""
    for event in _unfolded(history):
        match event:
            case Began():
                out.append(SystemMessage(event.system, event.tools))
                structure = _structure(event)
            case Asked(text) if ended or not any(isinstance(m, UserMessage) for m in out):
                out.append(UserMessage(f"{text}\n\n{structure}" if structure else text))
                ended = False
            case Asked(text):
                _note(out, f"The person says: {text}")
            case Thought() | Said() | Called() | Broken():
                _model_turn(out).parts.append(event)
            case Turned(tokens=tokens):
                message = _model_turn(out)
                message.tokens = tokens
                for part in message.parts:
                    if isinstance(part, Broken):
                        _note(out, part.problem)
            case Returned(id=id):
                _answer(out, id, words(event))
            case Noted(text):
                _note(out, text)
            case Planned(by=by) if by:
                _note(out, _changed(event))
            case Judged(met=False):
                _note(out, _verdict(event))
            case Ended(status=status):
                ended = status in ("done", "unverified")
            case _:
                pass
    return out


def _unfolded(history: Sequence[Event]) -> Iterator[Event]:
    """The events that a prompt is made of: after a fold, its words stand for what it folded."""
    fold = next((event for event in reversed(history) if isinstance(event, Compacted)), None)
    if fold is None:
        yield from history
        return
    yield from (event for event in history[:2] if isinstance(event, Began | Asked))
    yield Noted(fold.summary)
    yield from history[fold.through :]


def words(returned: Returned) -> str:
    """A result as the model reads it: its text, and the marks by which a report can cite it."""
    marks = "".join(f"\n{mark(receipt)}" for receipt in returned.receipts)
    return (returned.text if returned.ok else f"Failed: {returned.text}") + marks


def mark(receipt: Receipt) -> str:
    """How a report cites a receipt: "[draft d12]"."""
    return f"[{receipt.kind} {receipt.id}]"


def _structure(began: Began) -> str:
    """What a run whose report must be JSON is told about it, behind the person's words."""
    if not began.schema:
        return ""
    return (
        "Your closing report must be one JSON value that fits this schema, with nothing around "
        "it. Marks of results, where you give them, stand inside its texts.\n"
        f"{msgspec.json.encode(began.schema).decode()}"
    )


def _changed(plan: Planned) -> str:
    lines = [f"- [{item.state}] {item.text} {item.proof}".rstrip() for item in plan.items]
    notes = [f"- Note: {note}" for note in plan.notes]
    return "\n".join(["The person changed the plan. It is now:", *lines, *notes])


def _verdict(judged: Judged) -> str:
    failed = [item for item in judged.items if item.state not in ("proven", "claimed")]
    lines = [f"- {item.text}: {item.proof or item.state}" for item in failed]
    return "\n".join(["Not done yet. What is missing:", *lines, "Go on, or correct your report."])


def _model_turn(out: list[Message]) -> AssistantMessage:
    if not (out and isinstance(out[-1], AssistantMessage)):
        out.append(AssistantMessage())
    message = out[-1]
    assert isinstance(message, AssistantMessage)
    return message


def _tool_turn(out: list[Message]) -> ToolMessage:
    if not (out and isinstance(out[-1], ToolMessage)):
        out.append(ToolMessage())
    message = out[-1]
    assert isinstance(message, ToolMessage)
    return message


def _note(out: list[Message], text: str) -> None:
    _tool_turn(out).responses.append(Response(None, text))


def _answer(out: list[Message], call: str, text: str) -> None:
    """Put an answer where its call stands among the calls, before all notes."""
    responses = _tool_turn(out).responses
    at = sum(1 for r in responses if r.call is not None and _place(r.call) < _place(call))
    responses.insert(at, Response(call, text))


def _place(call: str) -> int:
    return int(call.rpartition(".")[2])
