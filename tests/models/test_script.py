"""Scripts play their turns, refer to earlier results, and say plainly what is wrong with them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from m2agent.errors import ModelError, UsageError
from m2agent.events import Asked, Called, Event, Returned, Said, Thought, Turned
from m2agent.model import Model, ModelSettings, Piece, Token
from m2agent_models.script import Script


async def reply(script: Model, history: Sequence[Event]) -> list[Piece]:
    return [piece async for piece in script.reply(history, [], ModelSettings())]


async def arguments(script: Model, history: Sequence[Event]) -> dict[str, Any]:
    (call,) = [piece for piece in await reply(script, history) if isinstance(piece, Called)]
    return call.arguments


ITEMS = {"items": [{"id": "m7", "size": 3}, {"id": "m8", "size": 4}], "Due date": "May"}
HISTORY: list[Event] = [
    Asked("Go."),
    Called("1.1", "mail_search", {}),
    Called("1.2", "mail_read", {}),
    Turned("calls"),
    Returned("1.2", data="text"),
    Returned("1.1", data=ITEMS),
]


def second(value: Any) -> Script:
    return Script([{}, {"calls": [{"tool": "t", "arguments": {"x": value}}]}])


async def test_a_turn_is_its_tokens_then_its_parts_then_its_end() -> None:
    script = Script(
        [{"thinking": "Look first.", "text": "I look.", "calls": [{"tool": "a"}, {"tool": "b"}]}]
    )
    assert await reply(script, [Asked("Go.")]) == [
        Token("Look ", "thought"),
        Token("first.", "thought"),
        Thought("Look first."),
        Token("I ", "said"),
        Token("look.", "said"),
        Said("I look."),
        Called("1.1", "a"),
        Called("1.2", "b"),
        Turned("calls", generated=6),
    ]


async def test_the_turn_to_play_is_read_from_the_history() -> None:
    script = Script([{"text": "One."}, {"text": "Two."}])
    assert Said("Two.") in await reply(script, [Asked("Go."), Said("One."), Turned()])
    assert Said("One.") in await reply(script, [Asked("Go.")])


async def test_after_its_last_turn_the_model_is_done() -> None:
    assert await reply(Script([]), [Asked("Go.")]) == [
        Token("Done.", "said"),
        Said("Done."),
        Turned("stop", generated=2),
    ]


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("{{1.items.0.id}}", "m7"),
        ("{{1.items.1.size}}", 4),
        ("{{ 1.items.1.size }}", 4),
        ("{{1.Due date}}", "May"),
        ("{{2}}", "text"),
        ("{{1.items}}", ITEMS["items"]),
        ("is:unread {{1.items.0.id}} or {{1.items.0.size}}", "is:unread m7 or 3"),
        ("all: {{1.items.0}}", 'all: {"id": "m7", "size": 3}'),
        (["{{1.items.0.id}}", {"deep": "{{1.items.0.size}}"}], ["m7", {"deep": 3}]),
        ("{{name}} and { {1} }", "{{name}} and { {1} }"),
        (7, 7),
    ],
)
async def test_a_reference_is_the_value_that_an_earlier_call_returned(
    written: Any, value: Any
) -> None:
    assert await arguments(second(written), HISTORY) == {"x": value}


async def test_a_reference_in_the_text_is_filled_in() -> None:
    script = Script([{}, {"text": "Read [mail {{1.items.0.id}}]."}])
    assert Said("Read [mail m7].") in await reply(script, HISTORY)


@pytest.mark.parametrize(
    ("written", "why"),
    [
        ("{{1.item}}", "call 1 (mail_search) returned only items, Due date where 'item' was"),
        ("{{1.items.2}}", "call 1 (mail_search) returned a list of 2 where '2' was looked for"),
        ("{{1.items.-1}}", "returned a list of 2 where '-1' was looked for"),
        ("{{2.0}}", "call 2 (mail_read) returned \"text\" where '0' was looked for"),
        ("{{3}}", "the run has 2 calls so far"),
        ("{{0}}", "the run has 2 calls so far"),
    ],
)
async def test_a_reference_that_leads_nowhere_says_why(written: str, why: str) -> None:
    with pytest.raises(ModelError) as error:
        await reply(second(written), HISTORY)
    assert str(error.value).startswith(f"The script's turn 2: {written} leads nowhere: ")
    assert why in str(error.value)


async def test_a_reference_to_a_call_that_failed_or_never_returned_says_so() -> None:
    with pytest.raises(ModelError, match=r"call 1 \(mail_search\) has not returned"):
        await reply(second("{{1}}"), HISTORY[:4])
    failed = [*HISTORY[:4], Returned("1.1", ok=False, text="No.")]
    with pytest.raises(ModelError, match=r"call 1 \(mail_search\) failed"):
        await reply(second("{{1}}"), failed)


async def test_in_a_report_a_call_that_failed_or_was_declined_has_nothing_to_show() -> None:
    failed = [*HISTORY[:4], Returned("1.1", ok=False, text="No.")]
    script = Script([{}, {"text": "Read [mail {{1.items.0.id}}]."}])
    assert Said("Read [mail none].") in await reply(script, failed)


async def test_a_script_remembers_the_histories_it_was_given() -> None:
    script, history = Script([]), list(HISTORY[:1])
    await reply(script, history)
    history.append(Said("Done."))
    assert script.saw == [HISTORY[:1]]


async def test_a_script_is_read_from_a_file_of_json_lines(tmp_path: Path) -> None:
    file = tmp_path / "script.jsonl"
    file.write_text(
        '{"text": "Grüße\\u2028"}\n\n{"calls": [{"tool": "t", "arguments": {"a": 1}}]}\n'
    )
    script = await Script.open(str(file), {})
    assert Said("Grüße\u2028") in await reply(script, [])
    assert await arguments(script, [Turned()]) == {"a": 1}
    assert not script.judges
    await script.close()


async def test_an_error_while_playing_names_the_line(tmp_path: Path) -> None:
    file = tmp_path / "script.jsonl"
    file.write_text('\n{"text": "{{1}}"}\n')
    script = await Script.open(str(file), {})
    with pytest.raises(ModelError, match=r"script\.jsonl, line 2: \{\{1\}\} leads nowhere"):
        await reply(script, [])


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("{", "line 2 is not JSON"),
        ("[]", "line 2: Expected `object`, got `array`"),
        ('{"txt": "a"}', "line 2: Object contains unknown field `txt`"),
        ('{"text": 1}', "line 2: Expected `str`, got `int` - at `$.text`"),
        ('{"calls": [{"arguments": {}}]}', "missing required field `tool` - at `$.calls[0]`"),
        ('{"calls": [{"tool": "t", "arguments": []}]}', "at `$.calls[0].arguments`"),
    ],
)
async def test_a_malformed_line_is_named_at_the_start(
    tmp_path: Path, line: str, problem: str
) -> None:
    file = tmp_path / "script.jsonl"
    file.write_text(f"{{}}\n{line}\n")
    with pytest.raises(UsageError) as error:
        await Script.open(str(file), {})
    assert str(error.value).startswith(str(file))
    assert problem in str(error.value)


async def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--model script:FILE"):
        await Script.open("", {})
    with pytest.raises(UsageError, match="No such file"):
        await Script.open(str(tmp_path / "none"), {})
    with pytest.raises(UsageError, match="Is a directory"):
        await Script.open(str(tmp_path), {})
    (tmp_path / "picture").write_bytes(b"\xff\xd8\xff")
    with pytest.raises(UsageError, match="is not UTF-8 text"):
        await Script.open(str(tmp_path / "picture"), {})


def test_a_turn_that_is_none_is_refused() -> None:
    with pytest.raises(UsageError, match="The script's turn 2: Object contains unknown field"):
        Script([{}, {"say": "a"}])
