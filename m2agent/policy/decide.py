"""Allow, ask or deny one call, and say why in one sentence.

The model is taken to obey every order it reads. So what it may do unasked follows from the
person's words alone, once it has read anything that an outsider wrote:

    read      happens
    write     if the words ask for such a change, and it is about things the words lead to
    send      if the words ask for it and hold everything that goes out, as it stands
    destroy   is always asked

Before that the model is the person's own agent: it writes freely, and sends to those whom the
person named. The person's rules come first; they cannot allow what cannot be undone.
"""

from dataclasses import dataclass

from m2agent.events import Decision, Trust
from m2agent.policy.grant import Grant
from m2agent.policy.justify import unheld, unjustified
from m2agent.policy.provenance import Provenance, texts
from m2agent.policy.rules import Call, Rules
from m2agent.policy.verbs import (
    ADDS,
    ONLY_ADDS,
    OVERWRITES,
    Kind,
    adds,
    asked_kinds,
    sends,
    tool_verbs,
)


@dataclass(frozen=True)
class Verdict:
    """A decision, the rule that made it, and the reason for a person to read."""

    decision: Decision
    rule: str
    reason: str


def decide(grant: Grant, provenance: Provenance, call: Call, rules: Rules) -> Verdict:
    """The person's first rule that fits, else what their words grant. Pure, and total."""
    trust = least_trusted(provenance, call) if any(rule.trust for rule in rules.rule) else "own"
    for number, rule in enumerate(rules.rule, start=1):
        if rule.fits(call, trust):
            name = f"rule {number}"
            if rule.decision == "allow" and call.effect == "destroy":
                return Verdict("ask", name, "It cannot be undone, so no rule allows it.")
            reason = rule.reason or f"Your rule {number} says {rule.decision}."
            return Verdict(rule.decision, name, reason)
    match call.effect:
        case "read":
            return Verdict("allow", "effect read", "It changes nothing and tells nobody.")
        case "write":
            return _write(grant, provenance, call)
        case "destroy":
            return Verdict("ask", "effect destroy", "It cannot be undone.")
        case _:
            return _send(grant, provenance, call)


def least_trusted(provenance: Provenance, call: Call) -> Trust:
    """Whose the least trusted argument is; what nobody wrote counts as the model's sources do."""
    found: set[Trust] = set()
    for text in texts(call.arguments):
        seen = provenance.seen(text)
        found.add(seen.trust if seen else "outside" if provenance.outside else "own")
    return "outside" if "outside" in found else "own" if "own" in found else "person"


def _write(grant: Grant, provenance: Provenance, call: Call) -> Verdict:
    verbs, kind = _verbs(provenance, call)
    if word := _refused(grant, verbs, kind):
        return Verdict("ask", "your words", f"Your words say not to {word}.")
    if provenance.outside is None:
        reason = "It changes only your own things, and nothing by an outsider has been read."
        return Verdict("allow", "effect write", reason)
    if not _is_asked(grant, verbs, kind):
        reason = (
            f"Your words do not ask to {_named(verbs)} anything, and the model has read "
            f"{provenance.outside.source}."
        )
        return Verdict("ask", "your words", reason)
    if problem := unjustified(grant, provenance, call, verbs, kind):
        return Verdict("ask", "provenance", problem)
    return Verdict("allow", "your words", "Your words ask for it, and it can be undone.")


def _send(grant: Grant, provenance: Provenance, call: Call) -> Verdict:
    verbs, kind = _verbs(provenance, call)
    if word := _refused(grant, verbs, "send"):
        return Verdict("ask", "your words", f"Your words say not to {word}.")
    if provenance.outside and not _is_asked(grant, verbs, kind):
        reason = (
            f"Your words do not ask to {_named(verbs)} anything, and the model has read "
            f"{provenance.outside.source}."
        )
        return Verdict("ask", "your words", reason)
    if problem := unheld(grant, provenance, call):
        return Verdict("ask", "provenance", problem)
    return Verdict("allow", "your words", "Your words name everything that goes out.")


def _verbs(provenance: Provenance, call: Call) -> tuple[frozenset[str], Kind | None]:
    return tool_verbs(call.tool, provenance.tool(call.tool).description)


def _is_asked(grant: Grant, verbs: frozenset[str], kind: Kind | None) -> bool:
    if kind == "change" and verbs & OVERWRITES:
        return any(kind in asked_kinds(verb) for verb in grant.heads - ONLY_ADDS)
    added = bool(verbs & ADDS) and any(adds(verb) for verb in grant.heads)
    return bool(verbs & grant.heads) or kind in grant.kinds or added


def _refused(grant: Grant, verbs: frozenset[str], kind: Kind | None) -> str:
    """The verb by which the person's words forbid this, if they do."""
    for verb in sorted(grant.refused):
        if verb in verbs or (kind == "send" and sends(verb)):
            return verb
    return _named(verbs) if kind in grant.refused_kinds else ""


def _named(verbs: frozenset[str]) -> str:
    return min(verbs, default="do")
