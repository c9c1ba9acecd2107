"""The shell: bash in the work folder, inside a sandbox."""

from m2agent_connectors.shell.connector import Shell

__all__ = ["Shell"]
