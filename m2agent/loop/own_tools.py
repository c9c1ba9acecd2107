"""The tools that every run has, whatever its accounts."""

from m2agent.connector import Connector
from m2agent.loop.cap import Artifacts, page_size
from m2agent.loop.delegate import Delegate
from m2agent.loop.plan import Plan

OWN = ("plan_update", "read_artifact")
"""Those that every sub-agent has, too."""


def own_tools(context: int | None = None) -> dict[str, Connector]:
    """Plan, long results and sub-agents; `context` is the model's, in tokens."""
    return {"plan": Plan(), "artifacts": Artifacts(page_size(context)), "delegate": Delegate()}
