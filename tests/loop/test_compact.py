"""Long runs in small contexts: what is folded away, what stands for it, and that it never fails."""

import asyncio
import random
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import pytest
from ledger import Ledger

from m2agent.errors import ContextFull
from m2agent.events import (
    Asked,
    Began,
    Called,
    Compacted,
    Event,
    Returned,
    Thought,
    ToolSpec,
    Turned,
)
from m2agent.journal.fork import forked
from m2agent.loop import Answer, Ask, Limits, Steering, Yes
from m2agent.loop.cap import Artifacts, capped
from m2agent.loop.compact import fold
from m2agent.model import ModelSettings, Piece
from m2agent.testing.stage import Stage, ended
from m2agent.tool import Operation, Result
from m2agent.transcript import AssistantMessage, Message, ToolMessage, UserMessage, messages
from m2agent_models.script import Script


def call(tool: str, **arguments: Any) -> dict[str, Any]:
    return {"tool": f"ledger_{tool}", "arguments": arguments}


class Bounded(Script):
    """A script in a context of so many tokens, four characters each, that says when it is full."""

    per_token = 4

    def __init__(self, turns: Sequence[dict[str, Any]], size: int) -> None:
        super().__init__(turns)
        self.context = size
        self.prompts: list[list[Message]] = []

    async def reply(
        self, history: Sequence[Event], tools: Sequence[ToolSpec], settings: ModelSettings
    ) -> AsyncGenerator[Piece, None]:
        prompt = messages(history)
        used = sum(len(_text(message)) for message in prompt) // self.per_token
        size = self.context or 0
        if used > size:
            raise ContextFull(used, size)
        self.prompts.append(prompt)
        async with aclosing(super().reply(history, tools, settings)) as pieces:
            async for piece in pieces:
                if isinstance(piece, Turned):
                    yield msgspec.structs.replace(piece, context_used=used, context_size=size)
                else:
                    yield piece


def _text(message: Message) -> str:
    match message:
        case UserMessage(text):
            return text
        case ToolMessage(responses):
            return "\n".join(response.text for response in responses)
        case AssistantMessage(parts):
            return repr(parts)
        case _:
            return message.text


def _prompt(prompt: Sequence[Message]) -> str:
    return "\n".join(_text(message) for message in prompt)


async def _yes(asks: Sequence[Ask]) -> Sequence[Answer]:
    return [Yes("Ann") for _ in asks]


def _turns(count: int) -> list[dict[str, Any]]:
    """Turns that look, write now and then, and think of a number that belongs to the turn."""
    turns: list[dict[str, Any]] = []
    for n in range(count):
        did = call("post", text=f"entry {n}") if n % 10 == 3 else call("look", word=f"w{n}")
        turns.append({"thinking": f"This is thought {n}. " + "Hm. " * 20, "calls": [did]})
    return [*turns, {"text": "I sent it."}]


def _stage(folder: Path, model: Script, **more: Any) -> Stage:
    ledger = {"ledger": Ledger(folder / "ledger.jsonl")}
    return Stage(folder, model, ledger, _yes, limits=Limits(turns=2_000), **more)


async def test_after_a_fold_the_task_the_effects_and_the_last_thoughts_are_in_the_prompt(
    tmp_path: Path,
) -> None:
    model = Bounded(_turns(200), 8_000)
    steering = Steering()
    steering.say("Only this year's, please.")

    events = await _stage(tmp_path, model, steering=steering).play("Find all 47 entries.")

    assert ended(events).exit_code == 0
    assert len([e for e in events if isinstance(e, Compacted)]) >= 2
    for number, prompt in enumerate(model.prompts):
        text = _prompt(prompt)
        assert "Find all 47 entries." in text
        assert "Only this year's, please." in text
        for done in range(3, number, 10):
            assert f"entry {done}" in text, (number, done)
        assert number == 0 or f"This is thought {number - 1}." in text


class Dense(Bounded):
    """One whose tokens are a character each, as in Chinese."""

    per_token = 1


async def test_a_fold_is_as_deep_where_every_character_is_a_token(tmp_path: Path) -> None:
    turns = [{"thinking": "想" * 150, "calls": [call("look", word=f"{n}字")]} for n in range(150)]
    model = Dense([*turns, {"text": "好。"}], 9_000)

    events = await _stage(tmp_path, model).play()

    assert ended(events).exit_code == 0
    used = [event.context_used for event in events if isinstance(event, Turned)]
    after = [late for early, late in pairwise(used) if late < early]
    assert len(after) == sum(isinstance(event, Compacted) for event in events) >= 3
    assert max(after) < 0.4 * 9_000


async def test_between_folds_the_prompt_only_grows(tmp_path: Path) -> None:
    model = Bounded(_turns(120), 8_000)
    events = await _stage(tmp_path, model).play()

    breaks = 0
    for before, after in pairwise(model.prompts):
        breaks += repr(after)[: len(repr(before)) - 2] != repr(before)[:-2]
    assert breaks == len([e for e in events if isinstance(e, Compacted)])


async def test_a_call_and_its_result_are_never_parted(tmp_path: Path) -> None:
    model = Bounded(_turns(150), 6_000)
    await _stage(tmp_path, model).play()

    for prompt in model.prompts:
        for message, after in pairwise(prompt):
            if isinstance(message, AssistantMessage) and "Called(" in repr(message.parts):
                assert isinstance(after, ToolMessage)
                assert any(response.call for response in after.responses)


