"""What the status line says of a run: what it does now, how far it is, and what it has cost."""

import time
from dataclasses import dataclass, field
from typing import Literal

from m2agent.events import Asked, Began, Called, Compacted, Ended, Event, Judged, Returned, Turned
from m2agent.model import Progress, Token
from m2agent.printable import one_line

Mode = Literal[
    "opening", "queueing", "reading", "thinking", "writing", "acting", "waiting", "stopping", "idle"
]

_ENOUGH = 256
"""Tokens from which on a figure says something."""


@dataclass
class Meter:
    """Counts of one run. Counts are tokens."""

    mode: Mode = "idle"
    model: str = ""
    turns: int = 0
    evaluated: int = 0
    reused: int = 0
    generated: int = 0
    context_used: int = 0
    context_size: int = 0
    speed: float = 0.0
    reading_speed: float = 0.0
    read_again: int = 0
    """Tokens that the last turn read although an earlier one had; none is as it should be."""
    left: str = ""
    _folded: bool = False
    _open: set[str] = field(default_factory=set[str])
    _began: float | None = None

    def start(self) -> None:
        """A leg of work begins; its seconds are counted from here."""
        self.mode = "opening"
        self._began = time.monotonic()

    def stop(self) -> None:
        self.mode = "idle"
        self._began = None

    def take(self, piece: Event | Token | Progress) -> None:
        match piece:
            case Token(kind=kind):
                self._go("thinking" if kind == "thought" else "writing")
            case Progress(ahead=ahead) if ahead:
                self._go("queueing")
                self.left = f"behind {ahead}"
            case Progress(done=done, total=total, seconds_left=seconds):
                self._go("reading")
                eta = "" if seconds is None else f", {seconds:.0f} s left"
                self.left = f"{done:,} of {total:,}{eta}" if total else ""
            case Began(model=model):
                self.model = model
            case Called(id=id):
                self._open.add(id)
            case Returned(id=id):
                self._open.discard(id)
                self._go("acting" if self._open else "thinking")
            case Turned():
                self._turned(piece)
            case Compacted():
                self._folded = True
            case Asked() | Judged():
                self._go("thinking")
            case Ended():
                self.stop()
            case _:
                pass

    def _go(self, mode: Mode) -> None:
        """Change the mode of a run that is worked on."""
        if self._began is not None and self.mode != "stopping":
            self.mode = mode

    def _turned(self, turned: Turned) -> None:
        self.turns += 1
        self.evaluated += turned.evaluated
        self.reused += turned.reused
        self.generated += turned.generated
        self.read_again = self._read_again(turned)
        self._folded = False
        self.context_used = turned.context_used or self.context_used
        self.context_size = turned.context_size or self.context_size
        if turned.decode_seconds:
            self.speed = turned.generated / turned.decode_seconds
        if turned.prefill_seconds and turned.evaluated >= _ENOUGH:
            self.reading_speed = turned.evaluated / turned.prefill_seconds
        self.left = ""
        self._go("acting" if self._open else "thinking")

    def _read_again(self, turned: Turned) -> int:
        """What was in the context before, and was read anew; folding the history away does that."""
        if not self.reused or self._folded:
            return 0
        lost = self.context_used - turned.reused
        return lost if lost >= _ENOUGH and turned.evaluated >= lost else 0

    def words(self, width: int, beside: str = "") -> list[str]:
        """The parts of the status line, the most telling first, as many as fit in `width`.

        `beside` is what goes on elsewhere.
        """
        told = self.left if self.mode in ("queueing", "reading") else ""
        parts = [f"{self.mode} {told}".rstrip()]
        if self._began is not None and self.mode != "waiting":
            parts.append(f"{time.monotonic() - self._began:.0f} s")
        if beside:
            parts.append(beside)
        if self.model:
            parts.append(known_as(self.model))
        if self.turns:
            parts.append(f"turn {self.turns}")
        if self.context_used:
            size = f" of {short(self.context_size)}" if self.context_size else ""
            parts.append(f"context {short(self.context_used)}{size}")
        if self.generated:
            parts.append(f"written {short(self.generated)}")
        if self.evaluated or self.reused:
            kept = self.reused / (self.evaluated + self.reused)
            parts.append(f"read {short(self.evaluated)}, {kept:.0%} reused")
        if self.speed:
            parts.append(f"{self.speed:.0f} tokens/s")
        while len(parts) > 1 and len(" · ".join(parts)) > width:
            parts.pop()
        return parts


def known_as(name: str) -> str:
    """A model by the last part of its path or address."""
    return one_line(name.rstrip("/").rpartition("/")[2], 30)


def short(count: int) -> str:
    for size, unit in ((1_000_000, "M"), (1_000, "k")):
        if count >= size:
            return f"{count / size:.1f}".removesuffix(".0") + unit
    return str(count)
