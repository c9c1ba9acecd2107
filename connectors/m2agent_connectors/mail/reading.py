"""One mail, or a thread of them, told to the model: a short head, then what it says."""

from collections.abc import Sequence
from dataclasses import dataclass
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
    line,
    minute,
    paged,
    source,
    stretch,
)
from m2agent_connectors.mail.message import Mail
from m2agent_connectors.mail.quotes import own_words

WHOLE = 50
"""Of a thread, so many mails are told whole, the newest ones; older ones are a line each."""

_RECIPIENTS = 20


@dataclass(frozen=True)
class View:
    """What of it is wanted: characters from `offset` on, at most `length`."""

    offset: int
    length: int
    quotes: bool
    headers: bool

    def page(self, pieces: Sequence[Stretch], data: dict[str, Any], ask: str) -> Result:
        """That page; `data` gets its `text`, and `next_offset` where there is more."""
        ask += " quotes=true" if self.quotes else ""
        ask += " headers=true" if self.headers else ""
        text = "".join(piece.text for piece in pieces)
        end = self.offset + self.length
        shown = {"text": text[self.offset : end], "next_offset": end if end < len(text) else None}
        page = paged(pieces, offset=self.offset, length=self.length, ask=ask)
        return joined(page, {**data, **shown})


def read_mail(entry: Entry, mail: Mail, view: View) -> Result:
    """Tell one mail. HTML takes a while: call it in a thread."""
    return view.page(_told(entry, mail, view), mail_facts(entry, mail), f"mail_read id={entry.id}")


def read_thread(entries: Sequence[Entry], mails: Sequence[Mail], view: View) -> Result:
    """Tell a thread, oldest mail first; `mails` are those of its last entries."""
    thread = entries[0].thread
    older, whole = entries[: -len(mails)], entries[-len(mails) :]
    pieces = [Stretch(f"{thread}: {len(entries)} mails")]
    for entry in older:
        pieces += [Stretch("\n"), stretch(entry, line(entry))]
    for entry, mail in zip(whole, mails, strict=True):
        pieces += [Stretch("\n\n"), *_told(entry, mail, view)]
    items = [mail_facts(entry, mail) for entry, mail in zip(whole, mails, strict=True)]
    return view.page(pieces, {"thread": thread, "items": items}, f"mail_read thread={thread}")


def _told(entry: Entry, mail: Mail, view: View) -> list[Stretch]:
    """A mail's head and text. Of an own mail, what others said in it is still theirs."""
    trust = "own" if entry.own else "outside"
    whose = source(entry)
    body = readable(mail, quotes=view.quotes).text or "(no text)"
    mine = own_words(body) if entry.own else len(body)
    pieces = [Stretch("\n".join(_head(entry, mail, view.headers)) + "\n\n", trust, whose)]
    pieces.append(Stretch(body[:mine], trust, whose))
    if mine < len(body):
        pieces.append(Stretch(body[mine:], "outside", f"quoted in {whose}"))
    return pieces


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
    lines = [f"{entry.id}  {entry.company}".rstrip()]
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
