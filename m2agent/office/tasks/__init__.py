"""Office tasks that generate themselves: families, each with seeds, an expert and a check."""

from m2agent.office.tasks.families import FAMILIES, draw
from m2agent.office.tasks.task import Effect, Task

__all__ = ["FAMILIES", "Effect", "Task", "draw"]
