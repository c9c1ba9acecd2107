"""Filters, sorting and lines over plain rows, as every notes service shares them."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from m2agent.errors import ToolFailed
from m2agent.events import Origin
from m2agent.printable import printable
from m2agent_connectors.notes.edits import Edit, edited
from m2agent_connectors.notes.lines import Piece, cut, fitting, heading, joined, tsv
from m2agent_connectors.notes.query import Sort, Where, ordered, select
from m2agent_connectors.notes.schema import Property, Schema

SCHEMA = Schema(
    (
        Property("Name", "title"),
        Property("Amount", "number"),
        Property("Due", "date"),
        Property("Paid", "checkbox"),
        Property("Tags", "multi_select", ("red", "Blue")),
        Property("Status", "select", ("Todo", "Doing", "Done")),
    )
)
ROWS: list[dict[str, Any]] = [
    {"id": "a", "Name": "Ärger Invoice", "Amount": 2, "Due": "2026-12-01", "Status": "Done"},
    {"id": "b", "Name": "beta", "Amount": 10.5, "Due": "2026-12-01T10:00", "Paid": True},
    {"id": "c", "Name": "Gamma", "Amount": "many", "Due": "soon", "Tags": ["red", "Blue"]},
    {"id": "d", "Name": "delta", "Tags": ["red"], "Status": "Todo"},
    {"id": "e", "Name": "", "Amount": -1, "Due": "2026-12-01T23:30-02:00", "Status": "Odd"},
]


def ids(*where: Where) -> str:
    return "".join(row["id"] for row in select(ROWS, SCHEMA, where))


@pytest.mark.parametrize(
    ("prop", "op", "value", "expected"),
    [
        ("amount", ">", 2, "b"),
        ("Amount", "<=", "2", "ae"),
        ("Amount", "=", 2.0, "a"),
        ("Amount", "!=", 2, "bcde"),
        ("Amount", "empty", None, "d"),
        ("Amount", "empty", False, "abce"),
        ("Due", "=", "2026-12-01", "abe"),
        ("Due", "<", "2026-12-01", ""),
        ("Due", ">", "2026-12-01T09:00", "be"),
        ("Due", ">=", "2026-12-02T01:30Z", "e"),
        ("Paid", "=", "yes", "b"),
        ("Paid", "=", False, "acde"),
        ("Paid", "!=", True, "acde"),
        ("Tags", "contains", "BLUE", "c"),
        ("Tags", "=", ["blue", "red"], "c"),
        ("Tags", "=", "red", "d"),
        ("Tags", "empty", True, "abe"),
        ("Status", "=", "todo", "d"),
        ("Status", "!=", "Todo", "abce"),
        ("Status", "contains", "do", "ad"),
        ("Name", "contains", "a\N{COMBINING DIAERESIS}RGER", "a"),
        ("Name", "=", "BETA", "b"),
    ],
)
def test_a_condition_means_what_a_person_means(
    prop: str, op: Any, value: Any, expected: str
) -> None:
    assert ids(Where(prop=prop, op=op, value=value)) == expected


def test_all_conditions_must_hold() -> None:
    assert ids(Where(prop="Amount", op=">", value=0), Where(prop="Paid", value=True)) == "b"


@pytest.mark.parametrize(
    ("where", "words"),
    [
        (Where(prop="Amout", value=1), r"no property 'Amout'. Did you mean Amount\?"),
        (Where(prop="Status", value="Open"), "no option 'Open'. Options are: Todo, Doing, Done"),
        (Where(prop="Status", op="<", value="Todo"), "cannot be asked '<'. It takes: =, !="),
        (Where(prop="Amount", op="contains", value=1), "It takes: =, !=, <"),
        (Where(prop="Amount", value="lots"), "takes a number"),
        (Where(prop="Due", op=">", value="tomorrow"), "takes a date"),
        (Where(prop="Amount"), 'For no value use op "empty"'),
    ],
)
def test_a_condition_that_cannot_be_asked_is_answered_with_what_can(
    where: Where, words: str
) -> None:
    with pytest.raises(ToolFailed, match=words):
        ids(where)


def order(*sort: Sort) -> str:
    return "".join(row["id"] for row in ordered(ROWS, SCHEMA, sort))


def test_rows_without_a_value_come_last_either_way() -> None:
    assert order(Sort(prop="Amount")) == "eabcd"
    assert order(Sort(prop="Amount", desc=True)) == "baecd"
    assert order(Sort(prop="Due")) == "abecd"


def test_a_select_sorts_by_its_options_and_a_second_property_breaks_ties() -> None:
    assert order(Sort(prop="Status")) == "daebc"
    assert order(Sort(prop="Paid", desc=True), Sort(prop="Name")) == "bdcae"


@given(st.lists(st.none() | st.text() | st.integers() | st.booleans() | st.lists(st.text())))
def test_a_line_of_a_table_has_its_cells_and_no_more(cells: list[Any]) -> None:
    line = tsv("id", cells)
    assert line.endswith("\n")
    assert line[:-1].splitlines() == [line[:-1]]
    assert line.count("\t") == len(cells)
    assert printable(line) == line


def test_pieces_become_one_text_with_whose_words_each_stretch_is() -> None:
    pieces = [Piece("ab", "own", "x"), Piece("c", "own", "x"), Piece("de", "outside", "y")]
    assert joined([Piece("a\x1b", "own", "x")])[0] == "a\N{REPLACEMENT CHARACTER}"
    assert joined(pieces) == ("abcde", [Origin("own", "x", 0, 3), Origin("outside", "y", 3, 5)])


@given(st.text(max_size=50), st.integers(1, 9))
def test_pages_of_a_text_put_together_are_the_text(text: str, size: int) -> None:
    seen, offset = "", 0
    while offset is not None:
        page, following = cut(text, offset, size, "read")
        seen += page.split("\n[... ")[0] if following is not None else page
        offset = following
    assert seen.replace("\n[... ", "") == text.replace("\n[... ", "")


def test_lists_are_cut_to_the_room_there_is() -> None:
    assert fitting(["x" * 10] * 5, 25) == 2
    assert fitting(["x" * 100], 25) == 1
    assert fitting([], 25) == 0
    assert heading("rows", 0, 2, 5) == ("1-2 of 5 rows  next=2", "2")
    assert heading("rows", 2, 3, 5) == ("3-5 of 5 rows", None)
    assert heading("rows", 0, 0, 0) == ("0 of 0 rows", None)


@given(st.text(), st.text(), st.text(), st.text())
def test_an_edit_changes_the_one_place_or_nothing(
    before: str, old: str, after: str, new: str
) -> None:
    text = before + old + after
    once = bool(old) and [text.startswith(old, n) for n in range(len(text))].count(True) == 1
    if once:
        assert edited(text, [Edit(old=old, new=new)]) == before + new + after
    else:
        with pytest.raises(ToolFailed, match="old text"):
            edited(text, [Edit(old=old, new=new)])
