"""The token logs, over a memory that behaves as llama.cpp's and checks what it is told."""

import logging
from array import array
from collections.abc import Sequence as Items

import pytest
from hypothesis import given
from hypothesis import strategies as st

from m2agent_models.engine.sequences import Sequence, Sequences, common_prefix


class Cells:
    """What llama.cpp holds: a set of sequences for each cell, and no cell twice at one place."""

    can_fork = True

    def __init__(self, size: int) -> None:
        self.size = size
        self.held: dict[int, int] = {}
        self.forks: list[tuple[int, int, int]] = []

    def remove(self, sequence: int, start: int) -> bool:
        self.held[sequence] = min(self.held.get(sequence, 0), start)
        return True

    def copy(self, source: int, target: int, end: int) -> None:
        assert self.held.get(source, 0) >= end
        self.held[target] = end
        self.forks.append((source, target, end))


def tokens(text: str) -> "array[int]":
    return array("i", list(text.encode()))


def text(sequence: Sequence) -> str:
    return sequence.tokens.tobytes()[::4].decode()


class Engine:
    """Sequences and their cells, used as the schedule uses them."""

    def __init__(self, size: int = 100, slots: int = 4) -> None:
        self.cells = Cells(size)
        self.sequences = Sequences(self.cells, slots)

    def read(
        self, prompt: str, owner: int = 1, conversation: str = "main", *, beside: bool = False
    ) -> Sequence:
        """Take a sequence and evaluate what is missing of the prompt."""
        sequence = self.sequences.take(tokens(prompt), owner, conversation, beside=beside)
        assert sequence is not None
        missing = tokens(prompt)[len(sequence.tokens) :]
        assert self.sequences.make_room(len(missing))
        self.sequences.extend(sequence, missing)
        self.cells.held[sequence.number] = len(sequence.tokens)
        return sequence

    def turn(
        self, prompt: str, owner: int = 1, conversation: str = "main", *, beside: bool = False
    ) -> Sequence:
        sequence = self.read(prompt, owner, conversation, beside=beside)
        self.sequences.give_back(sequence)
        return sequence


def test_a_longer_prompt_goes_on_in_its_own_sequence() -> None:
    engine = Engine()
    first = engine.turn("system task")
    second = engine.turn("system task result")
    assert second is first
    assert engine.cells.forks == []
    assert engine.sequences.room == 100 - len("system task result")


def test_a_fork_shares_cells_and_costs_only_its_own_tokens() -> None:
    engine = Engine()
    main = engine.read("system task")
    fork = engine.turn("system other", owner=1, conversation="helper")
    assert engine.cells.forks == [(main.number, fork.number, len("system "))]
    assert engine.sequences.room == 100 - len("system task") - len("other")


def test_the_last_token_is_always_left_to_evaluate() -> None:
    engine = Engine()
    engine.turn("same prompt")
    again = engine.sequences.take(tokens("same prompt"), 1, "main")
    assert again is not None
    assert text(again) == "same promp"


def test_what_is_idle_goes_before_a_prompt_is_refused() -> None:
    engine = Engine(size=20)
    engine.turn("a" * 10, conversation="one")
    engine.turn("b" * 10, conversation="two")
    engine.turn("c" * 15, conversation="three")
    assert engine.sequences.room == 5


def test_what_is_in_use_is_never_given_up() -> None:
    engine = Engine(size=20)
    busy = engine.read("a" * 15)
    assert not engine.sequences.make_room(10)
    assert text(busy) == "a" * 15


def test_what_is_beside_a_run_is_given_up_before_the_run() -> None:
    engine = Engine(size=30)
    main = engine.turn("a" * 10)
    engine.turn("b" * 10, conversation="helper 1", beside=True)
    engine.turn("c" * 10, conversation="helper 2", beside=True)
    assert engine.sequences.make_room(20)
    assert engine.turn("a" * 10 + "!") is main
    assert engine.sequences.room == 19


