"""A person's own rules, from a TOML file; the first that fits decides.

    [[rule]]
    decision = "allow"
    tool = "mail_send"
    account = "work"

    [[rule]]
    decision = "deny"
    tool = "shell_*"
    arguments = { command = "*rm *" }

`tool`, `account` and each argument are patterns with `*` and `?`; an argument that is no string is
compared as JSON. A rule may allow anything but what cannot be undone: that is always asked.
"""

import fnmatch
import tomllib
from pathlib import Path
from typing import Any

import msgspec

from m2agent.errors import UsageError
from m2agent.events import Decision


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One rule; without a pattern it fits every call."""

    decision: Decision
    tool: str = "*"
    account: str = "*"
    arguments: dict[str, str] = {}
    reason: str = ""

    def fits(self, tool: str, account: str, arguments: dict[str, Any]) -> bool:
        return (
            fnmatch.fnmatchcase(tool, self.tool)
            and fnmatch.fnmatchcase(account, self.account)
            and all(
                name in arguments and fnmatch.fnmatchcase(_text(arguments[name]), pattern)
                for name, pattern in self.arguments.items()
            )
        )


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


def _text(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
