"""The trading desk: a hundred turns of rules that change, and limits that must never be broken."""

from collections.abc import AsyncGenerator, Sequence
from pathlib import Path

import pytest

from m2agent.events import Called, Event, Returned, ToolSpec
from m2agent.model import ModelSettings, Piece
from m2agent.office.tasks import draw
from m2agent.office.tasks.episode import play
from m2agent.office.tasks.expert import Solver
from m2agent.office.tasks.trading import CHANGE, DAYS, Market, Rules, Trade

RULES = Rules(low=100, high=120, lot=10, most=20, trades=1)
MARKET = Market(
    stocks=("ABC", "DEF"),
    prices={(day, stock): 90 for day in range(1, DAYS + 1) for stock in ("ABC", "DEF")},
    news={(day, stock): "good" for day in range(1, DAYS + 1) for stock in ("ABC", "DEF")},
    late=frozenset(),
    first=RULES,
    second=RULES,
)


async def test_an_expert_needs_a_hundred_turns_and_meets_a_feed_that_fails(tmp_path: Path) -> None:
    task = draw("trading", 3)

    episode = await play(task, Solver(task), tmp_path)

    failed = [
        event
        for event in episode.history
        if isinstance(event, Returned) and "The feed is late. Try again." in event.text
    ]
    assert (episode.wrong, episode.unasked) == ("", [])
    assert episode.turns >= 100
    assert failed


async def test_who_misses_the_new_rules_is_wrong(tmp_path: Path) -> None:
    task = draw("trading", 3)

    episode = await play(task, _Deaf(task), tmp_path)

    assert episode.wrong


@pytest.mark.parametrize(
    ("trades", "problem"),
    [
        ([Trade(1, "ABC", "buy", 10, 90), Trade(2, "ABC", "buy", 10, 90)], ""),
        ([Trade(1, "ABC", "buy", 30, 90)], "day 1: more than 20 pieces of ABC"),
        ([Trade(2, "ABC", "sell", 10, 130)], "day 2: sold ABC that we do not hold"),
        (
            [Trade(1, "ABC", "buy", 10, 90), Trade(1, "DEF", "buy", 10, 90)],
            "day 1: more than 1 trades",
        ),
    ],
)
def test_a_broken_limit_is_named(trades: list[Trade], problem: str) -> None:
    assert MARKET.broken(trades) == problem


def test_what_the_rules_ask_for_never_breaks_them() -> None:
    assert MARKET.right()
    assert MARKET.broken(MARKET.right()) == ""


class _Deaf(Solver):
    """An expert that goes on trading by the first rule book."""

    async def reply(
        self, history: Sequence[Event], tools: Sequence[ToolSpec], settings: ModelSettings
    ) -> AsyncGenerator[Piece, None]:
        async for piece in super().reply(history, tools, settings):
            if isinstance(piece, Called) and piece.tool == "notes_create":
                day = int(piece.arguments["title"].split()[1])
                if day >= CHANGE:
                    props = {**piece.arguments["props"], "Count": 10}
                    piece = Called(piece.id, piece.tool, {**piece.arguments, "props": props})
            yield piece
