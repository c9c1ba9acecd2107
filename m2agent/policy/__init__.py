"""What may happen unasked: a pure function of a person's words, of what was read, and of rules."""

from m2agent.policy.always import Always
from m2agent.policy.decide import Verdict, decide
from m2agent.policy.grant import Grant
from m2agent.policy.provenance import Provenance
from m2agent.policy.rules import Call, Rule, Rules, read_rules

__all__ = [
    "Always",
    "Call",
    "Grant",
    "Provenance",
    "Rule",
    "Rules",
    "Verdict",
    "decide",
    "read_rules",
]
