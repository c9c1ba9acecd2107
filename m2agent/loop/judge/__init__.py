"""Is the task met? First by rule, then by the model itself, in a fork of the run's context."""

from m2agent.loop.judge.by_rule import FAILED, judge
from m2agent.loop.judge.second_look import second_look, worth_asking

__all__ = ["FAILED", "judge", "second_look", "worth_asking"]
