"""Whatever a note holds, a change of one property moves no other byte of it."""

import string
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from m2agent.errors import ToolFailed
from m2agent_connectors.local_notes.front_matter import changed, written
from m2agent_connectors.local_notes.note import new, parse, with_edits, with_end, with_props
from m2agent_connectors.local_notes.yaml_head import BadYAML, entries, read, read_simple
from m2agent_connectors.notes.edits import Edit

NAMES = st.text(string.ascii_letters + " _-é漢", min_size=1, max_size=12).filter(str.strip)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
NUMBERS = st.integers(-(10**12), 10**12) | st.floats(-1e9, 1e9, allow_nan=False)
VALUES = TEXTS | NUMBERS | st.booleans() | st.none() | st.lists(TEXTS, max_size=4)
PROPS = st.dictionaries(NAMES.map(str.strip), VALUES, max_size=5)
LINES = st.text(string.printable.replace("\r", "") + "é漢'\"#:-[]{}&*!|>%@`", max_size=40)

UNUSUAL = """\
# kept comment
Title:   'single quoted'   # and this
aliases: [one, "two, three"]

tags:
- a   # first
-   b
long: >-
  folded
  text
nested:
  deep: {x: 1}
empty:
"last": 007
"""


@given(PROPS)
def test_what_is_written_is_what_is_read(props: dict[str, Any]) -> None:
    assert read(written(props)) == props


@given(PROPS, PROPS, st.sampled_from(["\n", "\r\n"]))
def test_changed_properties_are_set_and_the_others_stay(
    props: dict[str, Any], more: dict[str, Any], newline: str
) -> None:
    text = changed(written(props, newline), {n: v for n, v in more.items()}, newline)
    expected = dict(props)
    for name, value in more.items():
        known = next((k for k in expected if k.casefold() == name.casefold()), name)
        if value is not None or known in expected:
            expected[known] = value
    assert read(text) == expected


@given(st.lists(LINES, max_size=6).map("\n".join))
def test_the_quick_reading_is_the_full_one(text: str) -> None:
    quick = read_simple(text)
    if quick is not None:
        found = entries(text)
        assert found is not None
        assert quick == {entry.name: entry.value for entry in found}


@given(
    st.lists(
        st.builds(
            "{}:{}{}".format,
            st.sampled_from(["a", "B c", "tags", "été", "true"]),
            st.sampled_from(["", " ", "  "]),
            st.sampled_from(
                [
                    *["x", "- x", "\n  - x\n  - 1", "\n- true", "1.50", "-0", "007", "null", "no"],
                    *['"q: r"', '"a\\nb"', "12:30", "1e3", "'s'", "x # c", "~", "1_000", "٣"],
                    "2026-12-01",
                ]
            ),
        ),
        max_size=4,
    ).map("\n".join)
)
def test_the_quick_reading_is_the_full_one_on_likely_lines(text: str) -> None:
    quick = read_simple(text)
    if quick is not None:
        found = entries(text)
        assert found is not None
        assert repr(quick) == repr({entry.name: entry.value for entry in found})


@given(st.binary(max_size=200) | LINES.map(str.encode), VALUES)
def test_any_file_survives_being_read_and_changed(body: bytes, value: Any) -> None:
    assert parse(body).bytes() == body
    note = parse(body)
    try:
        after = with_props(note, {"Status": value})
    except ToolFailed:
        return
    assert after.prop("Status") == value
    assert after.bytes().endswith(
        note.body.removeprefix("\ufeff").encode("utf-8", "surrogateescape")
    )


@given(st.lists(LINES, max_size=8).map("\n".join), VALUES)
def test_no_head_breaks_the_reader(yaml: str, value: Any) -> None:
    note = parse(f"---\n{yaml}\n---\nbody\n".encode())
    try:
        after = with_props(note, {"Status": value})
    except ToolFailed as failure:
        assert "cannot be" in str(failure)
        return
    assert after.prop("Status") == value
    assert after.body == note.body


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize(
    ("name", "value", "old", "new"),
    [
        ("Title", "New", "'single quoted'", "New"),
        ("title", "a: b", "'single quoted'", '"a: b"'),
        ("aliases", ["x", "y z"], '[one, "two, three"]', "[x, y z]"),
        ("tags", ["c"], "- a   # first\n-   b", "- c"),
        ("tags", None, "\n- a   # first\n-   b", ""),
        ("tags", "one", "\n- a   # first\n-   b", " one"),
        ("long", "short", ">-\n  folded\n  text", "short"),
        ("nested", 3, "\n  deep: {x: 1}", " 3"),
        ("empty", "full", "empty:", "empty: full"),
        ("empty", ["a", "b"], "empty:", "empty:\n  - a\n  - b"),
        ("last", "2026-12-01", "007", "2026-12-01"),
        ("last", [], "007", "[]"),
        ("New one", True, '"last": 007\n', '"last": 007\nNew one: true\n'),
    ],
)
def test_only_the_changed_value_moves(
    name: str, value: Any, old: str, new: str, newline: str
) -> None:
    before = UNUSUAL.replace("\n", newline)
    assert UNUSUAL.count(old) == 1
    after = UNUSUAL.replace(old, new).replace("\n", newline)
    assert changed(before, {name: value}, newline) == after


