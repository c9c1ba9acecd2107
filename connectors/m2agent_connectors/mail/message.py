"""A mail, read from its bytes. Whatever the bytes are, the result is a mail.

The standard library's parser does the work; what is here keeps hostile mails from using it up
(headers of a megabyte, a thousand nested parts) and makes plain values of what it finds.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from email import message_from_bytes
from email.errors import MessageError
from email.message import Message
from email.parser import BytesHeaderParser
from email.policy import Compat32
from email.utils import mktime_tz, parsedate_tz
from itertools import islice
from typing import cast

from m2agent_connectors.mail.address import Address, addresses
from m2agent_connectors.mail.charset import decoded, header_text
from m2agent_connectors.mail.clean import file_name, one_line

_HEADER_LIMIT = 64_000
_MIME_HEADER_LIMIT = 2_000
_HEADERS = 1_000
_LINES = 1_500_000
_PARTS = 5_000
_DEPTH = 60
_YEAR_2100 = 4_102_444_800
_UNREADABLE = (
    LookupError,
    ValueError,
    TypeError,
    AttributeError,
    RecursionError,
    MessageError,
)
"""What the standard library raises on mails that it cannot read, or not write down again."""
_MESSAGE_ID = re.compile(r"<([^<>\s]{1,1000})>")
_EXTENSIONS = {"text/calendar": ".ics", "message/rfc822": ".eml", "text/plain": ".txt"}


@dataclass(frozen=True)
class Attachment:
    """A file in a mail. An `inline` one is a picture that the text itself shows."""

    name: str
    type: str
    data: bytes
    inline: bool = False


@dataclass(frozen=True)
class Mail:
    """A mail as values. `date` is seconds since 1970, UTC, or None where the mail does not say.

    Ids are without angle brackets. `headers` are all of them, decoded, in their order; `problems`
    says in words what is wrong with the mail.
    """

    message_id: str
    date: float | None
    sender: Address | None
    reply_to: tuple[Address, ...]
    to: tuple[Address, ...]
    cc: tuple[Address, ...]
    bcc: tuple[Address, ...]
    subject: str
    in_reply_to: str
    references: tuple[str, ...]
    text: str
    html: str
    attachments: tuple[Attachment, ...]
    headers: tuple[tuple[str, str], ...]
    problems: tuple[str, ...]

    def header(self, name: str) -> str:
        """The first header of that name, or ""."""
        wanted = name.lower()
        return next((value for key, value in self.headers if key.lower() == wanted), "")


class _Short(Compat32):
    """Cuts headers as they are read: the parser's time grows with the square of their length."""

    def header_source_parse(self, sourcelines: Sequence[str]) -> tuple[str, str]:
        name, value = super().header_source_parse(list(sourcelines))
        limit = _MIME_HEADER_LIMIT if name.lower().startswith("content-") else _HEADER_LIMIT
        return name, value[:limit]


def parse(raw: bytes) -> Mail:
    """Read a mail. Never fails: what cannot be read is left out, and named in `problems`."""
    problems: list[str] = []
    message = _tree(raw, problems)
    raw_headers = list(islice(message.raw_items(), _HEADERS))
    headers = tuple((one_line(n, 100), one_line(header_text(v))) for n, v in raw_headers)
    fields: dict[str, str] = {}
    for name, value in raw_headers:
        fields.setdefault(name.lower(), value)
    text, html, attachments = _contents(message, problems)
    sender = addresses(fields.get("from", "")) or addresses(fields.get("sender", ""))
    date = _date(fields.get("date", ""))
    if date is None:
        problems.append("no date that can be read")
    if not sender:
        problems.append("no sender")
    return Mail(
        message_id=_own_id(fields.get("message-id", "")),
        date=date,
        sender=sender[0] if sender else None,
        reply_to=tuple(addresses(fields.get("reply-to", ""))),
        to=tuple(addresses(fields.get("to", ""))),
        cc=tuple(addresses(fields.get("cc", ""))),
        bcc=tuple(addresses(fields.get("bcc", ""))),
        subject=one_line(header_text(fields.get("subject", "")), 1_000),
        in_reply_to=next(iter(_ids(fields.get("in-reply-to", ""))), ""),
        references=tuple(dict.fromkeys(_ids(fields.get("references", "")))),
        text=text,
        html=html,
        attachments=attachments,
        headers=headers,
        problems=tuple(dict.fromkeys(problems)),
    )


