"""Notes in a folder of Markdown files with front matter, as Obsidian reads it."""

from m2agent_connectors.local_notes.connector import LocalNotes, Settings

__all__ = ["LocalNotes", "Settings"]
