"""Keeps the tokens that m2agent itself uses out of everything that is written down.

A tool's result is masked where it enters the journal, so neither the model, nor the journal, nor
an export, nor what is printed ever holds one: a mail server may echo a header, a command may print
its environment. The words of an error and the report of a bug are masked where they are written.
"""

import base64
import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Self, cast
from urllib.parse import quote

MASK = "[secret]"

_SHORTEST = 8  # what is shorter would mask ordinary words
_NAMED = re.compile(r"(?:^M2AGENT_.*(?:TOKEN|SECRET|PASSWORD|KEY)|_API_KEY)$")
_TOKEN_FILE = re.compile(r"^M2AGENT_.*_FILE$")
_SECRET_KEY = re.compile(r"token|secret|password|private_key", re.IGNORECASE)

_remembered: set[str] = set()


def remember(secret: str) -> None:
    """Mask this from now on: whoever takes a secret out of its store says so here."""
    _remembered.update(_within(secret))


class Secrets:
    """Texts that must not be written down, in each form in which they are likely to turn up."""

    def __init__(self, values: Iterable[str]) -> None:
        self._known = -1
        self._take(values)

    def _take(self, values: Iterable[str]) -> None:
        forms = {form for value in values if len(value) >= _SHORTEST for form in _forms(value)}
        longest_first = sorted(forms, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, longest_first))) if forms else None

    @classmethod
    def known(cls) -> Self:
        """Those in the environment, in files that it names, and those taken out of a store.

        What is remembered later, such as a token that was renewed, is masked from then on.
        """
        secrets = cls(())
        secrets._look()
        return secrets

    def _look(self) -> None:
        self._known = len(_remembered)
        found = set(_remembered)
        for name, value in os.environ.items():
            if _NAMED.search(name):
                found |= _within(value)
            elif _TOKEN_FILE.search(name):
                found |= _in_file(Path(value).expanduser())
        self._take(found)

    def mask(self, text: str) -> str:
        if 0 <= self._known < len(_remembered):
            self._look()
        return self._pattern.sub(MASK, text) if self._pattern else text

    def masked(self, value: Any) -> Any:
        """A JSON value with every text in it masked."""
        if isinstance(value, str):
            return self.mask(value)
        if isinstance(value, Mapping):
            pairs = cast(Mapping[str, Any], value).items()
            return {self.mask(str(key)): self.masked(one) for key, one in pairs}
        if isinstance(value, list | tuple):
            return [self.masked(one) for one in cast(list[Any], value)]
        return value


def _forms(value: str) -> Iterator[str]:
    yield value
    yield quote(value, safe="")
    yield json.dumps(value)[1:-1]
    coded = base64.b64encode(value.encode(errors="replace")).decode().rstrip("=")
    yield coded
    yield coded.replace("+", "-").replace("/", "_")


def _within(secret: str) -> set[str]:
    """The secret itself, and the secret fields of one that is a JSON object."""
    try:
        value = json.loads(secret)
    except (ValueError, RecursionError):
        return {secret.strip()}
    if not isinstance(value, dict):
        return {secret.strip()}
    fields = cast(dict[str, Any], value).items()
    return {
        one for key, one in fields if isinstance(one, str) and _SECRET_KEY.search(key)
        and not one.startswith("https://")
    }  # fmt: skip


def _in_file(path: Path) -> set[str]:
    try:
        return _within(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError):
        return set()
