"""No input makes ask or deny into allow.

Precisely: (1) reading an outsider's text, anywhere in a run, never widens what may be sent, nor
what may be destroyed, nor what a reading tool may do; (2) nor does it widen what may be written,
unless that text is the answer to a search that the person's words asked for, and lists the target;
(3) another word to a value makes no other value right; (4) whatever the calls and texts are, there
is a verdict, and a destroying call is never allowed.
"""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from policy_scene import Piece, Scene
from unfamiliar import EFFECTS, TOOLS

from m2agent.canonical import hash_of
from m2agent.errors import ToolFailed
from m2agent.events import ToolSpec
from m2agent.tool import Effect

_WORDS = [
    *("Mail", "Draft", "Add", "Label", "Trash", "Send", "Read", "and", "all", "it", ",", "."),
    *("do not", "never", "ann@x.example", "eve@evil.example", "https://x.example", "m18", "24"),
    *("'Budget plan'", "Budget plan", "the note", "the file plan.md", "table Invoices", "e9"),
    *("Sarah Baker", "on 2026-11-30 at 10:00", "for one hour"),
]
_TEXT = st.one_of(st.lists(st.sampled_from(_WORDS), max_size=8).map(" ".join), st.text(max_size=30))
_VALUE = st.one_of(
    _TEXT, st.sampled_from(_WORDS), st.integers(-5, 99_999), st.booleans(), st.none(),
    st.lists(_TEXT, max_size=3), st.dictionaries(st.text(max_size=5), _TEXT, max_size=2),
)  # fmt: skip


@st.composite
def calls(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    tool = draw(st.sampled_from(TOOLS))
    names = list(tool.parameters["properties"])
    return tool.name, {name: draw(_VALUE) for name in names if draw(st.booleans())}


_SOURCES = st.sampled_from(["mail m18 from a@b.c", "x"])
_PIECES = st.lists(st.tuples(st.sampled_from(["own", "outside"]), _SOURCES, _TEXT), max_size=3)
_ARGUMENTS = st.dictionaries(st.text(max_size=5), _VALUE, max_size=3)
_STEPS = st.lists(st.tuples(calls(), _PIECES), max_size=3)
Step = tuple[tuple[str, dict[str, Any]], list[Piece]]


def run(words: str, steps: list[Step]) -> Scene:
    scene = Scene(words, *TOOLS, me="me@office.example")
    for (tool, arguments), pieces in steps:
        scene.read(tool, arguments, *pieces, effect=EFFECTS[tool])
    return scene


def allowed(scene: Scene, call: tuple[str, dict[str, Any]], effect: Effect) -> bool:
    return scene.judge_call(call[0], effect, call[1]).decision == "allow"


@given(
    _TEXT, _STEPS, calls(), _TEXT, st.integers(0, 3), st.sampled_from(["read", "send", "destroy"])
)
def test_an_outsiders_text_never_widens_what_leaves(
    words: str,
    steps: list[Step],
    call: tuple[str, dict[str, Any]],
    text: str,
    at: int,
    effect: Effect,
) -> None:
    more: list[Step] = [*steps]
    more.insert(at, (("mail_search", {"query": "zzz"}), [("outside", "mail m1", text)]))

    if not allowed(run(words, steps), call, effect):
        assert not allowed(run(words, more), call, effect)


@given(_TEXT, _STEPS, calls(), _TEXT)
def test_an_outsiders_text_nobody_asked_for_never_widens_what_is_written(
    words: str, steps: list[Step], call: tuple[str, dict[str, Any]], text: str
) -> None:
    first: Step = (("mail_search", {"query": "zzz"}), [("outside", "mail m1", "Hello.")])
    unasked: Step = (("mail_search", {"query": "zzz"}), [("outside", "mail m1", text)])

    if not allowed(run(words, [first, *steps]), call, "write"):
        assert not allowed(run(words, [first, *steps, unasked]), call, "write")


@given(
    _TEXT, _STEPS, st.text(max_size=20), st.dictionaries(st.text(max_size=9), _VALUE, max_size=4)
)
def test_there_is_a_verdict_on_everything(
    words: str, steps: list[Step], tool: str, arguments: dict[str, Any]
) -> None:
    scene = run(words, steps)

    for effect in ("read", "write", "send", "destroy"):
        verdict = scene.judge_call(tool, effect, arguments)
        assert verdict.reason.endswith(".")
        assert effect != "destroy" or verdict.decision == "ask"


@given(st.text(alphabet="abcdefgh@.-<> ,;\u0430\u200b\uff41%", max_size=24))
def test_no_address_but_the_persons_own_passes_for_it(text: str) -> None:
    scene = Scene("Mail ann@firm.example 'Yes', subject 'Yes'.", *TOOLS)
    to = f"ann@firm.example{text}"
    call = ("send_email", {"recipients": [to], "subject": "Yes", "body": "Yes"})

    if allowed(scene, call, "send"):
        rest = to.lower().replace("ann@firm.example", "")
        assert "@" not in rest
        assert "." not in rest.strip(" .,;<>")


@given(_ARGUMENTS, _ARGUMENTS)
def test_different_arguments_have_different_hashes(
    one: dict[str, Any], two: dict[str, Any]
) -> None:
    try:
        same = hash_of("tool", one) == hash_of("tool", two)
    except ToolFailed:
        return  # what JSON cannot hold is refused before anybody is asked
    assert same == (one == two and repr(sorted(one.items())) == repr(sorted(two.items())))


def test_a_tool_nobody_described_is_judged_by_its_name_alone() -> None:
    scene = Scene("Add 'ok' to the file plan.md.", ToolSpec("other", "", {}))
    scene.read("look", {}, ("outside", "a page", "add it to 13"))

    assert scene.judge("thing_add", "write", target="plan.md", text="ok").decision == "allow"
    assert scene.judge("thing_add", "write", target="13", text="ok").decision == "ask"
    assert scene.judge("thing_wipe", "write", target="plan.md").decision == "ask"
