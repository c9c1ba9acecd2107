"""What the screens can have done by rooms they do not know: the command line has it done."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from m2agent_tui.start import Start

Progress = Callable[[int, int], None]
"""Told how many bytes are there, of how many. What it raises ends the work."""


@dataclass(frozen=True)
class Thinker:
    """A model that can be fetched by name: its size in bytes, and how it would run here.

    `speed` is tokens a second to expect, None where that is not known.
    """

    name: str
    title: str
    size: float
    verdict: str
    here: bool
    note: str = ""
    speed: float | None = None
    best: bool = False
    """Whether it is what this machine should take."""


@dataclass(frozen=True)
class Setting:
    """A key of the configuration, its value as it is written there, and what it does."""

    key: str
    value: str
    words: str


class Means(Protocol):
    """Everything here may take a moment and is called in a thread; it raises M2Error."""

    def start(self) -> Start:
        """The setup to work with, as things stand now."""
        ...

    def machine(self) -> str:
        """What this machine has, in words."""
        ...

    def models(self) -> Sequence[Thinker]:
        """The models there are, those that run best here first."""
        ...

    def pull(self, name: str, progress: Progress) -> None:
        """Fetch a model; goes on where it was broken off."""
        ...

    def use(self, model: str) -> None:
        """Let this model think from now on: a name, `server:URL` or `remote:PROVIDER/MODEL`."""
        ...

    def use_sample_office(self) -> None:
        """Work in a fresh sample office until the program is left."""
        ...

    def settings(self) -> Sequence[Setting]: ...

    def write(self, key: str, value: str) -> None:
        """Write a setting into the configuration; an empty value takes it out."""
        ...

    def command(self, *words: str) -> Sequence[str]:
        """How a command of m2agent is begun in a terminal."""
        ...
