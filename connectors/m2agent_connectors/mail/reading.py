"""One mail, or a thread of them, told to the model: a short head, then what it says."""

from collections.abc import Sequence
from typing import Any

from m2agent.tool import Result
from m2agent_connectors.mail.address import Address
from m2agent_connectors.mail.body import readable
from m2agent_connectors.mail.clean import one_line
from m2agent_connectors.mail.lines import (
    Entry,
    Stretch,
    attachment_facts,
    attachment_lines,
    facts,
    joined,
    minute,
    paged,
    source,
)
from m2agent_connectors.mail.message import Mail
from m2agent_connectors.mail.quotes import own_words

_RECIPIENTS = 20


def told(entry: Entry, mail: Mail, *, quotes: bool = False, headers: bool = False) -> list[Stretch]:
    """A mail's head and text. Of an own mail, what others said in it is still theirs."""
    trust = "own" if entry.own else "outside"
    whose = source(entry)
    body = readable(mail, quotes=quotes).text or "(no text)"
    mine = own_words(body) if entry.own else len(body)
    pieces = [Stretch("\n".join(_head(entry, mail, headers)) + "\n\n", trust, whose)]
    pieces.append(Stretch(body[:mine], trust, whose))
    if mine < len(body):
        pieces.append(Stretch(body[mine:], "outside", f"quoted in {whose}"))
    return pieces


def page_of(
    pieces: Sequence[Stretch], data: dict[str, Any], *, offset: int, length: int, ask: str
) -> Result:
    """One page of what was told; `data` gets its `text`, and `next_offset` if there is more."""
    total = sum(len(piece.text) for piece in pieces)
    end = offset + length
    shown = "".join(piece.text for piece in pieces)[offset:end]
    data = {**data, "text": shown, "next_offset": end if end < total else None}
    return joined(paged(pieces, offset=offset, length=length, ask=ask), data)


def mail_facts(entry: Entry, mail: Mail) -> dict[str, Any]:
    """A mail, for programs."""
    return {
        **facts(entry),
        "message_id": mail.message_id,
        "to": [str(person) for person in mail.to],
        "cc": [str(person) for person in mail.cc],
        "bcc": [str(person) for person in mail.bcc],
        "reply_to": [str(person) for person in mail.reply_to],
        "attachments": attachment_facts(mail.attachments),
    }


def _head(entry: Entry, mail: Mail, headers: bool) -> list[str]:
    lines = [entry.id]
    if entry.thread_size > 1:
        lines[0] += f"  [{entry.thread}: {entry.thread_size} mails]"
    if headers:
        lines += [f"{name}: {one_line(value, 1_000)}" for name, value in mail.headers]
    else:
        lines.append(f"From: {entry.sender}")
        for name, people in (("To", mail.to), ("Cc", mail.cc), ("Bcc", mail.bcc)):
            if people:
                lines.append(f"{name}: {_people(people)}")
        if any(not mail.sender or not person.same(mail.sender) for person in mail.reply_to):
            lines.append(f"Reply-To: {_people(mail.reply_to)}")
        lines.append(f"Date: {minute(entry.date)}")
        lines.append(f"Subject: {entry.subject or '(none)'}")
    if entry.labels:
        lines.append(f"Labels: {','.join(entry.labels)}")
    if mail.attachments:
        lines += ["Attachments:", *attachment_lines(mail.attachments)]
    return lines


def _people(people: Sequence[Address]) -> str:
    more = f" and {len(people) - _RECIPIENTS} more" if len(people) > _RECIPIENTS else ""
    return ", ".join(map(str, people[:_RECIPIENTS])) + more
