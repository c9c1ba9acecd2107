"""A model that plays written turns: for tests, demos and replay, without any weights.

    {"thinking": "Look first.", "calls": [{"tool": "mail_search", "arguments": {"query": "ann"}}]}
    {"calls": [{"tool": "mail_read", "arguments": {"id": "{{1.items.0.id}}"}}]}
    {"text": "Ann wrote about the invoice."}

One turn a line. `{{1.items.0.id}}` is the value at that path in the `data` of the run's first
call; alone in its string it keeps its type, and it may also stand in the text. Which turn comes
next is read from the history, so a resumed run goes on where it was.

    {"agent": "this week", "text": "Ann wrote twice."}

is a turn of the sub-agent whose task has these words; all others are the run's own.
"""

import asyncio
import json
import re
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, cast

import msgspec

from m2agent.errors import ModelError, UsageError
from m2agent.events import Asked, Called, Event, Returned, Said, Thought, ToolSpec, Turned
from m2agent.model import ModelSettings, Piece, Token

_REFERENCE = re.compile(r"\{\{\s*(?P<call>\d+)(?P<path>(?:\.[^{}.]+)*)\s*\}\}")
_CHARACTERS_A_TOKEN = 4


class _Call(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    tool: str
    arguments: dict[str, Any] = {}


class _Turn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    thinking: str = ""
    text: str = ""
    calls: list[_Call] = []
    agent: str = ""


_DONE = _Turn(text="Done.")


class Script:
    """The back end `script:FILE`; in Python, `Script([{"text": "Hello."}, ...])`."""

    name = "script"
    context: int | None = None
    judges = False

    def __init__(self, turns: Iterable[Mapping[str, Any]]) -> None:
        """Raises UsageError for a turn that is none."""
        places = ((f"The script's turn {n}", turn) for n, turn in enumerate(turns, 1))
        self._turns = [(where, _turn(where, turn)) for where, turn in places]
        self._seen: list[tuple[Sequence[Event], int]] = []

    @classmethod
    async def open(cls, rest: str, settings: dict[str, Any]) -> Self:
        """Read the file. Raises UsageError that names the line and what is wrong with it."""
        script = cls([])
        script._turns = list(_read(rest))
        return script

    @property
    def saw(self) -> list[list[Event]]:
        """The history of each turn that was asked for."""
        return [list(history[:length]) for history, length in self._seen]

    async def reply(
        self,
        history: Sequence[Event],
        tools: Sequence[ToolSpec],
        settings: ModelSettings,
    ) -> AsyncGenerator[Piece, None]:
        """Play the next turn. `generated` is an estimate: four characters a token."""
        self._seen.append((history, len(history)))
        played = sum(isinstance(event, Turned) for event in history)
        turns = [(where, turn) for where, turn in self._turns if _is_for(turn, history)]
        where, turn = turns[played] if played < len(turns) else ("", _DONE)
        results = _Results(history, where)
        text = results.told(turn.text)
        await asyncio.sleep(0)
        if turn.thinking:
            for word in _words(turn.thinking):
                yield Token(word, "thought")
            yield Thought(turn.thinking)
        if text:
            for word in _words(text):
                yield Token(word, "said")
            yield Said(text)
        length = len(turn.thinking) + len(text)
        for place, call in enumerate(turn.calls, 1):
            arguments = cast(dict[str, Any], results.into(call.arguments))
            length += len(call.tool) + len(_json(arguments))
            yield Called(f"{played + 1}.{place}", call.tool, arguments)
        yield Turned("calls" if turn.calls else "stop", generated=-(-length // _CHARACTERS_A_TOKEN))

    def describe(self) -> str:
        return f"{len(self._turns)} written turns"

    async def close(self) -> None: ...


@dataclass(frozen=True)
class _Results:
    """What the run's calls returned, for the turn at `where` to refer to."""

    history: Sequence[Event]
    where: str

    def into(self, value: Any) -> Any:
        """The value with every reference in it, at any depth, replaced by what it points at."""
        match value:
            case str():
                alone = _REFERENCE.fullmatch(value)
                return self._at(alone) if alone else self.into_text(value)
            case list():
                return [self.into(item) for item in cast(list[Any], value)]
            case dict():
                items = cast(dict[str, Any], value).items()
                return {key: self.into(item) for key, item in items}
            case _:
                return value

    def into_text(self, text: str) -> str:
        return _REFERENCE.sub(lambda reference: _text(self._at(reference)), text)

    def told(self, text: str) -> str:
        """A report, in which a call that failed or was declined has nothing to show."""
        return _REFERENCE.sub(lambda r: "none" if self._failed(r) else _text(self._at(r)), text)

    def _failed(self, reference: re.Match[str]) -> bool:
        calls = [event for event in self.history if isinstance(event, Called)]
        number = int(reference["call"])
        if not 1 <= number <= len(calls):
            return False
        id = calls[number - 1].id
        results = [e for e in self.history if isinstance(e, Returned) and e.id == id]
        return bool(results) and not results[-1].ok

    def _at(self, reference: re.Match[str]) -> Any:
        number = int(reference["call"])
        calls = [event for event in self.history if isinstance(event, Called)]
        if not 1 <= number <= len(calls):
            raise self._nowhere(reference, f"the run has {len(calls)} calls so far")
        call = calls[number - 1]
        name = f"call {number} ({call.tool})"
        returned = [e for e in self.history if isinstance(e, Returned) and e.id == call.id]
        if not returned:
            raise self._nowhere(reference, f"{name} has not returned")
        if not returned[-1].ok:
            raise self._nowhere(reference, f"{name} failed")
        value = returned[-1].data
        for step in reference["path"].strip().split(".")[1:]:
            if isinstance(value, dict) and step in value:
                value = cast(dict[str, Any], value)[step]
            elif isinstance(value, list) and step.isdecimal() and int(step) < len(cast(Any, value)):
                value = cast(list[Any], value)[int(step)]
            else:
                why = f"{name} returned {_offer(value)} where {step!r} was looked for"
                raise self._nowhere(reference, why)
        return value

    def _nowhere(self, reference: re.Match[str], why: str) -> ModelError:
        return ModelError(f"{self.where}: {reference[0]} leads nowhere: {why}.")


def _read(name: str) -> Iterable[tuple[str, _Turn]]:
    if not name:
        raise UsageError("Name the script's file: --model script:FILE.")
    try:
        text = Path(name).read_text("utf-8-sig")
    except OSError as error:
        raise UsageError(f"The script {name} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"The script {name} is not UTF-8 text.") from error
    for number, line in enumerate(text.split("\n"), 1):
        where = f"{name}, line {number}"
        if line.strip():
            try:
                turn = msgspec.json.decode(line)
            except msgspec.DecodeError as error:
                raise UsageError(f"{where} is not JSON: {error}") from error
            yield where, _turn(where, turn)


def _turn(where: str, turn: Any) -> _Turn:
    try:
        return msgspec.convert(turn, _Turn)
    except msgspec.ValidationError as error:
        allowed = '{"thinking": "...", "text": "...", "calls": [{"tool": "...", "arguments": {}}]}'
        raise UsageError(f"{where}: {error}. A turn looks like {allowed}.") from error


def _is_for(turn: _Turn, history: Sequence[Event]) -> bool:
    """Whether it is a turn of the agent whose history this is."""
    asked = next((event for event in history if isinstance(event, Asked)), Asked(""))
    if not asked.by:
        return not turn.agent
    return bool(turn.agent) and turn.agent in asked.text.rpartition("\n\n")[2]


def _words(text: str) -> list[str]:
    return re.findall(r"\S+\s*|\s+", text)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else _json(value)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _offer(value: Any) -> str:
    """What there is, for somebody who looked for something else in it."""
    match value:
        case dict() if value:
            return f"only {', '.join(map(str, cast(dict[str, Any], value)))}"
        case list():
            return f"a list of {len(cast(list[Any], value))}"
        case _:
            return _json(value)[:80]