def _tree(raw: bytes, problems: list[str]) -> Message:
    """The mail as the standard library reads it, in one piece where it has too many."""
    if raw.count(b"\n") <= _LINES and raw.count(b"\n--") <= _PARTS:
        try:
            return message_from_bytes(raw, policy=_Short())
        except _UNREADABLE:
            pass
    problems.append("too many parts or broken ones, shown as one text")
    blank = b"\r\n\r\n" if b"\r\n\r\n" in raw[:_HEADER_LIMIT] else b"\n\n"
    head, _, body = raw.partition(blank)
    message = BytesHeaderParser(policy=_Short()).parsebytes(head[:_HEADER_LIMIT] + blank)
    for name in ("Content-Type", "Content-Transfer-Encoding", "Content-Disposition"):
        del message[name]
    message.set_payload(body[:_HEADER_LIMIT].decode("ascii", "surrogateescape"))
    return message


def _contents(message: Message, problems: list[str]) -> tuple[str, str, tuple[Attachment, ...]]:
    texts: list[str] = []
    pages: list[str] = []
    attachments: list[Attachment] = []
    for part in _leaves(message):
        if part.defects:
            problems.append("damaged parts: " + type(part.defects[0]).__name__)
        kind = part.get_content_type()
        named = _parameter(part, "filename", "content-disposition") or _parameter(part, "name")
        disposition = str(part.get("content-disposition", "")).strip().lower()
        attached = disposition.startswith("attachment") or bool(named)
        if kind in ("text/plain", "text/html") and not attached:
            text = decoded(_data(part), _parameter(part, "charset"))
            if kind == "text/html":
                pages.append(text)
            else:
                flowed = _parameter(part, "format").lower() == "flowed"
                texts.append(_unflowed(text) if flowed else text)
        elif not kind.startswith("multipart/"):
            number = len(attachments) + 1
            instead = f"attachment-{number}{_EXTENSIONS.get(kind, '.bin')}"
            inline = bool(part.get("content-id")) and not disposition.startswith("attachment")
            attachments.append(
                Attachment(
                    file_name(header_text(named), instead),
                    one_line(kind, 100),
                    _data(part),
                    inline and kind.startswith("image/"),
                )
            )
    return "\n\n".join(texts), "\n<hr>\n".join(pages), tuple(attachments)


def _leaves(message: Message) -> Iterator[Message]:
    """The parts that hold something, in their order; a mail within a mail is one of them."""
    todo = [(message, 0)]
    while todo:
        part, depth = todo.pop()
        parts = _children(part)
        if part.get_content_maintype() == "multipart" and parts and depth < _DEPTH:
            todo += [(child, depth + 1) for child in reversed(parts)]
        else:
            yield part


def _children(part: Message) -> list[Message]:
    """Only where there are any: of a text the library wants to know the charset first."""
    return cast(list[Message], part.get_payload()) if part.is_multipart() else []


def _data(part: Message) -> bytes:
    if children := _children(part):
        try:
            return b"\n".join(child.as_bytes() for child in children)
        except _UNREADABLE:
            return b""  # the library cannot write down again what it has read
    try:
        return cast(bytes | None, part.get_payload(decode=True)) or b""
    except _UNREADABLE:
        del part["Content-Transfer-Encoding"]
        return cast(bytes | None, part.get_payload(decode=True)) or b""


def _parameter(part: Message, name: str, header: str = "content-type") -> str:
    try:
        value = cast(object, part.get_param(name, "", header))
    except (LookupError, ValueError, TypeError):
        return ""
    if isinstance(value, tuple):  # RFC 2231: charset, language, text
        charset, _, text = cast(tuple[str | None, str | None, str], value)
        return decoded(text.encode("latin-1", "replace"), charset or "")
    return str(value)


def _unflowed(text: str) -> str:
    """Paragraphs of format=flowed on one line each (RFC 3676), quotes left as they are."""
    lines: list[str] = []
    for line in text.splitlines():
        soft = bool(lines) and lines[-1].endswith(" ") and lines[-1] != "-- "
        if soft and not line.startswith(">") and not lines[-1].startswith(">"):
            lines[-1] += line.removeprefix(" ")
        else:
            lines.append(line)
    return "\n".join(lines)


def _ids(value: str) -> list[str]:
    return [one_line(found) for found in _MESSAGE_ID.findall(value)]


def _own_id(value: str) -> str:
    """The Message-ID, also where somebody forgot the brackets."""
    found = _ids(value) or one_line(value, 1_000).split()
    return found[0] if found else ""


def _date(value: str) -> float | None:
    try:
        fields = parsedate_tz(value[:200])
        seconds = float(mktime_tz(fields)) if fields else None
    except (ValueError, OverflowError, TypeError, IndexError):
        return None
    return seconds if seconds is not None and 0 <= seconds < _YEAR_2100 else None
