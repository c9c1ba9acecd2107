"""Mail as bytes: bodies in any charset and encoding, attachments, headers, mbox.

Written by hand rather than with `email`, whose folding changes between versions of Python: an
office is the same bytes everywhere. And it has to be able to write what is wrong.
"""

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Encoding = Literal["7bit", "8bit", "quoted-printable", "base64"]

_SPECIALS = set('()<>@,;:\\".[]')


@dataclass(frozen=True)
class Leaf:
    """A body or an attachment, before it is encoded."""

    type: str
    content: bytes
    encoding: Encoding = "base64"
    name: str = ""
    inline: bool = False
    id: str = ""


@dataclass(frozen=True)
class Multi:
    """Several parts as one: "mixed", "alternative", "related"."""

    subtype: str
    parts: Sequence["Entity"]


Entity = Leaf | Multi


def text(
    content: str,
    *,
    subtype: str = "plain",
    charset: str = "utf-8",
    encoding: Encoding = "quoted-printable",
    declared: str | None = None,
) -> Leaf:
    """A text body; what the charset lacks falls back to UTF-8. `declared` may lie about it."""
    try:
        body = content.encode(charset)
    except UnicodeEncodeError:
        charset, body = "utf-8", content.encode()
    if encoding == "7bit" and not body.isascii():
        encoding = "8bit"
    return Leaf(f'text/{subtype}; charset="{declared or charset}"', body, encoding)


def mixed(body: Entity, attachments: Sequence[Leaf]) -> Entity:
    """The body with its attachments; alone where there are none."""
    return Multi("mixed", (body, *attachments)) if attachments else body


def render(headers: Sequence[tuple[str, str]], entity: Entity, seed: str) -> bytes:
    """A whole mail, with LF line ends; `seed` makes its boundaries its own."""
    head = "".join(f"{name}: {value}\n" for name, value in headers)
    return f"{head}MIME-Version: 1.0\n".encode("utf-8", "surrogateescape") + _entity(entity, seed)


def word(value: str, charset: str = "utf-8") -> str:
    """A header's text: as it is where it is ASCII, else in encoded words (RFC 2047)."""
    if value.isascii() and len(value) < 900:
        return value
    try:
        value.encode(charset)
    except UnicodeEncodeError:
        charset = "utf-8"
    chunks: list[str] = []
    chunk = ""
    for char in value:
        if len(_encoded(chunk + char, charset)) > 75:
            chunks.append(chunk)
            chunk = ""
        chunk += char
    return "\n ".join(_encoded(c, charset) for c in (*chunks, chunk) if c)


def mailbox(name: str, address: str, charset: str = "utf-8") -> str:
    """An address with its name, quoted or encoded where it must be."""
    if not name:
        return address
    if name.isascii():
        shown = f'"{name}"' if _SPECIALS & set(name) else name
        return f"{shown} <{address}>"
    return f"{word(name, charset)} <{address}>"


def _encoded(chunk: str, charset: str) -> str:
    data = chunk.encode(charset)
    if sum(b < 128 for b in data) * 2 > len(data):
        safe = "".join(
            "_" if b == 32 else chr(b) if chr(b).isalnum() and b < 128 else f"={b:02X}"
            for b in data
        )
        return f"=?{charset}?Q?{safe}?="
    return f"=?{charset}?B?{base64.b64encode(data).decode()}?="


def _entity(entity: Entity, seed: str) -> bytes:
    match entity:
        case Leaf():
            return _leaf(entity)
        case Multi(subtype, parts):
            boundary = f"_{len(parts)}_{seed}"
            out = [f'Content-Type: multipart/{subtype}; boundary="{boundary}"\n\n'.encode()]
            for number, part in enumerate(parts):
                out += [f"--{boundary}\n".encode(), _entity(part, f"{seed}.{number}"), b"\n"]
            return b"".join((*out, f"--{boundary}--\n".encode()))


def _leaf(leaf: Leaf) -> bytes:
    kind = leaf.type
    lines: list[str] = []
    if leaf.name:
        kind += f"; {_parameter('name', leaf.name)}"
        way = "inline" if leaf.inline else "attachment"
        lines.append(f"Content-Disposition: {way}; {_parameter('filename', leaf.name)}")
    if leaf.id:
        lines.append(f"Content-ID: <{leaf.id}>")
    head = [f"Content-Type: {kind}", *lines]
    if not kind.startswith("message/"):
        head.append(f"Content-Transfer-Encoding: {leaf.encoding}")
    return "\n".join((*head, "", "")).encode() + _content(leaf)


def _content(leaf: Leaf) -> bytes:
    match leaf.encoding:
        case "base64":
            flat = base64.b64encode(leaf.content)
            return b"".join(flat[i : i + 76] + b"\n" for i in range(0, len(flat), 76))
        case "quoted-printable":
            return binascii.b2a_qp(leaf.content, istext=True) + b"\n"
        case "7bit" | "8bit":
            return leaf.content.rstrip(b"\n") + b"\n"


def _parameter(name: str, value: str) -> str:
    if value.isascii():
        return f'{name}="{value}"'
    escaped = "".join(
        chr(b) if b < 128 and (chr(b).isalnum() or chr(b) in "-_.") else f"%{b:02X}"
        for b in value.encode()
    )
    return f"{name}*=utf-8''{escaped}"
