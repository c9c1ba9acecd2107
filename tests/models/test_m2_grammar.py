"""The grammar, by llama.cpp's own sampler, and the parser and the renderer agree."""

import ctypes
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from m2agent.events import Asked, Called, ToolSpec, Turned
from m2agent_models.m2 import Parser, segments
from m2agent_models.m2.grammar import grammar
from m2agent_models.m2.markers import CALLS
from m2agent_models.m2.render import value_text

pytestmark = pytest.mark.local


class Vocabulary:
    """The tiny model's tokens, without its weights."""

    def __init__(self, path: Path) -> None:
        llama_cpp = pytest.importorskip("llama_cpp")
        self.model: Any = llama_cpp.Llama(str(path), vocab_only=True, verbose=False)
        self.lib: Any = llama_cpp.llama_cpp
        self.vocab: Any = self.lib.llama_model_get_vocab(self.model.model)
        self.end: int = self.model.token_eos()

        self._known: dict[str, list[int]] = {}

    def tokens(self, text: str) -> list[int]:
        if text not in self._known:
            self._known[text] = self.model.tokenize(text.encode(), add_bos=False, special=True)
        return self._known[text]


class Held:
    """llama.cpp's grammar sampler, asked about one text from its beginning."""

    def __init__(self, vocabulary: Vocabulary, rules: str) -> None:
        self.vocabulary = vocabulary
        self.sampler: Any = vocabulary.lib.llama_sampler_init_grammar(
            vocabulary.vocab, rules.encode(), b"root"
        )
        assert self.sampler, rules

    def allows(self, token: int) -> bool:
        lib = self.vocabulary.lib
        data = (lib.llama_token_data * 1)(lib.llama_token_data(token, 1.0, 0.0))
        array = lib.llama_token_data_array(data, 1, -1, False)
        lib.llama_sampler_apply(self.sampler, ctypes.byref(array))
        return data[0].logit > float("-inf")

    @property
    def satisfied(self) -> bool:
        return self.allows(self.vocabulary.end)

    def takes(self, text: str) -> bool:
        """Go on with this text, or, where the grammar forbids it, stay."""
        lib = self.vocabulary.lib
        before: Any = lib.llama_sampler_clone(self.sampler)
        for token in self.vocabulary.tokens(text):
            if not self.allows(token):
                lib.llama_sampler_free(self.sampler)
                self.sampler = before
                return False
            lib.llama_sampler_accept(self.sampler, token)
        lib.llama_sampler_free(before)
        return True

    def close(self) -> None:
        self.vocabulary.lib.llama_sampler_free(self.sampler)


@pytest.fixture(scope="module")
def vocabulary(tiny_m2: Path) -> Iterator[Vocabulary]:
    vocabulary = Vocabulary(tiny_m2)
    yield vocabulary
    vocabulary.model.close()


def accepts(vocabulary: Vocabulary, tools: list[ToolSpec], text: str) -> bool:
    held = Held(vocabulary, grammar(tools))
    try:
        return held.takes(text) and held.satisfied
    finally:
        held.close()


def spec(name: str, required: list[str], /, **properties: Any) -> ToolSpec:
    schema = {"type": "object", "properties": properties, "required": required}
    return ToolSpec(name, "", schema)


TOOLS = [
    spec(
        "mail_search",
        ["query"],
        query={"type": "string"},
        limit={"type": "integer"},
        folder={"enum": ["in", 'the "out" box', 7, None]},
        labels={"type": "array", "items": {"type": "string"}},
        since={"anyOf": [{"type": "number"}, {"type": "null"}]},
    ),
    spec("mail_send", ["id", "sure"], id={"type": "string"}, sure={"type": "boolean"}),
    spec("list", []),
]


def block(*invokes: str) -> str:
    return (
        "\n"
        + "".join(f"<invoke name={invoke}</invoke>\n" for invoke in invokes)
        + "</minimax:tool_call>"
    )


SEARCH = '"mail_search">\n<parameter name="query">ann</parameter>\n'


