"""The tools that every run has, whatever its accounts."""

from m2agent.connector import Connector
from m2agent.loop.cap import Artifacts, page_size
from m2agent.loop.plan import Plan


def own_tools(context: int | None = None) -> dict[str, Connector]:
    """The plan, and paging through long results; `context` is the model's, in tokens."""
    return {"plan": Plan(), "artifacts": Artifacts(page_size(context))}
