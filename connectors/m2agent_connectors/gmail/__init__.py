"""Gmail: the mail tools on a Google account, through Google's own client library."""

from m2agent_connectors.gmail.connector import Gmail

__all__ = ["Gmail"]
