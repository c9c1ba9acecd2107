"""What mail_draft was asked for, the letter that follows from it, and how drafts are told of."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from m2agent.errors import ToolFailed
from m2agent.events import Receipt
from m2agent.tool import Operation, Result
from m2agent_connectors.mail import compose
from m2agent_connectors.mail.address import Address
from m2agent_connectors.mail.compose import Letter
from m2agent_connectors.mail.lines import Entry, Stretch, joined, size, source
from m2agent_connectors.mail.message import Mail


@dataclass(frozen=True)
class Wanted:
    """What mail_draft was asked for; None is what was not said."""

    to: Sequence[str] | None
    cc: Sequence[str] | None
    bcc: Sequence[str] | None
    subject: str | None
    body: str | None
    reply_to: str | None
    reply_all: bool
    forward: str | None
    attach: Sequence[str] | None
    draft_id: str | None

    @property
    def about(self) -> str | None:
        """The id of the mail that is answered or passed on. Raises ToolFailed for two of them."""
        if sum(map(bool, (self.draft_id, self.reply_to, self.forward))) > 1:
            raise ToolFailed("Give only one of reply_to, forward and draft_id.")
        return self.reply_to or self.forward


def written(
    op: Operation,
    wanted: Wanted,
    sender: Address,
    *,
    earlier: Mail | None,
    original: Mail | None,
    now: float,
) -> bytes:
    """The draft as bytes: a change of `earlier`, an answer to `original`, or something new."""
    if earlier:
        basis = compose.letter_of(earlier, sender)
    elif original and wanted.forward:
        basis = compose.forward(original, sender)
    elif original:
        basis = compose.reply(original, sender, everyone=wanted.reply_all)
    else:
        basis = Letter(sender)
    names = wanted.attach
    letter = compose.filled(
        basis,
        to=wanted.to,
        cc=wanted.cc,
        bcc=wanted.bcc,
        subject=wanted.subject,
        body=wanted.body,
        files=None if names is None else [compose.attached(op.path(name)) for name in names],
        adding=earlier is None,
    )
    return compose.built(letter, id=compose.message_id(op.key, sender), date=now)


def told(entry: Entry, mail: Mail, about: Entry | None) -> Result:
    """A draft as mail_draft reports it. What came from the answered mail stays its writer's."""
    pieces = [Stretch(f"{entry.id} is saved and not sent; mail_send draft_id={entry.id} sends it.")]
    lines = [
        f"{name}: {', '.join(map(str, people))}"
        for name, people in (("To", mail.to), ("Cc", mail.cc), ("Bcc", mail.bcc))
        if people
    ]
    lines.append(f"Subject: {mail.subject or '(none)'}")
    lines += [f"Attached: {file.name}  {size(len(file.data))}" for file in mail.attachments]
    text = "\n" + "\n".join(lines)
    theirs = about is not None and not about.own
    pieces.append(Stretch(text, "outside", source(about)) if about and theirs else Stretch(text))
    if not recipients(mail):
        pieces.append(Stretch("\nIt has no recipient yet."))
    data: dict[str, Any] = {
        "draft_id": entry.id,
        "thread": entry.thread,
        "message_id": mail.message_id,
        "to": [str(person) for person in mail.to],
        "cc": [str(person) for person in mail.cc],
        "bcc": [str(person) for person in mail.bcc],
        "subject": mail.subject,
        "attachments": [file.name for file in mail.attachments],
    }
    result = joined(pieces, data)
    return Result(result.text, data, [Receipt("draft", entry.id)], result.origin)


def sent(id: str, thread: str, mail: Mail) -> Result:
    """A mail as mail_send reports it."""
    people = ", ".join(map(str, recipients(mail)))
    data = {"id": id, "thread": thread, "message_id": mail.message_id}
    result = joined([Stretch(f"Sent as {id} to {people}.")], data)
    return Result(result.text, data, [Receipt("message", id)], result.origin)


def recipients(mail: Mail) -> tuple[Address, ...]:
    return (*mail.to, *mail.cc, *mail.bcc)


def sendable(id: str, mail: Mail) -> None:
    """Raises ToolFailed for a draft to nobody."""
    if not recipients(mail):
        raise ToolFailed(f"{id} has no recipient. mail_draft with draft_id gives it one.")
