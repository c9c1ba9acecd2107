"""A long run in the sample office: folds, kills, sub-agents and steering, and it stays on course.

The whole of it, 500 turns, is `make soak`'s; here it is as much as fits the time of tests.
"""

from pathlib import Path

from long_run import Told, long_run


def test_a_long_run_keeps_goal_plan_and_facts_through_folds_and_kills(tmp_path: Path) -> None:
    told = long_run(tmp_path, turns=110, context=12_000)

    assert told.problems() == []
    assert told.folds >= 3 and told.kills == 2
    assert told.ratio <= Told.RATIO
