"""What a turn writes, followed token by token: whole characters, and where it thinks and calls."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from m2agent_models.engine.writing import Writing

PIECES = st.lists(st.sampled_from([b"a", b" <", b">", b"\xe2", b"\x82", b"\xac", b"\xff", b"\xc3"]))


def written(pieces: list[bytes], *, thinking: bool = False) -> str:
    writing = Writing(thinking=thinking)
    return "".join(writing.feed(piece).text for piece in pieces) + writing.close()


@given(PIECES)
def test_however_bytes_are_cut_into_tokens_the_text_is_theirs(pieces: list[bytes]) -> None:
    assert written(pieces) == b"".join(pieces).decode("utf-8", "replace")


def test_a_character_is_shown_once_it_is_whole() -> None:
    writing = Writing(thinking=False)
    assert [writing.feed(piece).text for piece in (b"5 \xe2", b"\x82", b"\xac!")] == [
        "5 ",
        "",
        "\u20ac!",
    ]


def test_what_never_becomes_a_character_is_marked_and_holds_up_nothing() -> None:
    assert written([b"\xe2", b"a", b"\xff", b"b", b"\xe2"]) == "\ufffda\ufffdb\ufffd"


@pytest.mark.parametrize("cut", range(1, 18))
def test_a_call_is_opened_wherever_its_marker_is_cut(cut: int) -> None:
    marker = b"<minimax:tool_call>"
    writing = Writing(thinking=True)
    assert not writing.feed(marker).opens  # a thought that only speaks of it
    writing.feed(b"</think>")
    assert not writing.feed(marker[:cut]).opens
    opened = writing.feed(marker[cut:] + b"\n<inv")
    assert (opened.opens, opened.beyond, writing.state) == (True, "\n<inv", "call")
    assert writing.feed(b"</minimax:tool_call>").closes
