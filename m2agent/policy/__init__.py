"""What may happen unasked. A decision is a pure function of the call and the person's rules."""

from m2agent.policy.decide import Verdict, decide
from m2agent.policy.rules import Rule, Rules, read_rules

__all__ = ["Rule", "Rules", "Verdict", "decide", "read_rules"]
