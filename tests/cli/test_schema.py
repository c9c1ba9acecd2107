"""`m2agent run --schema`: an answer that a program can rely on, or none."""

import json
from typing import Any

import pytest
from command import Command, call

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "total": {"type": "number"},
        "due": {"type": "string", "format": "date"},
        "rows": {"type": "array", "items": {"$ref": "#/$defs/row"}},
    },
    "required": ["total"],
    "additionalProperties": False,
    "$defs": {"row": {"type": "string", "pattern": r"^\[draft .+\]$"}},
}


@pytest.fixture
def schema(m2agent: Command) -> str:
    (m2agent.folder / "schema.json").write_text(json.dumps(SCHEMA))
    return "schema.json"


def test_an_answer_that_fits_is_all_that_is_printed(m2agent: Command, schema: str) -> None:
    model = m2agent.script(
        {"text": "Let me look.", "calls": [call("notes_search", query="x")]},
        {"text": 'Here it is:\n```json\n{"total": 3, "due": "2026-11-30"}\n```'},
    )
    done = m2agent("run", "Count.", "--model", model, "--schema", schema)

    assert (done.code, done.out) == (0, '{"total": 3, "due": "2026-11-30"}\n')
    final = m2agent("run", "Count.", "--model", model, "--schema", schema, "--json").final
    assert final["answer"] == {"total": 3, "due": "2026-11-30"}


def test_what_does_not_fit_goes_back_with_what_is_wrong_in_words(
    m2agent: Command, schema: str
) -> None:
    model = m2agent.script(
        {"text": "Three."}, {"text": '{"total": "3", "sum": 1}'}, {"text": '{"total": 3}'}
    )
    done = m2agent("run", "Count.", "--model", model, "--schema", schema, "--events")

    verdicts = [event for event in done.events if event["type"] == "judged"]
    told = [[item["proof"] for item in verdict["items"]] for verdict in verdicts]
    assert "not JSON" in told[0][0]
    assert any("'3' is not of type 'number'" in words for words in told[1])
    assert any("'sum' was unexpected" in words for words in told[1])
    assert verdicts[2]["met"] and done.code == 0


def test_three_that_do_not_fit_are_exit_7_and_print_nothing(m2agent: Command, schema: str) -> None:
    model = m2agent.script(*[{"text": "About three."}] * 4)
    done = m2agent("run", "Count.", "--model", model, "--schema", schema)

    assert (done.code, done.out) == (7, "")


def test_claims_inside_it_need_their_receipts(m2agent: Command, schema: str) -> None:
    lie = '{"total": 1, "rows": ["[draft d7]"]}'
    model = m2agent.script(*[{"text": lie}] * 4)

    assert m2agent("run", "Draft.", "--model", model, "--schema", schema).code == 7


def test_it_holds_after_a_resume_too(m2agent: Command, schema: str) -> None:
    model = m2agent.script(
        {"calls": [call("notes_search", query="x")]}, {"text": "Three."}, {"text": '{"total": 3}'}
    )
    first = m2agent("run", "Count.", "--model", model, "--schema", schema, "--max-turns", "1")
    assert first.code == 5

    assert m2agent("resume", "last").out == '{"total": 3}\n'


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "is not JSON"),
        ("[1]", "is not an object"),
        ('{"type": "nmber"}', "is wrong at $.type"),
        ('{"$ref": "#/$defs/row"}', "refers to #/$defs/row"),
        ('{"$ref": "https://example.com/row.json"}', "refers to https://example.com"),
        (None, "No such file"),
    ],
)
def test_a_schema_that_is_none_is_named_before_anything_begins(
    m2agent: Command, text: str | None, words: str
) -> None:
    if text is not None:
        (m2agent.folder / "schema.json").write_text(text)
    done = m2agent("run", "Count.", "--model", m2agent.script(), "--schema", "schema.json")

    assert done.code == 2
    assert words in done.err
    assert "Traceback" not in done.err
