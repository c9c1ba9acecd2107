"""Tools that let a run down: it comes out as if they had not, or says truthfully what is missing.

The model is a clerk who works a list off, tries again what failed, looks at the end whether all is
there, and reports what it has proof of.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path
from typing import Any

import pytest
from ledger import Ledger

from m2agent.errors import Busy
from m2agent.events import Called, Event, Part, Returned, Said, ToolSpec, Turned, Unsettled
from m2agent.loop import Answer, Ask, Yes
from m2agent.model import ModelSettings, Piece
from m2agent.testing.noise import Noise, noisy
from m2agent.testing.stage import Stage, ended
from m2agent.tool import Result, tool
from m2agent.transcript import mark
from m2agent_models.script import Script

LIST = (("put", "rent"), ("put", "wood"), ("post", "closed on Friday"), ("shout", "lunch"))
_TRIES = 4


class Clerk:
    """Works the list off, from what the history says alone."""

    name = "clerk"
    context: int | None = None
    judges = False

    async def reply(
        self, history: Sequence[Event], tools: Sequence[ToolSpec], settings: ModelSettings
    ) -> AsyncGenerator[Piece, None]:
        part = self._next(history)
        yield part
        yield Turned("calls" if isinstance(part, Called) else "stop")

    def describe(self) -> str:
        return "a clerk"

    async def close(self) -> None: ...

    def _next(self, history: Sequence[Event]) -> Part:
        for kind, text in LIST:
            tried = _results(history, f"ledger_{kind}", {"text": text})
            if not _good(tried) and len(tried) < _TRIES:
                return Called("", f"ledger_{kind}", {"text": text})
        looks = _results(history, "ledger_look", {})
        if not (looks and not _missing(history)) and len(looks) < _TRIES:
            return Called("", "ledger_look", {})
        if not _results(history, "plan_update", None):
            return Called("", "plan_update", {"items": _items(history)})
        return Said(_report(history))


def _results(history: Sequence[Event], tool: str, arguments: Any) -> list[Returned]:
    ids = {
        e.id
        for e in history
        if isinstance(e, Called) and e.tool == tool and arguments in (None, e.arguments)
    }
    return [event for event in history if isinstance(event, Returned) and event.id in ids]


def _good(tried: Sequence[Returned]) -> Returned | None:
    return next((returned for returned in tried if returned.ok), None)


def _done(history: Sequence[Event]) -> dict[str, Returned]:
    found = {text: _good(_results(history, f"ledger_{t}", {"text": text})) for t, text in LIST}
    return {text: returned for text, returned in found.items() if returned}


def _missing(history: Sequence[Event]) -> list[str]:
    """What should be there and was not seen when the clerk looked last."""
    seen = [returned.text for returned in _results(history, "ledger_look", {}) if returned.ok][-1:]
    return [text for text in _done(history) if text not in "\n".join(seen).splitlines()]


def _items(history: Sequence[Event]) -> list[dict[str, str]]:
    done, missing = _done(history), _missing(history)
    items: list[dict[str, str]] = []
    for _, text in LIST:
        proof = " ".join(map(mark, done[text].receipts)) if text in done else ""
        good = text in done and text not in missing and proof
        items.append({"text": text, "state": "done" if good else "open", "proof": proof})
    return items


def _report(history: Sequence[Event]) -> str:
    lines = [
        f"{i['text']}: {i['proof'] if i['state'] == 'done' else 'OPEN'}" for i in _items(history)
    ]
    return "\n".join(lines)


async def _yes(asks: Sequence[Ask]) -> Sequence[Answer]:
    return [Yes("Ann") for _ in asks]


def _forget(folder: Path) -> Noise:
    """Somebody else removes the first entry before the clerk looks."""
    file = folder / "ledger.jsonl"

    def forget() -> None:
        file.write_text("".join(file.read_text().splitlines(keepends=True)[1:]))

    return Noise("world", "look", world=forget)


def _stamp(folder: Path) -> Noise:
    """What a post says changes while another entry is written."""
    return Noise("world", "put", at=2, world=lambda: _write(folder / "ledger.stamp", " (noon)"))


def _write(file: Path, text: str) -> None:
    file.write_text(text)


SAME = {
    "all slow": [Noise("slow", times=99)],
    "busy for a while": [Noise("busy", times=3)],
    "busy at every second": [Noise("busy", at=n) for n in (1, 3, 5)],
    "a look refused": [Noise("fails", "look")],
    "an entry refused": [Noise("fails", "put")],
    "an entry lost on the way": [Noise("lost before", "put")],
    "an answer lost on the way": [Noise("lost after", "put")],
    "every answer lost": [Noise("lost after", "put", times=9), Noise("lost after", "post")],
    "a post lost on the way": [Noise("lost before", "post")],
    "half a look": [Noise("half", "look")],
    "an empty look": [Noise("empty", "look", times=2)],
    "a look that says otherwise": [Noise("other", "look", times=3)],
    "a look that gives what it gave before": [
        Noise("half", "look"),
        Noise("stale", "look", at=2),
    ],
    "a look without end": [Noise("huge", "look")],
    "markers in all texts": [Noise("markup", times=99)],
    "all texts twice": [Noise("twice", times=99)],
    "the proof of something else": [Noise("wrong receipts", "put")],
    "a look that hangs": [Noise("hangs", "look")],
    "an entry that hangs": [Noise("hangs", "put")],
    "a bit of everything": [
        Noise("busy", "put", times=2),
        Noise("lost after", "put", at=4),
        Noise("fails", "post"),
        Noise("half", "look"),
        Noise("slow", times=99),
    ],
}


@pytest.mark.parametrize("noises", SAME.values(), ids=SAME)
async def test_it_comes_out_as_if_nothing_had_been(tmp_path: Path, noises: list[Noise]) -> None:
    events, ledger = await _play(tmp_path, noises)

    assert ended(events).exit_code == 0, ended(events).reason
    assert ledger.texts() == [text for _, text in LIST]


MISSING = {
    "an entry refused for good": ([Noise("fails", "put", times=4)], ["rent"]),
    "busy all day": ([Noise("busy", "post", times=99)], ["closed on Friday"]),
    "no look possible": ([Noise("fails", "look", times=99)], [text for _, text in LIST]),
    "no proof given": ([Noise("no receipts", "put")], ["rent"]),
    "entries half seen": ([Noise("half", "look", times=99)], ["closed on Friday", "lunch"]),
}


@pytest.mark.parametrize(("noises", "missing"), MISSING.values(), ids=MISSING)
async def test_what_did_not_come_out_is_said_and_the_exit_code_with_it(
    tmp_path: Path, noises: list[Noise], missing: list[str]
) -> None:
    events, ledger = await _play(tmp_path, noises)

    assert ended(events).exit_code == 7
    said = [line for line in ended(events).answer.splitlines() if line.endswith("OPEN")]
    assert {line.rpartition("] ")[2].removesuffix(": OPEN") for line in said} == set(missing)
    assert max(Counter(ledger.texts()).values()) == 1


async def test_a_busy_read_is_tried_again_before_the_model_hears_of_it(tmp_path: Path) -> None:
    look: dict[str, Any] = {"calls": [{"tool": "ledger_look", "arguments": {}}]}
    ledger = noisy(Ledger(tmp_path / "ledger.jsonl"), Noise("busy", "look", times=3))

    events = await Stage(tmp_path, Script([look]), {"ledger": ledger}).play()

    assert [e.text for e in events if isinstance(e, Returned)] == ["No entries."]


async def test_what_may_change_something_is_never_tried_again_by_itself(tmp_path: Path) -> None:
    put: dict[str, Any] = {"calls": [{"tool": "ledger_put", "arguments": {"text": "rent"}}]}
    ledger = noisy(Ledger(tmp_path / "ledger.jsonl"), Noise("busy", "put"))

    events = await Stage(tmp_path, Script([put]), {"ledger": ledger}).play()

    assert [e.text for e in events if isinstance(e, Returned)] == ["The service is busy."]


class Closed(Ledger):
    """A ledger that says for how long it is closed, and counts who tries the door."""

    tried = 0

    @tool(effect="read")
    async def look(self, word: str = "") -> Result:
        """List entries that hold a word."""
        self.tried += 1
        raise Busy("The ledger is closed until noon.", after=3_600)


async def test_a_service_that_asks_for_a_long_wait_is_not_waited_for(tmp_path: Path) -> None:
    look: dict[str, Any] = {"calls": [{"tool": "ledger_look", "arguments": {}}]}
    ledger = Closed(tmp_path / "ledger.jsonl")

    events = await Stage(tmp_path, Script([look]), {"ledger": ledger}).play()

    assert ledger.tried == 1
    assert [e.text for e in events if isinstance(e, Returned)] == [
        "The ledger is closed until noon."
    ]


async def test_what_somebody_else_undid_meanwhile_is_noticed_and_not_done_again(
    tmp_path: Path,
) -> None:
    events, ledger = await _play(tmp_path, [_forget(tmp_path)])

    assert ended(events).exit_code == 7
    assert "rent: OPEN" in ended(events).answer
    assert ledger.texts() == [text for _, text in LIST][1:]


async def test_a_post_that_changed_meanwhile_goes_out_as_it_was_shown(tmp_path: Path) -> None:
    asked: list[str] = []

    async def read(asks: Sequence[Ask]) -> Sequence[Answer]:
        asked.extend(ask.decided.preview for ask in asks if ask.decided.preview)
        return [Yes("Ann") for _ in asks]

    events, _ = await _play(tmp_path, [_stamp(tmp_path)], read)

    assert ended(events).exit_code == 0
    assert asked == ["To everybody:\nclosed on Friday (noon)"]


@pytest.mark.parametrize("kind", ["lost before", "lost after"])
async def test_what_cannot_be_looked_up_is_asked_and_never_done_again(
    tmp_path: Path, kind: Any
) -> None:
    events, ledger = await _play(tmp_path, [Noise(kind, "shout")])

    assert ended(events).exit_code == 4
    assert any(isinstance(event, Unsettled) for event in events)
    assert ledger.texts().count("lunch") == (kind == "lost after")


async def _play(
    folder: Path, noises: list[Noise], approve: Any = _yes
) -> tuple[list[Event], Ledger]:
    ledger = Ledger(folder / "ledger.jsonl")
    stage = Stage(folder, Clerk(), {"ledger": noisy(ledger, *noises)}, approve, longest=0.5)
    async with asyncio.timeout(60):
        return await stage.play("Work the list off."), ledger
