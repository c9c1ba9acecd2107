"""Taking another way from a turn on."""

import pytest

from m2agent.errors import UsageError
from m2agent.events import (
    Asked,
    Began,
    Called,
    Decided,
    Ended,
    Event,
    Noted,
    Receipt,
    Returned,
    Said,
    Started,
    Thought,
    Turned,
)
from m2agent.journal.fork import forked

_HEAD: list[Event] = [Began("m", "s"), Asked("Do it.")]
_FIRST: list[Event] = [
    Thought("Look."),
    Called("1.1", "mail_search"),
    Turned("calls"),
    Decided("1.1", "allow", "effect read", ""),
    Started("1.1", "r.1.1", "h"),
    Returned("1.1", True, "Nothing."),
]
_SECOND: list[Event] = [
    Called("2.1", "mail_draft"),
    Turned("calls"),
    Started("2.1", "r.2.1", "h"),
    Returned("2.1", True, "Drafted.", receipts=[Receipt("draft", "d1")]),
]
_END: list[Event] = [Said("Done."), Turned(), Ended("done", "", 0)]
_ALL = [*_HEAD, *_FIRST, *_SECOND, *_END]


def test_a_fork_of_everything_is_everything() -> None:
    assert forked(_ALL, None) == _ALL


def test_effects_after_the_turn_stay_done_and_are_told() -> None:
    words = "Taken back to here. Done in the meantime, and still so:\n- mail_draft: [draft d1]"

    assert forked(_ALL, 1) == [*_HEAD, *_FIRST, Noted(words)]


def test_a_fork_before_the_first_turn_keeps_the_question() -> None:
    assert forked(_ALL[:8], 0) == _HEAD


def test_a_turn_that_is_not_there_or_not_over_is_refused() -> None:
    with pytest.raises(UsageError, match="no turn 9"):
        forked(_ALL, 9)
    with pytest.raises(UsageError, match="still open"):
        forked([*_HEAD, *_FIRST, *_SECOND[:-1]], 2)
