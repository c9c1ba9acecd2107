"""What a person answered with "always": rules in a file of their own, listed and taken back.

They come after the person's rules, so these win. But for "in this run" they hold only while
somebody watches.
"""

import glob
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, cast

import msgspec

from m2agent.errors import UsageError
from m2agent.policy.rules import (
    Call,
    Rule,
    Rules,
    argument_text,
    fingerprint,
    powers,
    read_rules,
    recipients,
)

Scope = Literal["run", "account", "recipient", "command"]
"""How far an "always" reaches: this run, this account, these recipients, exactly this call."""


@dataclass
class Always:
    """The rules that "always" makes, in `file`, or in memory alone where there is none.

    The file is looked at before each decision, so that what is taken back elsewhere holds at once.
    """

    file: Path | None = None
    _rules: list[Rule] = field(default_factory=list[Rule])
    _seen: tuple[int, int] = (0, 0)

    @property
    def rules(self) -> list[Rule]:
        """What holds now. A file that cannot be read allows nothing."""
        if self.file is None:
            return self._rules
        try:
            found = self.file.stat()
        except OSError:
            return []
        if self._seen != (found.st_mtime_ns, found.st_size):
            self._seen = found.st_mtime_ns, found.st_size
            try:
                self._rules = known(self.file).rule
            except UsageError:
                self._rules = []
        return self._rules

    def add(self, call: Call, scope: Scope) -> Rule:
        """Calls like this one need no question from now on.

        Raises UsageError for what cannot be undone, and where a call names no recipient.
        """
        rule = rule_for(call, scope)
        if self.file:
            _write(self.file, [*known(self.file).rule, rule])
        else:
            self._rules = [*self._rules, rule]
        return rule


def rule_for(call: Call, scope: Scope) -> Rule:
    """The rule that an "always" of this scope is; it gives no power that this call did not have.

    Of its kinds only `run` also holds unwatched: it goes no further than the run that the person
    had before them. That for a command holds for the same bytes: a draft changed since asks again.
    """
    if call.effect == "destroy":
        raise UsageError("What cannot be undone is asked each time.")
    where: dict[str, Any] = {
        "decision": "allow",
        "tool": glob.escape(call.tool),
        "account": glob.escape(call.account) or "*",
        "unattended": False,
        "powers": sorted(powers(call)),
        "reason": f"You said always, for this {scope}.",
    }
    match scope:
        case "run":
            where |= {"run": call.run, "unattended": None}
        case "account":
            pass
        case "recipient":
            where["to"] = sorted(recipients(call))
            if not where["to"] or any(one.startswith("?") for one in where["to"]):
                raise UsageError("This call names nobody it goes to. Choose another scope.")
        case "command":
            told = {name: argument_text(value) for name, value in call.arguments.items()}
            where["arguments"] = {name: glob.escape(text) for name, text in told.items()}
            where["exactly"] = fingerprint(call)
            if not where["exactly"]:
                raise UsageError("This call holds a value that has no hash. Choose another scope.")
    return Rule(**where)


def known(file: Path) -> Rules:
    """The rules that "always" wrote; none where there is no file yet."""
    return read_rules(file) if file.exists() else Rules()


def revoke(file: Path, number: int) -> Rule:
    """Take one back, counted from 1, and return it. Raises UsageError where there is none."""
    rules = known(file).rule
    if not 1 <= number <= len(rules):
        raise UsageError(f"There is no always-rule {number}; m2agent rules list shows them.")
    _write(file, [rule for at, rule in enumerate(rules, start=1) if at != number])
    return rules[number - 1]


def described(rule: Rule) -> str:
    """A rule on one line, as it stands in the file."""
    told: dict[str, Any] = msgspec.to_builtins(rule)
    return ", ".join(f"{key} = {_value(value)}" for key, value in told.items())


def _write(file: Path, rules: list[Rule]) -> None:
    tables = [
        "\n".join(f"{key} = {_value(value)}" for key, value in msgspec.to_builtins(rule).items())
        for rule in rules
    ]
    text = "".join(f"[[rule]]\n{table}\n\n" for table in tables)
    fresh = file.with_suffix(".new")
    fresh.write_text(text, "utf-8")
    fresh.chmod(0o600)
    fresh.replace(file)


def _value(value: Any) -> str:
    """A value as TOML, whose strings and lists are written like JSON's."""
    if isinstance(value, dict):
        pairs = (
            f"{_value(key)} = {_value(one)}" for key, one in cast(dict[str, Any], value).items()
        )
        return f"{{ {', '.join(pairs)} }}"
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
