"""Allow, ask or deny one call, and say why in one sentence.

Without a rule of the person's own: what only reads, or changes the person's own things and can be
undone, happens unasked; what reaches others, or cannot be undone, is asked.
"""

from dataclasses import dataclass
from typing import Any

from m2agent.events import Decision
from m2agent.policy.rules import Rules
from m2agent.tool import Effect

_BY_EFFECT: dict[Effect, tuple[Decision, str]] = {
    "read": ("allow", "It changes nothing and tells nobody."),
    "write": ("allow", "It changes only your own things and can be undone."),
    "send": ("ask", "It reaches other people or the outside."),
    "destroy": ("ask", "It cannot be undone."),
}


@dataclass(frozen=True)
class Verdict:
    """A decision, the rule that made it, and the reason for a person to read."""

    decision: Decision
    rule: str
    reason: str


def decide(
    tool: str, effect: Effect, arguments: dict[str, Any], *, account: str, rules: Rules
) -> Verdict:
    """Find the first rule that fits, else go by the effect. Pure, and total."""
    for number, rule in enumerate(rules.rule, start=1):
        if rule.fits(tool, account, arguments):
            reason = rule.reason or f"Your rule {number} says {rule.decision}."
            if rule.decision == "allow" and effect == "destroy":
                return Verdict(
                    "ask", f"rule {number}", "It cannot be undone, so no rule allows it."
                )
            return Verdict(rule.decision, f"rule {number}", reason)
    decision, reason = _BY_EFFECT[effect]
    return Verdict(decision, f"effect {effect}", reason)
