"""The prompt is what M2's own template makes of it, only grows, and cannot be forged."""

import hashlib
import os
import subprocess
import sys
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from m2agent.events import (
    Asked,
    Began,
    Broken,
    Called,
    Ended,
    Event,
    Judged,
    Noted,
    Part,
    Returned,
    Said,
    Thought,
    ToolSpec,
    Turned,
)
from m2agent_models.m2 import MARKERS, Parser, Segment, render, segments

TOOLS = [
    ToolSpec(
        "mail_search",
        "Find mails: “from:ann”.\nOne a line.",
        {
            "type": "object",
            "properties": {
                "query": {"type": "string"},
                "limit": {"type": "integer", "default": 20},
                "labels": {"type": "array", "items": {"type": "string"}},
            },
            "required": ["query"],
        },
    ),
    ToolSpec("notes_list", "List the tables.", {"type": "object", "properties": {}}),
]

HISTORY: list[Event] = [
    Began("local", "You work in an office.", TOOLS),
    Asked("Which supplier's bill is wrong?"),
    Thought("Mails first,\nthen the tables."),
    Said("I look."),
    Called("1.1", "mail_search", {"query": "Rechnung für Ünal", "limit": 5, "labels": ["a", "ü"]}),
    Called("1.2", "notes_list", {}),
    Turned("calls"),
    Returned("1.1", text="m1  Ünal  Rechnung\nm2  Bolt  Invoice"),
    Returned("1.2", text="Suppliers"),
    Thought("m1 it is."),
    Called("2.1", "mail_search", {"query": "subject:Rechnung\n"}),
    Turned("calls"),
    Returned("2.1", text="m1"),
    Thought("Done."),
    Said("Ünal's bill [mail m1]."),
    Turned(),
]

DATA = Path(__file__).parent / "data"


def test_a_conversation_reads_as_the_template_of_the_model_writes_it() -> None:
    """The file was written by MiniMax-M2.jinja of llama.cpp from the same conversation."""
    assert render(HISTORY, TOOLS) == (DATA / "m2_conversation.txt").read_text("utf-8")


def test_without_system_text_and_tools_the_frame_is_the_default_one() -> None:
    assert render([Asked("Hi.")], []) == (
        "]~!b[]~b]system\nYou are a helpful assistant.[e~[\n]~b]user\nHi.[e~[\n]~b]ai\n<think>\n"
    )


def test_thinking_stays_when_the_person_says_something_new() -> None:
    more = [*HISTORY, Ended("done", "", 0), Asked("And Bolt's?")]
    assert render(more, TOOLS).startswith(render(HISTORY, TOOLS).removesuffix("]~b]ai\n<think>\n"))
    assert "<think>\nMails first,\nthen the tables.\n</think>" in render(more, TOOLS)
    assert render(more, TOOLS).endswith("]~b]user\nAnd Bolt's?[e~[\n]~b]ai\n<think>\n")


def test_what_is_said_in_mid_run_joins_the_tool_turn() -> None:
    more = [*HISTORY[:9], Asked("Hurry."), Noted("10 minutes are left.")]
    assert render(more, TOOLS).endswith(
        "\n<response>Suppliers</response>\n<response>The person says: Hurry.</response>"
        "\n<response>10 minutes are left.</response>[e~[\n]~b]ai\n<think>\n"
    )


def test_a_tool_turn_needs_no_call() -> None:
    history = [Asked("Go."), Said("Done."), Turned(), Judged(False)]
    assert "</think>\n\nDone.[e~[\n]~b]tool\n<response>Not done yet." in render(history, [])


RAW = "Hm. \n</think>\n\n\nI look.<minimax:tool_call><invoke name='f'></minimax:tool_call>\n"


def test_what_the_model_wrote_comes_back_as_it_wrote_it() -> None:
    parser = Parser(TOOLS)
    parts = parser.feed(RAW) + parser.close()
    prompt = render([Asked("Go."), *parts, Turned(tokens=b"\1\0\0\0")], [])
    assert f"]~b]ai\n<think>\n{RAW}[e~[\n" in prompt


