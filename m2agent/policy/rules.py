"""A person's own rules, from a TOML file; the first that fits decides.

    [[rule]]
    decision = "allow"
    tool = "mail_send"
    account = "work"
    hours = "9-17"
    weekdays = ["mon", "tue", "wed", "thu", "fri"]

    [[rule]]
    decision = "deny"
    tool = "shell_*"
    arguments = { command = "*rm *" }

    [[rule]]
    decision = "ask"
    effect = "write"
    from = "outside"

`tool`, `account` and each argument are patterns with `*` and `?`; an argument that is no string is
compared as JSON. `to` are patterns for recipients: to allow a call, everybody it reaches must fit
one; to ask or deny, anybody. `powers = []` fits only calls that ask for none, such as
`network = true`. `exactly` is the hash of one call and of what it sends.
`from` says where the least trusted argument was first seen: with the `person`, in a record of
their `own`, or `outside`. `unattended` fits only runs that nobody watches (true), or only the
others (false). A rule may allow anything but what cannot be undone: that is always asked.
"""

import fnmatch
import hashlib
import re
import tomllib
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import msgspec

from m2agent.canonical import hash_of
from m2agent.errors import ToolFailed, UsageError
from m2agent.events import Decision, Trust
from m2agent.policy import words
from m2agent.policy.verbs import name_words
from m2agent.tool import Effect

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
POWERS = words.listed("network internet online sudo root admin privileged elevated unsafe force")
_NOBODY = ("from:", "subject:", "date:", "message-id:", "in-reply-to:", "references:")
_WEEKDAYS: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


@dataclass(frozen=True)
class Call:
    """One call, as it is judged. `content` is what it sends where its arguments only point at it.

    `at` is the time on the person's clock; `run` the run's id.
    """

    tool: str
    effect: Effect
    arguments: dict[str, Any]
    account: str = ""
    content: str = ""
    run: str = ""
    unattended: bool = False
    at: datetime | None = None


class Rule(
    msgspec.Struct,
    frozen=True,
    forbid_unknown_fields=True,
    omit_defaults=True,
    rename={"trust": "from"},
):
    """One rule; without a pattern it fits every call."""

    decision: Decision
    tool: str = "*"
    account: str = "*"
    arguments: dict[str, str] = {}
    reason: str = ""
    effect: Effect | None = None
    trust: Trust | None = None
    hours: str = ""
    weekdays: list[Weekday] = []
    unattended: bool | None = None
    run: str = "*"
    to: list[str] = []
    powers: list[str] | None = None
    exactly: str = ""

    def __post_init__(self) -> None:
        if self.hours:
            _hours(self.hours)

    def fits(self, call: Call, trust: Trust) -> bool:
        """Whether this rule is about such a call, whose least trusted argument is `trust`."""
        return self.misfit(call, trust) == ""

    def misfit(self, call: Call, trust: Trust) -> str:
        """The first of its patterns that the call does not fit, by its name; "" if it fits."""
        if not fnmatch.fnmatchcase(call.tool, self.tool):
            return "tool"
        if not fnmatch.fnmatchcase(call.account, self.account):
            return "account"
        if not fnmatch.fnmatchcase(call.run, self.run):
            return "run"
        if self.effect not in (None, call.effect):
            return "effect"
        if self.unattended not in (None, call.unattended):
            return "unattended"
        for name, pattern in self.arguments.items():
            if name not in call.arguments:
                return "arguments"
            if not fnmatch.fnmatchcase(argument_text(call.arguments[name]), pattern):
                return "arguments"
        if not self._is_to(call):
            return "to"
        if self.powers is not None and not powers(call) <= set(self.powers):
            return "powers"
        if self.exactly and self.exactly != fingerprint(call):
            return "exactly"
        if self.trust not in (None, trust):
            return "from"
        return "" if self._is_time(call.at) else "hours" if self.hours else "weekdays"

    def _is_to(self, call: Call) -> bool:
        if not self.to:
            return True
        fit = [self._fits_one(one) for one in recipients(call)]
        return all(fit) and bool(fit) if self.decision == "allow" else any(fit)

    def _fits_one(self, one: str) -> bool:
        """Where an address is twisted, nobody knows to whom it goes: that allows nothing."""
        twisted = one.count("@") > 1 or one.startswith("?")
        fits = any(fnmatch.fnmatchcase(one, pattern) for pattern in self.to)
        return fits and not (twisted and self.decision == "allow")

    def _is_time(self, at: datetime | None) -> bool:
        if not (self.hours or self.weekdays):
            return True
        if at is None:
            return False
        if self.weekdays and _WEEKDAYS[at.weekday()] not in self.weekdays:
            return False
        if not self.hours:
            return True
        first, last = _hours(self.hours)
        return first <= at.hour < last if first < last else at.hour >= first or at.hour < last


class Rules(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All rules in the order in which they are tried."""

    rule: list[Rule] = []


def read_rules(path: Path) -> Rules:
    """The rules in a file. Raises UsageError naming what is wrong in it."""
    try:
        return msgspec.convert(tomllib.loads(path.read_text("utf-8")), Rules)
    except OSError as error:
        raise UsageError(f"The rules {path} cannot be read: {error.strerror}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError) as error:
        raise UsageError(f"The rules {path} are wrong: {error}.") from error


def _hours(text: str) -> tuple[int, int]:
    """ "9-17": from nine until before five; "22-6" goes over midnight."""
    first, dash, last = text.partition("-")
    if not (dash and first.strip().isdecimal() and last.strip().isdecimal()):
        raise ValueError(f'hours = "{text}" is none, write them as in hours = "9-17"')
    hours = int(first), int(last)
    if not (hours[0] < 24 and hours[1] <= 24):
        raise ValueError(f'hours = "{text}" goes beyond the 24 hours of a day')
    return hours


def argument_text(value: Any) -> str:
    """An argument as patterns see it."""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def recipients(call: Call) -> frozenset[str]:
    """Every address a call may reach: those in its arguments, and in the head of its content.

    What has an @ and is no address that can be read stands there whole, after a question mark.
    """
    lines = call.content.split("\n\n", 1)[0].splitlines()
    head = "\n".join(line for line in lines if not line.casefold().startswith(_NOBODY))
    text = f"{head}\n{argument_text(call.arguments)}"
    found = words.addresses(text)
    rest = words.plain(text)
    for one in sorted(found, key=len, reverse=True):
        rest = rest.replace(one, " ")
    return found | {f"?{one}" for one in rest.split() if re.search(r"[^@]@[^@]", one)}


def powers(call: Call) -> frozenset[str]:
    """The parameters by which a call asks for more than its kind needs, such as the network."""
    return frozenset(
        name
        for name, value in call.arguments.items()
        if POWERS & set(name_words(name)[-1:]) and value not in (None, False, "", 0)
    )


def fingerprint(call: Call) -> str:
    """One hash of a call and of what it sends; "" for what has none."""
    try:
        called = hash_of(call.tool, call.arguments)
    except ToolFailed:
        return ""
    return hashlib.sha256(f"{called} {call.content}".encode(errors="replace")).hexdigest()
