"""Pages and tables of a Notion workspace."""

from m2agent_connectors.notion.connector import Notion, Settings

__all__ = ["Notion", "Settings"]