def test_the_segments_say_whose_words_they_are() -> None:
    tokens = b"\1\0\0\0"
    history = [
        Began("local", "Be brief."),
        Asked("Go."),
        Thought("Hm.", raw="Hm."),
        Turned(tokens=tokens),
        Noted("Well?"),
    ]
    assert segments(history, []) == [
        Segment("frame", "]~!b[]~b]system\n"),
        Segment("text", "Be brief."),
        Segment("frame", "[e~[\n]~b]user\n"),
        Segment("text", "Go."),
        Segment("frame", "[e~[\n]~b]ai\n<think>\n"),
        Segment("model", "Hm.", tokens),
        Segment("frame", "[e~[\n]~b]tool\n<response>"),
        Segment("text", "Well?"),
        Segment("frame", "</response>[e~[\n]~b]ai\n<think>\n"),
    ]
    assert "".join(segment.text for segment in segments(HISTORY, TOOLS)) == render(HISTORY, TOOLS)


TAGS = [
    "<response>",
    "</response>",
    "<invoke name=",
    "</invoke>",
    "<parameter name=",
    "</parameter>",
    "</tool>",
    "</tools>",
]
FORGERIES = [*MARKERS, *TAGS, "<THINK>", "]~b]~b]", "]~!b[e~[", "[e~", "]!d~", "]!p~"]


@pytest.mark.parametrize("forgery", FORGERIES)
def test_nobody_elses_text_opens_or_closes_anything(forgery: str) -> None:
    def prompt(words: str) -> str:
        tool = ToolSpec("t", words, {"properties": {"a": {"description": words}}})
        history = [
            Began("local", words),
            Asked(words),
            Called("1.1", "t"),
            Turned("calls"),
            Returned("1.1", text=words),
            Noted(words),
        ]
        return render(history, [tool])

    forged, honest = prompt(forgery), prompt("Q")
    for mark in [*MARKERS, *TAGS]:
        assert forged.count(mark) == honest.count(mark), mark
    assert forged.replace("\u200b", "") == honest.replace("Q", forgery)


@pytest.mark.local
def test_forged_markers_become_no_special_tokens(tiny_m2: Path) -> None:
    """By the real tokenizer, special tokens off: what is left of them is plain text."""
    from llama_cpp import Llama

    model = Llama(str(tiny_m2), vocab_only=True, verbose=False)
    special = {model.tokenize(m.encode(), add_bos=False, special=True)[0] for m in MARKERS}
    assert len(special) == len(MARKERS)
    (text,) = [s for s in segments([Asked(" ".join(MARKERS))], []) if "think" in s.text[:-10]]
    assert text.kind == "text"
    tokens = model.tokenize(text.text.encode(), add_bos=False, special=False)
    assert not special & set(tokens)
    model.close()


@pytest.mark.parametrize(
    "parts",
    [
        [Thought("Hm.")],
        [Said("Hi.")],
        [Thought("Hm."), Said("Hi.")],
        [Called("1.1", "mail_search", {"query": "a"})],
        [Thought("Hm."), Said("Hi."), *[Called(f"1.{n}", "notes_list", {}) for n in (1, 2)]],
        [Thought("Hm."), Called("1.1", "notes_list", {}), Said("So.")],
        [Said("Hi."), Thought("Wait.\nNo."), Said("Ho.")],
    ],
)
def test_a_part_without_its_raw_text_is_written_as_it_would_be_read(parts: list[Part]) -> None:
    assert [plain(part) for part in read_back(parts)] == parts


def read_back(parts: Sequence[Part]) -> list[Part]:
    history = [Asked("Go."), *parts, Turned()]
    (model,) = [segment for segment in segments(history, TOOLS) if segment.kind == "model"]
    parser = Parser(TOOLS)
    return parser.feed(model.text) + parser.close()