def test_what_cannot_be_changed_in_place_is_written_anew_with_its_comments() -> None:
    yaml = "base: &b {x: 1}   # shared\nother: *b\nStatus: open\n"
    after = changed(yaml, {"other": "mine"}, "\n")
    assert read(after) == {"base": {"x": 1}, "other": "mine", "Status": "open"}
    assert "# shared" in after


def test_equal_values_leave_every_byte() -> None:
    yaml = "Amount:   12.50\ntags: [ a,b ]\n"
    assert changed(yaml, {"Amount": 12.5, "tags": ["a", "b"], "Absent": None}, "\n") == yaml


@pytest.mark.parametrize(
    ("yaml", "why"),
    [
        ("a: [1\n", "line"),
        ("a: 1\na: 2\n", "line 3: a is there twice"),
        ("a: &x [*x]\n", "too many values"),
        ("? [a]\n: b\n", "a name must be text"),
        ("a: " + "[" * 5_000 + "\n", "line 2: it holds too many brackets"),
        ("a: " + "[\n" * 5_000, "nested too deep"),
        ("a: \x07b\n", "characters that YAML forbids"),
        ("a: b\n" + "# long\n" * 20_000, "too long"),
    ],
)
def test_a_head_that_cannot_be_read_says_why(yaml: str, why: str) -> None:
    with pytest.raises(BadYAML, match=why.replace("[", r"\[")):
        read(yaml)


def test_a_few_lines_that_stand_for_billions_of_values_are_refused() -> None:
    rows = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    rows += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
    with pytest.raises(BadYAML, match="too many values"):
        read("\n".join(rows) + "\n")


def test_dates_and_numbers_that_json_cannot_hold_stay_text() -> None:
    assert read("a: 2026-12-01\nb: 2026-12-01T10:00:00Z\nc: .inf\nd: 1e999\ne: 0x1F\n") == {
        "a": "2026-12-01",
        "b": "2026-12-01T10:00:00Z",
        "c": ".inf",
        "d": "1e999",
        "e": 31,
    }


def test_a_byte_order_mark_windows_lines_and_bad_bytes_stay() -> None:
    data = b"\xef\xbb\xbf---\r\nStatus: open # mine\r\n---\r\ncaf\xe9 one\r\n"
    after = with_props(parse(data), {"Status": "shut"})
    assert after.bytes() == data.replace(b"open", b"shut")
    edited = with_edits(after, [Edit(old="one\n", new="two\nthree\n")])
    assert edited.bytes() == data.replace(b"open", b"shut").replace(b"one", b"two\r\nthree")
    assert with_end(edited, "- end").bytes().endswith(b"three\r\n\r\n- end\r\n")


def test_a_first_property_goes_above_a_text_that_has_none() -> None:
    assert with_props(parse(b"text\n"), {"a": 1}).bytes() == b"---\na: 1\n---\ntext\n"
    assert with_props(parse(b"\xef\xbb\xbftext"), {"a": 1}).bytes().startswith(b"\xef\xbb\xbf---\n")
    rule = b"---\njust a rule\n---\n"
    assert with_props(parse(rule), {"a": 1}).bytes() == b"---\na: 1\n---\n" + rule


@given(PROPS, LINES)
def test_a_new_note_has_exactly_its_properties_and_its_body(
    props: dict[str, Any], body: str
) -> None:
    for text in (body, f"---\nsource: made up\n---\n{body}"):
        note = new(props, text)
        assert note.props == props
        assert note.body == (text if not text or text.endswith("\n") else f"{text}\n")


def test_added_text_is_a_block_of_its_own_unless_a_list_goes_on() -> None:
    assert with_end(parse(b"one"), "two").text == "one\n\ntwo\n"
    assert with_end(parse(b"- one\n"), "- two").text == "- one\n- two\n"
    assert with_end(parse(b"- one\n\n"), "two\n").text == "- one\n\ntwo\n"
    assert with_end(parse(b""), "two").text == "two\n"


def test_a_clipped_note_and_one_with_a_broken_head_are_an_outsiders_words() -> None:
    assert parse(b"---\nStatus: open\n---\nmine\n").trust == "own"
    assert parse(b"---\nsource: a colleague\n---\nmine\n").trust == "own"
    assert parse(b"---\nSource: https://example.com/x\n---\nclipped\n").trust == "outside"
    assert parse(b"---\nsource:\n  - http://example.com\n---\nclipped\n").trust == "outside"
    assert parse(b'---\ntitle: "a" b\nsource: https://x.example\n---\nclipped\n').trust == "outside"
