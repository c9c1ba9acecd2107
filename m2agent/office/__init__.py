"""A sample office, for the tour, for tests and for evaluation: a believable firm from a seed."""

from m2agent.office.sample import NOW, Office, accounts, read, write

__all__ = ["NOW", "Office", "accounts", "read", "write"]
