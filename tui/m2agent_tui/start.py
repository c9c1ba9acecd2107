"""What the terminal UI starts with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from m2agent.desk import Setup


@dataclass(frozen=True)
class Start:
    """A setup, and a sentence to greet with, such as that the model is too weak for real work.

    `first` is whether nothing was ever set up or begun here, `small` whether what thinks is good
    for short tasks only.
    """

    setup: Setup
    notice: str = ""
    first: bool = False
    small: bool = False


Prepare = Callable[[], Start]
"""Makes the start. It is called in a thread once the screen is painted, and may raise SetupError
or UsageError, which are shown; it is called again when the person tries again."""


@dataclass(frozen=True)
class Taste:
    """How a person wants the screen; `keys` maps a binding's id to other keys for it."""

    theme: str = ""
    keys: Mapping[str, str] = field(default_factory=dict[str, str])
    linear: bool = False
    panel: bool = True
    notify: bool = True
