"""Mails as the lines a model reads: one line each in a list, a short head before a text.

Every stretch of a result is marked with whose words it is: a mail's own text is an outsider's
unless the person wrote it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from m2agent.events import Origin, Trust
from m2agent.tool import Result
from m2agent_connectors.mail.clean import one_line
from m2agent_connectors.mail.message import Attachment

_SNIPPET = 100
_SHOWN_ATTACHMENTS = 50


@dataclass(frozen=True)
class Entry:
    """A mail in a list. `date` is seconds since 1970; `own` says that the person wrote it.

    `thread_size` is None where the service did not say how many mails the thread has.
    """

    id: str
    thread: str
    thread_size: int | None
    sender: str
    to: tuple[str, ...]
    subject: str
    date: float
    labels: tuple[str, ...]
    snippet: str
    attachments: int
    own: bool

    @property
    def company(self) -> str:
        """The thread of a mail that is not alone in it: "[t7: 3 mails]", or just "[t7]"."""
        if self.thread_size is None:
            return f"[{self.thread}]"
        return f"[{self.thread}: {self.thread_size} mails]" if self.thread_size > 1 else ""


@dataclass(frozen=True)
class Stretch:
    """A piece of a result, and whose words it is."""

    text: str
    trust: Trust = "own"
    source: str = "mailbox"


def day(seconds: float) -> str:
    """2026-11-21, in UTC."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d")


def minute(seconds: float) -> str:
    """2026-11-21 09:12 UTC."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")


def moment(seconds: float) -> str:
    """2026-11-21T09:12:00Z, for programs."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def size(count: int) -> str:
    """Bytes in words: "812 bytes", "34 KB", "1.2 MB"."""
    if count < 1_000:
        return f"{count} bytes"
    return f"{count / 1_000:.0f} KB" if count < 1_000_000 else f"{count / 1_000_000:.1f} MB"


def line(entry: Entry) -> str:
    """One line: id, day, sender, subject, labels, how it begins, what hangs on it."""
    marks = f" [att {entry.attachments}]" if entry.attachments else ""
    marks += f" {entry.company}" if entry.company else ""
    fields = (
        f"{entry.id} {day(entry.date)} {_field(entry.sender, 70)}",
        _field(entry.subject, 100) or "(no subject)",
        ",".join(_field(label, 40) for label in entry.labels) or "-",
        _field(entry.snippet, _SNIPPET),
    )
    return " | ".join(fields).rstrip(" |") + marks


def source(entry: Entry) -> str:
    """How an origin names a mail: "mail m18 from ann@x.example"."""
    address = entry.sender.rpartition("<")[2].rstrip(">")
    return f"mail {entry.id} from {one_line(address, 100)}"


def stretch(entry: Entry, text: str) -> Stretch:
    return Stretch(text, "own" if entry.own else "outside", source(entry))


def facts(entry: Entry) -> dict[str, Any]:
    """A mail in a list, for programs."""
    return {
        "id": entry.id,
        "thread": entry.thread,
        "from": entry.sender,
        "to": list(entry.to),
        "subject": entry.subject,
        "date": moment(entry.date),
        "labels": list(entry.labels),
        "snippet": entry.snippet,
        "attachments": entry.attachments,
    }


def listing(
    entries: Sequence[Entry], *, query: str, total: int, next: str | None, about: bool = False
) -> Result:
    """The answer of a search: how many there are, one line each, and how to go on.

    With `about` the total is an estimate.
    """
    asked = f' for "{one_line(query, 200)}"' if query.strip() else ""
    count = f"about {total:,}" if about else f"{total:,}"
    head = f"{len(entries)} of {count}{asked}" if entries else f"Nothing found{asked}."
    head += f"  page={next} goes on" if next else ""
    pieces = [Stretch(head)]
    for entry in entries:
        pieces += [Stretch("\n"), stretch(entry, line(entry))]
    data = {"items": [facts(entry) for entry in entries], "total": total, "next": next}
    return joined(pieces, data)


def attachment_lines(attachments: Iterable[Attachment]) -> list[str]:
    """A line for each file, numbered from 1 as save_attachment counts them."""
    numbered = list(enumerate(attachments, 1))
    lines = [
        f"  {number}  {attachment.name}  {attachment.type}  {size(len(attachment.data))}"
        + ("  (shown in the text)" if attachment.inline else "")
        for number, attachment in numbered[:_SHOWN_ATTACHMENTS]
    ]
    more = len(numbered) - _SHOWN_ATTACHMENTS
    return [*lines, f"  ... and {more} more"] if more > 0 else lines


def attachment_facts(attachments: Iterable[Attachment]) -> list[dict[str, Any]]:
    return [
        {
            "index": number,
            "name": attachment.name,
            "type": attachment.type,
            "size": len(attachment.data),
            "inline": attachment.inline,
        }
        for number, attachment in enumerate(attachments, 1)
    ]


def joined(pieces: Iterable[Stretch], data: Any = None) -> Result:
    """Put pieces together and mark where each came from."""
    text = ""
    origin: list[Origin] = []
    for piece in pieces:
        end = len(text) + len(piece.text)
        last = origin[-1] if origin else None
        if last and (last.trust, last.source) == (piece.trust, piece.source):
            origin[-1] = Origin(last.trust, last.source, last.start, end)
        elif piece.text:
            origin.append(Origin(piece.trust, piece.source, len(text), end))
        text += piece.text
    return Result(text, data, origin=origin)


def paged(pieces: Sequence[Stretch], *, offset: int, length: int, ask: str) -> list[Stretch]:
    """The characters from `offset` on, at most `length`, and how to ask for what follows.

    `ask` is the call without its offset: "mail_read id=m18".
    """
    at = 0
    end = offset + length
    page: list[Stretch] = []
    for piece in pieces:
        text = piece.text[max(offset - at, 0) : max(end - at, 0)]
        if text:
            page.append(Stretch(text, piece.trust, piece.source))
        at += len(piece.text)
    if at > end:
        page.append(Stretch(f"\n[... {at - end:,} more characters; {ask} offset={end}]"))
    return page


def _field(text: str, limit: int) -> str:
    return one_line(text, limit).replace("|", "¦")
