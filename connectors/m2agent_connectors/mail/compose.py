"""Write a mail: new, as a reply or a forward, to the same bytes every time it is asked for.

A person approves these bytes, so nothing in them is left to chance: the Message-ID comes from the
operation's key, by which a draft is found again after a crash, and so do the MIME boundaries.
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from email.charset import QP, Charset
from email.encoders import encode_base64
from email.generator import BytesGenerator
from email.header import Header
from email.message import Message
from email.mime.base import MIMEBase
from email.mime.multipart import MIMEMultipart
from email.mime.nonmultipart import MIMENonMultipart
from email.policy import compat32
from email.utils import formataddr, formatdate
from io import BytesIO
from mimetypes import guess_type
from pathlib import Path

from m2agent.errors import ToolFailed
from m2agent_connectors.mail.address import Address, without, written
from m2agent_connectors.mail.body import whole
from m2agent_connectors.mail.clean import file_name, one_line, shown
from m2agent_connectors.mail.lines import minute, size
from m2agent_connectors.mail.markup import as_markdown
from m2agent_connectors.mail.message import Attachment, Mail, parse
from m2agent_connectors.mail.quotes import FORWARDED

LARGEST = 25_000_000
"""The most bytes of attachments that mail servers commonly take."""

_KNOWN_REFERENCES = 20
_RE = re.compile(r"\s*re\s*:", re.IGNORECASE)
_FWD = re.compile(r"\s*fwd?\s*:", re.IGNORECASE)
_TYPE = re.compile(r"[a-z0-9][a-z0-9.+-]*/[a-z0-9][a-z0-9.+-]*")
_PLUMBING = {"mime-version", "content-type", "content-transfer-encoding", "message-id"}


@dataclass(frozen=True)
class Letter:
    """What a mail is to say. `in_reply_to` and `references` are ids without brackets."""

    sender: Address
    to: tuple[Address, ...] = ()
    cc: tuple[Address, ...] = ()
    bcc: tuple[Address, ...] = ()
    subject: str = ""
    body: str = ""
    attachments: tuple[Attachment, ...] = ()
    in_reply_to: str = ""
    references: tuple[str, ...] = ()


def message_id(key: str, sender: Address) -> str:
    """The Message-ID of what the operation `key` writes: always the same one."""
    name = key if re.fullmatch(r"[A-Za-z0-9._-]{1,80}", key) else _hash(key.encode())[:32]
    return f"m2a.{name}@{sender.address.rpartition('@')[2]}"


def letter_of(mail: Mail, sender: Address) -> Letter:
    """A stored draft as the letter it was written from."""
    html_only = mail.html and not mail.text
    return Letter(
        mail.sender or sender,
        mail.to,
        mail.cc,
        mail.bcc,
        mail.subject,
        as_markdown(mail.html)[0] if html_only else mail.text.replace("\r\n", "\n"),
        mail.attachments,
        mail.in_reply_to,
        mail.references,
    )


def reply(original: Mail, sender: Address, *, everyone: bool) -> Letter:
    """An empty answer: to whom it goes, its subject, its place in the thread."""
    mine = original.sender is not None and original.sender.same(sender)
    back = original.to if mine else original.reply_to or _maybe(original.sender)
    to = without([*back, *(original.to if everyone else ())], [sender])
    cc = without(original.cc if everyone else (), [sender, *to])
    known = original.references or ((original.in_reply_to,) if original.in_reply_to else ())
    if original.message_id:
        known = (*known, original.message_id)
    references = tuple(dict.fromkeys(known))
    if len(references) > _KNOWN_REFERENCES:
        references = (references[0], *references[1 - _KNOWN_REFERENCES :])
    subject = original.subject if _RE.match(original.subject) else f"Re: {original.subject}"
    return Letter(
        sender,
        to=tuple(person for person in to if person.valid),
        cc=tuple(person for person in cc if person.valid),
        subject=subject,
        in_reply_to=original.message_id,
        references=references,
    )


def forward(original: Mail, sender: Address) -> Letter:
    """The original's words and files, to be sent on; the body is what stands below one's own."""
    head = [
        FORWARDED,
        f"From: {original.sender or 'unknown'}",
        f"Date: {minute(original.date) if original.date is not None else 'unknown'}",
        f"Subject: {original.subject}",
        f"To: {_list(original.to)}",
    ]
    said, _ = whole(original)
    subject = original.subject if _FWD.match(original.subject) else f"Fwd: {original.subject}"
    files = tuple(file for file in original.attachments if not file.inline)
    return Letter(sender, subject=subject, body="\n".join([*head, "", said]), attachments=files)


def filled(
    letter: Letter,
    *,
    to: Sequence[str] | None,
    cc: Sequence[str] | None,
    bcc: Sequence[str] | None,
    subject: str | None,
    body: str | None,
    files: Sequence[Attachment] | None,
    adding: bool,
) -> Letter:
    """The letter with what is given; None leaves a part as it is.

    With `adding`, people and files join those that are there, as in a reply. A forwarded mail
    stays below a new body. Raises ToolFailed for what is no address.
    """

    def people(given: Sequence[str] | None, known: tuple[Address, ...]) -> tuple[Address, ...]:
        if given is None:
            return known
        new = [written(text) for text in given]
        return tuple(without([*known, *new] if adding else new, ()))

    below = letter.body.find(FORWARDED)
    rest = f"\n\n{letter.body[below:]}" if below >= 0 else ""
    known_files = letter.attachments if adding or files is None else ()
    return replace(
        letter,
        to=people(to, letter.to),
        cc=people(cc, letter.cc),
        bcc=people(bcc, letter.bcc),
        subject=letter.subject if subject is None else one_line(subject, 900),
        body=letter.body if body is None else (shown(body).strip("\n") + rest).lstrip("\n"),
        attachments=(*known_files, *(files or ())),
    )


def attached(path: Path) -> Attachment:
    """A file of the work folder as an attachment. Raises ToolFailed if it cannot be one."""
    try:
        if not path.is_file():
            raise ToolFailed(f"There is no file {path.name!r} there to attach.")
        if path.stat().st_size > LARGEST:
            raise ToolFailed(
                f"{path.name!r} has {size(path.stat().st_size)}; "
                f"mails carry at most {size(LARGEST)}."
            )
        data = path.read_bytes()
    except OSError as error:
        raise ToolFailed(f"{path.name!r} cannot be read: {error.strerror}.") from error
    kind, encoding = guess_type(path.name)
    kind = kind if kind and not encoding else "application/octet-stream"
    return Attachment(file_name(path.name, "attachment"), kind, data)


def built(letter: Letter, *, id: str, date: float) -> bytes:
    """The mail as bytes: plain text as written, the same as HTML, and the attachments.

    Raises ToolFailed for more than mail servers take, and for people who cannot be written to.
    """
    total = sum(len(attachment.data) for attachment in letter.attachments)
    if total > LARGEST:
        raise ToolFailed(
            f"The attachments have {size(total)}; mails carry at most {size(LARGEST)}. "
            "Attach fewer, or smaller ones."
        )
    for person in (letter.sender, *letter.to, *letter.cc, *letter.bcc):
        if not person.valid:
            raise ToolFailed(f"{one_line(person.address, 80)!r} is no mail address. Give another.")
    charset = Charset("utf-8")
    charset.body_encoding = QP
    text = letter.body.rstrip("\n") + "\n"
    bodies = MIMEMultipart("alternative", f"m2a-body-{_hash(id.encode())[:24]}")
    bodies.attach(_text(text, "plain", charset))
    bodies.attach(_text(as_html(text), "html", charset))
    message: Message = bodies
    if letter.attachments:
        message = MIMEMultipart("mixed", f"m2a-files-{_hash(id.encode())[:24]}")
        message.attach(bodies)
        for attachment in letter.attachments:
            message.attach(_file(attachment))
    content_type = message["Content-Type"]
    del message["Content-Type"], message["MIME-Version"]
    for name, value in _headers(letter, id, date):
        message[name] = value
    message["Content-Type"] = content_type
    out = BytesIO()
    policy = compat32.clone(linesep="\r\n", max_line_length=0)  # headers are folded already
    BytesGenerator(out, mangle_from_=False, policy=policy).flatten(message)
    return out.getvalue()


def as_html(text: str) -> str:
    """Markdown, or plain text, as HTML that holds no markup but our own."""
    from markdown_it import MarkdownIt

    markdown = MarkdownIt("commonmark", {"html": False, "breaks": True})
    return markdown.enable("table").disable(["code", "image"]).render(text)


def preview(raw: bytes) -> str:
    """A mail to be sent, in full, for the person who is asked."""
    mail = parse(raw)
    lines = [f"{name}: {value}" for name, value in mail.headers if name.lower() not in _PLUMBING]
    lines += ["", shown(mail.text).strip("\n")]
    if has_own_html(mail):
        lines += ["", "--- The HTML part says:", as_markdown(mail.html)[0]]
    if mail.attachments:
        lines += ["", "--- Attachments:"]
    lines += [
        f"{file.name}  {file.type}  {len(file.data):,} bytes  sha256 {_hash(file.data)}"
        for file in mail.attachments
    ]
    return "\n".join(lines)


def has_own_html(mail: Mail) -> bool:
    """Whether the HTML part is not just the text as `built` makes it."""
    return mail.html.replace("\r\n", "\n") != as_html(mail.text.replace("\r\n", "\n"))


def _headers(letter: Letter, id: str, date: float) -> list[tuple[str, str]]:
    fields: list[tuple[str, str]] = [("From", _written([letter.sender]))]
    for name, people in (("To", letter.to), ("Cc", letter.cc), ("Bcc", letter.bcc)):
        if people:
            fields.append((name, _written(people)))
    fields += [
        ("Subject", _encoded(one_line(letter.subject, 900))),
        ("Date", formatdate(date, usegmt=True)),
        ("Message-ID", f"<{id}>"),
        ("MIME-Version", "1.0"),
    ]
    if letter.in_reply_to:
        fields.append(("In-Reply-To", f"<{letter.in_reply_to}>"))
    if letter.references:
        fields.append(("References", "\n ".join(f"<{known}>" for known in letter.references)))
    return fields


def _written(people: Sequence[Address]) -> str:
    return ",\n ".join(formataddr((person.name, person.address)) for person in people)


def _encoded(text: str) -> str:
    return (
        text
        if text.isascii() and "=?" not in text
        else Header(text, "utf-8", header_name="Subject").encode()
    )


def _text(text: str, kind: str, charset: Charset) -> Message:
    part = MIMENonMultipart("text", kind)
    del part["MIME-Version"]
    part.set_payload(text, charset)
    del part["MIME-Version"]
    return part


def _file(attachment: Attachment) -> Message:
    main, _, sub = attachment.type.partition("/")
    if main in ("message", "multipart") or not _TYPE.fullmatch(attachment.type):
        main, sub = "application", "octet-stream"
    part = MIMEBase(main, sub)
    part.set_payload(attachment.data)
    encode_base64(part)
    del part["MIME-Version"]
    name = file_name(attachment.name, "attachment")
    part.add_header(
        "Content-Disposition",
        "attachment",
        filename=name if name.isascii() else ("utf-8", "", name),
    )
    return part


def _maybe(sender: Address | None) -> tuple[Address, ...]:
    return (sender,) if sender else ()


def _list(people: Sequence[Address]) -> str:
    return ", ".join(map(str, people)) or "nobody"


def _hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