@pytest.mark.parametrize(("turns", "size"), [(1_000, 2_000), (200, 3_000), (200, 5_000)])
async def test_a_thousand_small_turns_fit_a_tiny_context(
    tmp_path: Path, turns: int, size: int
) -> None:
    model = Bounded([*[{"calls": [call("look", word=str(n))]} for n in range(turns)], {}], size)

    assert ended(await _stage(tmp_path, model).play("Look for 47.")).exit_code == 0
    assert all("Look for 47." in _prompt(prompt) for prompt in model.prompts)


async def test_a_result_larger_than_the_context_is_paged(tmp_path: Path) -> None:
    model = Bounded([{"calls": [call("page", size=50_000)]}, {"text": "Read."}], 4_000)

    assert ended(await _stage(tmp_path, model).play()).exit_code == 0


@pytest.mark.parametrize("text", ["word " * 9_000, "想" * 9_000, "想 and " * 3_000])
async def test_pages_take_about_as_many_tokens_in_any_script_and_hold_all_of_it(
    tmp_path: Path, text: str
) -> None:
    op = Operation("r.1.1", tmp_path, tmp_path)
    page, (name,) = capped(Result(text), op, 3_000)
    whole = ""
    while page:
        shown, more, rest = page.partition("\n[")
        whole += shown
        assert 900 <= len(shown) + 2 * shown.count("想") <= 3_000 or not more
        offset = int(rest.rpartition("offset=")[2].rstrip("]")) if more else len(text)
        page = (await Artifacts(3_000).artifact(op, name, offset)).text
    assert whole == text


async def test_what_cannot_fit_at_all_is_said_and_not_a_crash(tmp_path: Path) -> None:
    model = Bounded([{"text": "Hi."}], 10)

    events = await _stage(tmp_path, model).play("A task that is longer than the context. " * 9)

    assert ended(events).exit_code == 6
    assert "nothing left to fold" in ended(events).reason


async def test_a_fork_before_the_fold_has_everything_back(tmp_path: Path) -> None:
    model = Bounded(_turns(60), 3_000)
    events = await _stage(tmp_path, model).play()
    fold = next(e for e in events if isinstance(e, Compacted))

    back = forked(events, 5)

    assert fold not in back
    thoughts = [part for m in messages(back) if isinstance(m, AssistantMessage) for part in m.parts]
    assert sum(isinstance(part, Thought) for part in thoughts) == 5


def test_a_run_resumed_after_a_fold_has_the_same_prompt(tmp_path: Path) -> None:
    model = Bounded(_turns(80), 5_000)
    events = asyncio.run(_stage(tmp_path, model).play())
    journal = _stage(tmp_path, model).journal()
    read = [record.event for record in journal.read(journal.find("last"))]
    journal.close()

    cut = random.Random(1).randrange(60, len(events))
    assert messages(read[:cut]) == messages(events[:cut])
    assert [e.text for e in read if isinstance(e, Asked)] == ["Do it."]


@pytest.mark.parametrize("size", [2_000, 4_000])
async def test_many_large_results_of_one_turn_fit_together(tmp_path: Path, size: int) -> None:
    pages = {"calls": [call("page", size=50_000) for _ in range(9)]}
    model = Bounded([pages, pages, {"text": "Read."}], size)

    assert ended(await _stage(tmp_path, model).play()).exit_code == 0


async def test_plan_notes_and_words_of_any_length_do_not_overflow_a_fold(tmp_path: Path) -> None:
    items = [{"text": f"Item {n}: " + "to do " * 20, "state": "done"} for n in range(60)]
    plan = {"items": items, "notes": [f"Note {n} " + "x" * 500 for n in range(40)]}
    turns = [{"calls": [call("look", word=str(n))]} for n in range(120)]
    first = {"calls": [{"tool": "plan_update", "arguments": plan}]}
    model = Bounded([turns[0], first, *turns[1:], {"text": "Done."}], 9_000)
    steering = Steering()
    steering.say("And mind this: " + "word " * 600)

    events = await _stage(tmp_path, model, steering=steering).play()

    folds = [event for event in events if isinstance(event, Compacted)]
    assert ended(events).exit_code == 0 and folds
    assert all(len(fold.summary) <= 0.10 * 9_000 * 3 for fold in folds)
    assert "mind this" in folds[-1].summary and "Note 39" in folds[-1].summary


async def test_where_hardly_anything_fits_what_stands_for_the_rest_shrinks(tmp_path: Path) -> None:
    turns = [{"calls": [call("look", word=f"{n} " + "w" * 600)]} for n in range(12)]
    model = Bounded([*turns, {"text": "Done."}], 2_000)

    events = await _stage(tmp_path, model).play("Look. " * 1_127)

    assert ended(events).exit_code == 0
    assert any(isinstance(a, Compacted) and isinstance(b, Compacted) for a, b in pairwise(events))


async def test_a_fold_that_a_crash_came_after_is_not_made_again() -> None:
    full: list[Event] = [Turned("calls", context_used=900, context_size=1_000)]
    history: list[Event] = [Began("m", "s"), Asked("Do it.")]
    for n in range(1, 9):
        history += [Thought(f"{n} " * 200), Called(f"{n}.1", "ledger_look"), *full]
        history += [Returned(f"{n}.1", True, "x" * 200)]

    due = fold(history, 1_000)

    assert due
    assert fold([*history, due], 1_000) is None