def test_a_run_is_never_given_up_for_what_is_beside_it() -> None:
    engine = Engine(size=30)
    engine.turn("a" * 10)
    engine.turn("b" * 10, conversation="helper", beside=True)
    assert not engine.sequences.make_room(25, beside=True)
    assert engine.sequences.runs == 10
    assert engine.sequences.room == 20
    assert engine.sequences.make_room(25)


def test_a_question_beside_a_run_leaves_the_runs_own_sequence_alone() -> None:
    engine = Engine()
    main = engine.turn("system task result")
    question = engine.turn("system task result? yes", beside=True)
    assert question is not main
    assert engine.sequences.room == 100 - len("system task result? yes")
    assert engine.turn("system task result and more") is main


def test_what_a_run_left_for_a_fork_has_no_claim_any_more() -> None:
    engine = Engine(size=30)
    engine.turn("task one way")
    engine.turn("task another way")
    assert engine.sequences.runs == len("task another way")
    assert engine.sequences.make_room(14, beside=True)
    assert text(engine.turn("task another way!")) == "task another way!"
    assert engine.sequences.room == 13


def test_those_who_left_are_given_up_first() -> None:
    engine = Engine(size=30)
    engine.turn("a" * 10, owner=1)
    engine.turn("b" * 10, owner=2)
    engine.sequences.forget_owner(2)
    assert engine.sequences.make_room(20)
    going_on = engine.sequences.take(tokens("a" * 10 + "!"), 1, "main")
    assert going_on is not None
    assert len(going_on.tokens) == 10


def test_another_client_gets_a_fork_and_never_the_sequence_itself() -> None:
    engine = Engine()
    first = engine.turn("system task", owner=1)
    second = engine.turn("system task and more", owner=2)
    assert second is not first
    assert text(first) == "system task"


def test_a_run_that_comes_back_takes_up_what_it_left() -> None:
    engine = Engine()
    first = engine.turn("system task", owner=1)
    engine.sequences.forget_owner(1)
    assert engine.turn("system task result", owner=2) is first


def test_all_busy_means_waiting() -> None:
    engine = Engine(slots=2)
    engine.read("one")
    engine.read("two")
    assert engine.sequences.take(tokens("three"), 1, "main") is None


def test_a_model_that_cannot_fork_starts_from_nothing() -> None:
    engine = Engine()
    engine.cells.can_fork = False
    engine.turn("system task")
    other = engine.sequences.take(tokens("system other"), 1, "helper")
    assert other is not None
    assert len(other.tokens) == 0


def test_a_broken_prefix_is_told_with_its_first_differing_place(
    caplog: pytest.LogCaptureFixture,
) -> None:
    engine = Engine()
    with caplog.at_level(logging.WARNING):
        engine.turn("system task result")
        engine.turn("system task result and more")
        engine.turn("system task result")
        assert caplog.messages == [], "asking once more breaks nothing"
        engine.turn("system tusk result")
    assert caplog.messages == [
        "the prompt of main differs from all it was before, first at token 8 of 18"
    ]


@given(st.text("ab", max_size=9), st.text("ab", max_size=9))
def test_the_common_prefix_is_that_of_the_texts(left: str, right: str) -> None:
    same = [a == b for a, b in zip(left, right, strict=False)]
    expected = same.index(False) if False in same else len(same)
    assert common_prefix(tokens(left), tokens(right)) == expected


@given(
    st.lists(
        st.tuples(st.text("ab", min_size=1, max_size=12), st.integers(1, 3), st.booleans()),
        max_size=30,
    )
)
def test_whatever_happens_room_and_logs_agree_with_the_memory(
    turns: Items[tuple[str, int, bool]],
) -> None:
    engine = Engine(size=24, slots=3)
    for prompt, owner, leaves in turns:
        sequence = engine.turn(prompt, owner, f"c{owner}")
        assert text(sequence) == prompt
        assert engine.cells.held[sequence.number] == len(prompt)
        assert 0 <= engine.sequences.room <= 24 - len(prompt)
        if leaves:
            engine.sequences.forget_owner(owner)
