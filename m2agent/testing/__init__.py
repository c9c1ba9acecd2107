"""What a connector's author tests with, the same that m2agent's own connectors are tested with."""

from m2agent.testing.stage import Stage

__all__ = ["Stage"]
