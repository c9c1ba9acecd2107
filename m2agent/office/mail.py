"""One mail as somebody would write it: in their voice, with what they quote, as bytes."""

import html
import random
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from m2agent.office import mime, workdays
from m2agent.office.cast import Person, Voice
from m2agent.office.mime import Entity, Leaf
from m2agent.office.prose import paragraphs


@dataclass(frozen=True)
class Mail:
    """A mail of the office. `id` is its Message-ID without brackets, `text` what it says."""

    id: str
    at: datetime
    sender: Person
    to: tuple[Person, ...]
    cc: tuple[Person, ...]
    subject: str
    text: str
    entity: Entity
    labels: tuple[str, ...]
    thread: str
    references: tuple[str, ...] = ()
    headers: tuple[tuple[str, str], ...] = ()

    def render(self) -> bytes:
        """The mail as it would have arrived."""
        charset = self.sender.voice.charset
        subject = (("Subject", mime.word(self.subject, charset)),) if self.subject else ()
        chain = "\n ".join(f"<{id}>" for id in self.references)
        threading = (
            (("In-Reply-To", f"<{self.references[-1]}>"), ("References", chain)) if chain else ()
        )
        headers = (
            ("From", _address(self.sender)),
            ("To", ",\n ".join(map(_address, self.to))),
            *((("Cc", ",\n ".join(map(_address, self.cc))),) if self.cc else ()),
            *subject,
            ("Date", workdays.stamp(self.at)),
            ("Message-ID", f"<{self.id}>"),
            *threading,
            *self.headers,
        )
        return mime.render(headers, self.entity, self.id.partition("@")[0])


def compose(
    rng: random.Random,
    *,
    at: datetime,
    sender: Person,
    to: Sequence[Person],
    subject: str = "",
    body: str,
    cc: Sequence[Person] = (),
    answers: Mail | None = None,
    labels: Sequence[str] = (),
    attachments: Sequence[Leaf] = (),
    page: str | None = None,
    bare: bool = False,
    forwards: bool = False,
    headers: Sequence[tuple[str, str]] = (),
) -> Mail:
    """Put a text into its sender's voice; `bare` is a text that greets and signs for itself.

    `page` stands for the text in the HTML of a mail that is HTML only.
    """
    voice = sender.voice if page is None else replace(sender.voice, form="html")
    top = [] if bare else [_hello(voice, to)]
    middle = paragraphs(body)
    end = [] if bare else [_bye(sender)]
    said = "\n\n".join(_wrapped(p) if voice.wrap else p for p in (*top, *middle, *end))
    quoted = "" if answers is None else _quoted(answers, voice, forwards)
    whole = f"{said}\n\n{quoted}" if quoted else said
    document = _document(
        _marked_up(top), page or _marked_up(middle), _marked_up(end), _block(quoted)
    )
    return Mail(
        id=message_id(rng, sender),
        at=at,
        sender=sender,
        to=tuple(to),
        cc=tuple(cc),
        subject=subject if answers is None else _again(answers.subject, forwards),
        text=whole,
        entity=mime.mixed(_body(voice, whole, document), attachments),
        labels=tuple(labels),
        thread=answers.thread if answers else f"{rng.getrandbits(60)}",
        references=(*answers.references, answers.id) if answers else (),
        headers=tuple(headers),
    )


def message_id(rng: random.Random, sender: Person) -> str:
    """A new Message-ID in one of the forms that mail programs use."""
    host = sender.address.partition("@")[2]
    bits = f"{rng.getrandbits(96):024x}"
    forms = (
        f"CA+{bits[:22]}@mail.{host}",
        f"{bits[:8]}-{bits[8:12]}-{bits[12:16]}-{bits[16:]}@{host}",
        f"{bits[:16].upper()}@{host}",
        f"{int(bits[:12], 16)}.{int(bits[12:18], 16)}@{host}",
    )
    return rng.choice(forms)


def mbox(mails: Iterable[Mail]) -> bytes:
    """All mails in one file, as Google Takeout writes it: thread and labels in X headers."""
    out: list[bytes] = []
    for mail in sorted(mails, key=lambda m: (m.at, m.id)):
        labels = mime.word(",".join(mail.labels))
        number = int(mail.thread) % 10**19
        out.append(
            f"From {number}@xxx {workdays.asctime(mail.at)}\n"
            f"X-GM-THRID: {number}\nX-Gmail-Labels: {labels}\n".encode()
        )
        for line in mail.render().splitlines(keepends=True):
            out.append(b">" + line if line.lstrip(b">").startswith(b"From ") else line)
        out.append(b"\n")
    return b"".join(out)


def _body(voice: Voice, plain: str, page: str) -> Entity:
    letter = mime.text(plain, charset=voice.charset, encoding=voice.encoding)
    hyper = mime.text(page, subtype="html", charset=voice.charset, encoding=voice.encoding)
    match voice.form:
        case "plain":
            return letter
        case "both":
            return mime.Multi("alternative", (letter, hyper))
        case "html":
            return hyper


def _address(person: Person) -> str:
    return mime.mailbox(person.name, person.address, person.voice.charset)


def _hello(voice: Voice, to: Sequence[Person]) -> str:
    who = {1: to[0].first, 2: "both"}.get(len(to), "all")
    hello = voice.hello.format(to=who)
    return hello[0].upper() + hello[1:]


def _bye(sender: Person) -> str:
    return sender.voice.bye.format(
        first=sender.first,
        last=sender.last,
        name=sender.name,
        role=sender.role,
        firm=sender.firm,
        phone=sender.phone,
    )


def _wrapped(block: str) -> str:
    if "\n" in block or block.startswith("  "):
        return block
    return textwrap.fill(block, 72, break_on_hyphens=False, break_long_words=False)


def _again(subject: str, forwards: bool) -> str:
    mark = "Fwd: " if forwards else "Re: "
    return subject if subject.startswith(mark) else mark + subject


def _quoted(mail: Mail, voice: Voice, forwards: bool) -> str:
    names = ", ".join(p.name for p in mail.to)
    if forwards:
        return (
            "---------- Forwarded message ---------\n"
            f"From: {mail.sender.name} <{mail.sender.address}>\n"
            f"Date: {workdays.spoken(mail.at)}\nSubject: {mail.subject}\nTo: {names}\n\n"
            f"{mail.text}"
        )
    match voice.quotes:
        case "none":
            return ""
        case "outlook":
            return (
                f"-----Original Message-----\nFrom: {mail.sender.name} <{mail.sender.address}>\n"
                f"Sent: {workdays.spoken(mail.at)}\nTo: {names}\nSubject: {mail.subject}\n\n"
                f"{mail.text}"
            )
        case "below":
            lines = "\n".join(f"> {line}".rstrip() for line in mail.text.split("\n"))
            who = f"{mail.sender.name} <{mail.sender.address}>"
            return f"On {workdays.spoken(mail.at)}, {who} wrote:\n\n{lines}"


def _document(*blocks: str) -> str:
    return (
        '<html><head><meta http-equiv="Content-Type" content="text/html">'
        "<style>p{margin:0 0 1em;font-family:Calibri,Arial,sans-serif;font-size:11pt}</style>"
        f"</head>\n<body>\n{''.join(blocks)}</body></html>\n"
    )


def _marked_up(blocks: Sequence[str]) -> str:
    return "".join(f"<p>{_breaks(block)}</p>\n" for block in blocks)


def _block(quoted: str) -> str:
    return f'<blockquote class="quoted">{_breaks(quoted)}</blockquote>\n' if quoted else ""


def _breaks(text: str) -> str:
    return html.escape(text, quote=False).replace("\n", "<br>\n")
