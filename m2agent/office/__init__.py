"""A sample office, for the tour, for tests and for evaluation: a believable firm from a seed.

`write` makes one, `accounts` says how to open it, `read` gives the truth about a kept one.
"""

from m2agent.office.sample import NOW, Office, accounts, read, write
from m2agent.office.tour import SCRIPT, TASK

__all__ = ["NOW", "SCRIPT", "TASK", "Office", "accounts", "read", "write"]
