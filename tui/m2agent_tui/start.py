"""What the terminal UI starts with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from m2agent.desk import Setup


@dataclass(frozen=True)
class Start:
    """A setup, and a sentence to greet with, such as that the model is too weak for real work."""

    setup: Setup
    notice: str = ""


Prepare = Callable[[], Start]
"""Makes the start. It is called in a thread once the screen is painted, and may raise SetupError
or UsageError, which are shown; it is called again when the person tries again."""
