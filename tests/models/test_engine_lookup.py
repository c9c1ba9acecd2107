"""Tokens that are guessed from what was written before, and what comes of it."""

from array import array
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from m2agent_models.engine import Tokens, wire
from m2agent_models.engine.lookup import GUESSES, Lookup, Odds

GREEDY = wire.Sampling(temperature=0)


def tokens(text: str) -> Tokens:
    return array("i", list(text.encode()))


def test_a_guess_is_what_followed_the_last_time() -> None:
    lookup = Lookup()
    assert lookup.guess(tokens("abcd; abce: "), 4) == tokens("")
    assert lookup.guess(tokens("abcd; abce: abc"), 4) == tokens("e: a")
    assert lookup.guess(tokens("abcd; abce: abcd; "), 4) == tokens("abce")


@given(st.text("ab", min_size=1, max_size=40), st.lists(st.integers(1, 9), max_size=9))
def test_a_log_that_grows_gives_the_same_guesses_as_a_whole_one(
    text: str, steps: list[int]
) -> None:
    growing = Lookup()
    for end in [sum(steps[:n]) for n in range(1, len(steps))]:
        growing.guess(tokens(text[:end]), 4)
    guess = growing.guess(tokens(text), 4)
    assert guess == Lookup().guess(tokens(text), 4)
    at = text.rfind(text[-3:], 0, len(text) - 1)
    expected = (text[at + 3 :] * 4)[:4] if at >= 0 and len(text) > 3 else ""
    assert guess == tokens(expected)


def test_guessing_goes_on_only_while_it_pays() -> None:
    odds = Odds()
    for _ in range(20):
        odds.note(0.10, guessed=False)
        odds.note(0.12, guessed=True, right=2)
    assert odds.good
    for _ in range(40):
        odds.note(0.12, guessed=True, right=0)
    assert not odds.good
    for _ in range(100_000):
        odds.note(0.10, guessed=False)
    assert odds.good


@pytest.mark.local
def test_the_same_is_written_in_fewer_steps(tiny_m2: Path) -> None:
    from m2agent_models.engine.llama import Llama
    from m2agent_models.engine.placement import Plan
    from m2agent_models.engine.schedule import Schedule

    written: list[bytes] = []
    steps: list[int] = []
    for guesses in (0, GUESSES):
        llama = Llama(tiny_m2, Plan(1024, 0, 0, "f16", 1, 64, 2, ""), lambda share: None)
        ends: list[wire.Turn] = []

        def send(client: int, message: wire.Message, ends: list[wire.Turn] = ends) -> None:
            if isinstance(message, wire.Turn):
                ends.append(message)

        schedule = Schedule(llama, 2, 64, send)
        segments = [wire.Segment("text", "one two three, one two three, one two " * 5)]
        schedule.add(1, wire.Reply(1, "c", segments, GREEDY, max_tokens=300, guesses=guesses))
        count = 0
        while not schedule.idle:
            schedule.step()
            count += 1
        written.append(ends[0].tokens)
        steps.append(count)
        assert ends[0].generated == 300
        llama.close()
    assert written[0] == written[1]
    assert steps[1] < steps[0]