@pytest.mark.parametrize(
    "text",
    [
        block('"list">\n'),
        block(SEARCH),
        block(SEARCH, SEARCH, '"list">\n'),
        block(SEARCH + '<parameter name="limit">-12</parameter>\n'),
        block(SEARCH + '<parameter name="folder">the "out" box</parameter>\n'),
        block(SEARCH + '<parameter name="folder">7</parameter>\n'),
        block(SEARCH + '<parameter name="folder">null</parameter>\n'),
        block(SEARCH + '<parameter name="labels">["a", "\\u00fc\\""]</parameter>\n'),
        block(SEARCH + '<parameter name="since">-1.5e+3</parameter>\n'),
        block(SEARCH.replace("ann", "")),
        block(SEARCH.replace("ann", "a </parameter> b</parameter>\n<parameters>")),
        block(SEARCH.replace("ann", "<minimax:tool_call></think>ünal\n\n")),
        block(
            '"mail_send">\n<parameter name="id">d1</parameter>\n'
            '<parameter name="sure">true</parameter>\n'
        ),
    ],
)  # fmt: skip
def test_a_right_block_is_accepted(vocabulary: Vocabulary, text: str) -> None:
    assert accepts(vocabulary, TOOLS, text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n</minimax:tool_call>",
        block(SEARCH).removesuffix("</minimax:tool_call>"),
        block(SEARCH) + "\n",
        block('"mail_delete">\n'),
        block('"mail_search">\n'),
        block(SEARCH + SEARCH.partition("\n")[2]),
        block(SEARCH + '<parameter name="limit">many</parameter>\n'),
        block(SEARCH + '<parameter name="limit">1.5</parameter>\n'),
        block(SEARCH + '<parameter name="folder">out</parameter>\n'),
        block(SEARCH + '<parameter name="labels">[1]</parameter>\n'),
        block(SEARCH + '<parameter name="other">a</parameter>\n'),
        block(SEARCH + "<parameter x</parameter>\n"),
        block('"mail_send">\n<parameter name="id">d1</parameter>\n'),
        block(
            '"mail_send">\n<parameter name="sure">true</parameter>\n'
            '<parameter name="id">d1</parameter>\n'
        ),
    ],
)
def test_a_wrong_block_is_refused(vocabulary: Vocabulary, text: str) -> None:
    assert not accepts(vocabulary, TOOLS, text)


def test_without_tools_there_is_nothing_to_hold_to() -> None:
    assert grammar([]) == ""


def test_names_that_the_format_cannot_write_are_left_out(vocabulary: Vocabulary) -> None:
    odd = spec('a"b', [], x={"type": "string"})
    half = spec("ok", ["a>b"], **{"a>b": {"type": "string"}, "c": {"type": "null"}})
    assert grammar([odd]) == ""
    text = block('"ok">\n<parameter name="c">null</parameter>\n')
    assert accepts(vocabulary, [odd, half], text)


def test_schemas_that_lead_nowhere_take_any_text(vocabulary: Vocabulary) -> None:
    odd: list[Any] = [
        {},
        True,
        None,
        {"$ref": "#/nowhere"},
        {"$ref": "#"},
        {"type": "mystery"},
        {"anyOf": []},
        {"enum": []},
        {"anyOf": [{"$ref": "#/properties/p8"}]},
    ]
    tool = spec("t", [], **{f"p{n}": schema for n, schema in enumerate(odd)})
    for n in range(len(odd)):
        if odd[n] != {"$ref": "#"}:
            text = block(f'"t">\n<parameter name="p{n}">any</parameter>\n')
            assert accepts(vocabulary, [tool], text), odd[n]


NAMES = st.text("abcdefghijklmnop_", min_size=1, max_size=8)
# llama.cpp's sampler lets no NUL through.
LETTERS = st.characters(exclude_characters="\0", exclude_categories=["Cs"])
TAGS = st.sampled_from(["</parameter>", "\n", "</invoke>", "<parameter ", "<", "]~b]", "a"])
WORDS = st.text(LETTERS, max_size=8) | st.lists(TAGS, max_size=6).map("".join)
INTEGERS = st.integers(-(2**53) + 1, 2**53 - 1)
NUMBERS = INTEGERS | st.floats(allow_nan=False, allow_infinity=False)
ANY = st.recursive(
    st.none() | st.booleans() | NUMBERS | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=5,
)

Form = tuple[dict[str, Any], st.SearchStrategy[Any]]


def listed(values: list[Any]) -> Form:
    return {"enum": values}, st.sampled_from(values)


def either(forms: list[Form]) -> Form:
    return {"anyOf": [schema for schema, _ in forms]}, st.one_of([values for _, values in forms])


