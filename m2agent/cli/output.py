"""What a run prints: events or one object for programs, plain text for people.

Standard output carries only what was asked for; everything else goes to standard error.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

import click
import msgspec
from msgspec import Raw

from m2agent.events import (
    Began,
    Called,
    Ended,
    Judged,
    Receipt,
    Record,
    Reported,
    Returned,
    Said,
    Turned,
    Unsettled,
)
from m2agent.journal import is_child, path
from m2agent.journal.export import line
from m2agent.model import Progress, Token
from m2agent.printable import one_line, printable

_CUT_OFF = Ended("interrupted", "It was stopped at once.", 130)


@dataclass
class Output:
    """Prints records as they happen, and sums them up for the end."""

    kind: Literal["plain", "events", "json", "quiet"]
    run: str = ""
    ended: Ended | None = None
    judged: Judged | None = None
    structured: bool = False
    dry_run: bool = False
    receipts: list[Receipt] = field(default_factory=list[Receipt])
    usage: dict[str, Any] = field(default_factory=dict[str, Any])
    _live: bool = field(default_factory=sys.stderr.isatty)
    _written: int = 0
    _line: bool = False

    def show(self, piece: Token | Progress) -> None:
        """Keep a person at a terminal posted on standard error while a turn is under way."""
        if not self._live:
            return
        if isinstance(piece, Token):
            self._written += len(piece.text)
            words = f"{piece.kind}: {self._written:,} characters"
        else:
            self._written = 0
            words = _reading(piece)
        click.echo(f"\r\x1b[K{words}", nl=False, err=True)
        self._line = True

    def take(self, record: Record) -> None:
        """Print one record in this output's form."""
        self.count(record)
        if self._line:
            click.echo("\r\x1b[K", nl=False, err=True)
            self._line, self._written = False, 0
        if self.kind == "events":
            click.echo(line(record))
        elif self.kind == "plain":
            self._tell(record)

    def count(self, record: Record) -> None:
        """Sum a record up without printing it, as for what happened before a resume.

        What a sub-agent did counts when it reports.
        """
        if is_child(record.run):
            return
        self.run = record.run
        match record.event:
            case Began(schema=schema, dry_run=dry_run):
                self.structured, self.dry_run = bool(schema), dry_run
            case Returned(receipts=receipts):
                self.receipts += receipts
            case Turned() as turned:
                self._add("turns", 1)
                self._add("evaluated", turned.evaluated)
                self._add("reused", turned.reused)
                self._add("generated", turned.generated)
                self._add("seconds", turned.prefill_seconds + turned.decode_seconds)
                self._spend(turned.cost)
            case Judged() as judged:
                self.judged = judged
                self._add("evaluated", judged.evaluated)
                self._add("reused", judged.reused)
                self._add("generated", judged.generated)
                self._add("seconds", judged.seconds)
                self._spend(judged.cost)
            case Reported() as reported:
                self._add("turns", reported.turns)
                self._add("evaluated", reported.evaluated)
                self._add("reused", reported.reused)
                self._add("generated", reported.generated)
                self._add("seconds", reported.seconds)
                self._spend(reported.cost)
            case _:
                pass
        self.ended = record.event if isinstance(record.event, Ended) else None

    def final(self) -> dict[str, Any]:
        """What stands at the end, for programs."""
        ended = self.ended or _CUT_OFF
        return {
            "run": self.run,
            "status": ended.status,
            "exit_code": ended.exit_code,
            "answer": self._answer(ended),
            "receipts": [{"kind": r.kind, "id": r.id, "note": r.note} for r in self.receipts],
            "usage": self.usage,
        }

    def finish(self) -> int:
        """Print what stands at the end, and return the exit code."""
        ended = self.ended or _CUT_OFF
        if self.kind == "json":
            click.echo(msgspec.json.encode(self.final()).decode())
        if self.kind == "plain" and self.structured and isinstance(self._answer(ended), Raw):
            click.echo(ended.answer)
        if self.kind == "plain" and self.judged:
            for words in _checked(self.judged):
                click.echo(words, err=True)
        if self.kind == "plain" and (cost := self.usage.get("cost")):
            click.echo(f"Cost: ${cost:.4f}", err=True)
        if self.dry_run and self.kind == "plain":
            words = "A dry run: nothing was changed or sent. What would have been, in full:"
            click.echo(f"{words} m2agent show {self.run}", err=True)
        if ended.status != "done":
            click.echo(f"{ended.reason}{self._next(ended)}", err=True)
        return ended.exit_code

    def _answer(self, ended: Ended) -> str | Raw:
        """The report; where a schema was given, as the value it is."""
        try:
            msgspec.json.decode(ended.answer if self.structured else "")
        except msgspec.DecodeError:
            return ended.answer
        return Raw(ended.answer.encode())

    def _next(self, ended: Ended) -> str:
        match ended.status:
            case "waiting":
                return f"\nSee it: m2agent show {self.run}"
            case "limit" | "failed" | "interrupted":
                return f"\nGo on:  m2agent resume {self.run}"
            case _:
                return f"\nSee why: m2agent show {self.run}"

    def _spend(self, dollars: float) -> None:
        if dollars:
            self._add("cost", dollars)

    def _add(self, what: str, amount: float) -> None:
        self.usage[what] = round(self.usage.get(what, 0) + amount, 6)

    def _tell(self, record: Record) -> None:
        """What the run says to standard output, what it and its sub-agents do to standard error."""
        at = path(record.run)
        match record.event:
            case Said(text) if not at and not self.structured:
                click.echo(printable(text.strip()))
            case Called(id=id, tool=tool, arguments=arguments):
                given = msgspec.json.encode(arguments).decode()
                click.echo(f"{at}{id}  {tool} {one_line(given, 90)}", err=True)
            case Returned(id=id, ok=ok, text=text):
                state = "->" if ok else "failed:"
                click.echo(f"{at}{id}  {state} {one_line(text, 90)}", err=True)
            case Unsettled(id=id, how=how):
                click.echo(f"{at}{id}  unknown whether it happened: {one_line(how)}", err=True)
            case _:
                pass


def _reading(progress: Progress) -> str:
    if progress.ahead:
        turns = "turn comes" if progress.ahead == 1 else "turns come"
        return f"waiting: {progress.ahead} {turns} first"
    left = f", {progress.seconds_left:.0f} s left" if progress.seconds_left else ""
    return f"reading {progress.done:,} of {progress.total:,} tokens{left}"


_STATES = {
    "claimed": "Claimed only",
    "open": "Open",
    "unproven": "Not proven",
    "declined": "Declined",
}


def _checked(judged: Judged) -> Iterator[str]:
    """What the closing report comes to: how much of it is proven, and all that is not."""
    proven = sum(item.state == "proven" for item in judged.items)
    if proven:
        yield f"Checked: {proven} of {len(judged.items)} proven by receipts."
    for item in judged.items:
        if item.state in _STATES:
            proof = f" ({one_line(item.proof, 160)})" if item.proof else ""
            yield f"{_STATES[item.state]}: {one_line(item.text, 160)}{proof}"
