"""The journal: what happened in every run, on disk before anybody is told of it."""

from m2agent.journal.store import Journal, Run, RunInfo, is_child, path, root

__all__ = ["Journal", "Run", "RunInfo", "is_child", "path", "root"]