def array(form: Form) -> Form:
    schema, values = form
    return {"type": "array", "items": schema}, st.lists(values, max_size=3)


SIMPLE: st.SearchStrategy[Form] = st.sampled_from(
    [
        ({"type": "string"}, WORDS),
        ({"type": "integer"}, INTEGERS),
        ({"type": "number"}, NUMBERS),
        ({"type": "boolean"}, st.booleans()),
        ({"type": "null"}, st.none()),
        ({"type": "object"}, st.dictionaries(NAMES, ANY, max_size=3)),
        ({"type": "array"}, st.lists(ANY, max_size=3)),
        ({"type": ["string", "null"]}, WORDS | st.none()),
        ({}, WORDS),
    ]
) | st.lists(WORDS | INTEGERS, min_size=1, max_size=3).map(listed)
FORMS: st.SearchStrategy[Form] = st.recursive(
    SIMPLE,
    lambda inner: inner.map(array) | st.lists(inner, min_size=1, max_size=3).map(either),
    max_leaves=3,
)


@st.composite
def calls(draw: st.DrawFn) -> tuple[list[ToolSpec], list[Called]]:
    """Random tools, and a turn with calls of them whose arguments fit."""
    tools: list[ToolSpec] = []
    made: list[Called] = []
    for tool in draw(st.lists(NAMES, min_size=1, max_size=3, unique=True)):
        forms = draw(st.dictionaries(NAMES, FORMS, max_size=4))
        required = [name for name in forms if draw(st.booleans())]
        tools.append(spec(tool, required, **{name: schema for name, (schema, _) in forms.items()}))
        for _ in range(draw(st.integers(0, 2))):
            given = [name for name in forms if name in required or draw(st.booleans())]
            arguments = {name: draw(forms[name][1]) for name in given}
            made.append(Called(f"1.{len(made) + 1}", tool, arguments))
    return tools, made


@settings(max_examples=80, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(calls())
def test_every_call_that_is_rendered_is_accepted_and_read(
    vocabulary: Vocabulary, scene: tuple[list[ToolSpec], list[Called]]
) -> None:
    tools, made = scene
    if not made:
        return
    history = [Asked("Go."), *made, Turned("calls")]
    (turn,) = [segment.text for segment in segments(history, tools) if segment.kind == "model"]
    assert accepts(vocabulary, tools, turn.partition(CALLS)[2])
    parser = Parser(tools)
    read = [part for part in parser.feed(turn) + parser.close() if isinstance(part, Called)]
    assert [(call.id, call.tool, list(call.arguments)) for call in read] == [
        (call.id, call.tool, list(call.arguments)) for call in made
    ]
    for back, call in zip(read, made, strict=True):
        for name, value in call.arguments.items():
            found = back.arguments[name]
            as_json = isinstance(value, str) and not isinstance(found, str)
            assert as_json or value_text(found) == value_text(value)


SCRAPS = ["<parameter ", "</invoke", "</parameter>", "<", "</", "a", " ", "\n", "ü", CALLS]
STEPS = [
    *["\n", "</parameter>\n", "</invoke>\n", "</minimax:tool_call>"],
    *["</parameter>\n</invoke>\n", "</parameter>\n</invoke>\n</minimax:tool_call>"] * 3,
    *[f'<invoke name="{tool.name}">\n' for tool in TOOLS],
    *[f'<parameter name="{name}">' for tool in TOOLS for name in tool.parameters["properties"]],
    *["7", "-1.5", "true", "null", '["x"]', 'the "out" box'],
]


def test_whatever_the_grammar_lets_through_is_read_as_calls(vocabulary: Vocabulary) -> None:
    chance = random.Random(7)
    whole = 0
    for _ in range(300):
        held = Held(vocabulary, grammar(TOOLS))
        text = ""
        for _ in range(150):
            if held.satisfied:
                break
            piece = chance.choice(STEPS if chance.random() < 0.8 else SCRAPS)
            if held.takes(piece):
                text += piece
        if held.satisfied:
            whole += 1
            parser = Parser(TOOLS, thinking=False)
            parts = parser.feed(CALLS + text) + parser.close()
            assert parts, text
            assert all(isinstance(part, Called) for part in parts), text
        held.close()
    assert whole > 30