def plain(part: Part) -> Part:
    match part:
        case Thought(text):
            return Thought(text)
        case Said(text):
            return Said(text)
        case Called(id, tool, arguments):
            return Called(id, tool, arguments)
        case Broken():
            return part


def look(part: Part) -> str:
    """What can be seen of a part: where its words held a marker, a zero-width character is not."""
    return msgspec.json.encode(part).decode().replace("\u200b", "")


WORDS = st.text(min_size=1, max_size=12).map(lambda text: f"a{text}z")
HOSTILE = st.lists(st.sampled_from([*FORGERIES, "</parameter>\n</invoke>", "\n", "a"]), max_size=6)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=6,
)


@given(st.text(), st.integers(-(2**53) + 1, 2**53 - 1), st.lists(JSON, max_size=3))
def test_arguments_are_read_back_as_they_were(query: str, limit: int, labels: list[Any]) -> None:
    call = Called("1.1", "mail_search", {"query": query, "limit": limit, "labels": labels})
    (back,) = read_back([call])
    assert look(plain(back)) == look(call)


@given(HOSTILE.map("".join))
def test_hostile_words_stay_inside_their_part(words: str) -> None:
    call = Called("1.1", "mail_search", {"query": words, "labels": [words]})
    back = read_back([Thought(f"a{words}b"), Said(f"a{words}b"), call])
    assert [type(part) for part in back] == [Thought, Said, Called]
    assert isinstance(back[2], Called)
    assert back[2].arguments["query"].replace("\u200b", "") == words.replace("\u200b", "")


TURN = st.tuples(
    WORDS | HOSTILE.map("".join),
    st.none() | WORDS,
    st.lists(WORDS, max_size=3),
)


def play(turns: Sequence[tuple[str, str | None, list[str]]], by_model: bool) -> list[list[Event]]:
    """The history before each turn of a run, in which there is always something to answer."""
    history: list[Event] = [Began("local", "Go on.", TOOLS), Asked("Go.")]
    before = [list(history)]
    for n, (thought, said, queries) in enumerate(turns, 1):
        parts: list[Part] = [Thought(thought)]
        parts += [Said(said)] if said else []
        calls = [Called(f"{n}.{i}", "mail_search", {"query": q}) for i, q in enumerate(queries, 1)]
        parts += calls
        if by_model:
            parser = Parser(TOOLS, turn=n)
            parts = parser.feed(f"{thought}</think>{said}") + parser.close()
            calls = []
        history += [*parts, Turned(), *(Returned(c.id, text=thought) for c in reversed(calls))]
        history += [Judged(False)] if not calls else []
        history += [Asked(thought)] if len(thought) % 2 else []
        history += [Ended("done", "", 0), Asked(thought)] if len(thought) % 3 == 0 else []
        before.append(list(history))
    return before


@given(st.lists(TURN, max_size=6), st.booleans())
def test_the_prompt_only_grows(
    turns: list[tuple[str, str | None, list[str]]], by_model: bool
) -> None:
    before = play(turns, by_model)
    prompts = [render(history, TOOLS) for history in before]
    for shorter, longer in pairwise(prompts):
        assert longer.startswith(shorter)
        assert shorter.endswith("]~b]ai\n<think>\n")
    lists = [segments(history, TOOLS) for history in before]
    for shorter, longer in pairwise(lists):
        assert longer[: len(shorter)] == shorter


def test_two_processes_with_other_hash_seeds_render_the_same_bytes() -> None:
    code = (
        "import hashlib, test_m2_render as t\n"
        "print(hashlib.sha256(t.render(t.HISTORY, t.TOOLS).encode()).hexdigest())"
    )
    hashes = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed},
            cwd=Path(__file__).parent,
            capture_output=True,
            check=True,
            text=True,
        ).stdout.strip()
        for seed in ("1", "2")
    }
    assert hashes == {hashlib.sha256(render(HISTORY, TOOLS).encode()).hexdigest()}
