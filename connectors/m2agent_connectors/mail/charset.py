"""Bytes of mails as text, whatever the mail says about their encoding. Never fails."""

import codecs
import re
from email.errors import HeaderParseError
from email.header import decode_header

# What mails call an encoding, and the superset that decodes what they really contain.
_MEANT = {
    "us-ascii": "utf-8",
    "ascii": "utf-8",
    "iso-8859-1": "cp1252",
    "latin-1": "cp1252",
    "iso-8859-8-i": "iso-8859-8",
    "iso-8859-9": "cp1254",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "ks_c_5601-1987": "cp949",
    "euc-kr": "cp949",
    "x-sjis": "cp932",
    "shift_jis": "cp932",
    "windows-31j": "cp932",
    "tis-620": "cp874",
}
# Codecs of Python's that are no encodings of mail: slow, or with warnings of their own.
_NOT_MEANT = {"punycode", "idna", "unicode-escape", "raw-unicode-escape"}
_ENCODED_WORD = re.compile(r"=\?[^?\s]{1,60}\?[bBqQ]\?")


def decoded(data: bytes, charset: str = "") -> str:
    """The text of `data`; what cannot be decoded becomes U+FFFD."""
    codec = _codec(charset)
    for name in (codec, "utf-8"):
        try:
            return data.decode(name)
        except ValueError:
            continue
    return data.decode("cp1252" if codec == "utf-8" else codec, "replace")


def _codec(charset: str) -> str:
    name = charset.strip().strip("'\"").lower()
    name = _MEANT.get(name, name)
    try:
        "a".encode(name)  # refuses codecs such as base64
        known = codecs.lookup(name).name not in _NOT_MEANT
    except (LookupError, ValueError):
        known = False
    return name if known else "utf-8"


def header_text(value: str) -> str:
    """A header's value with its encoded words decoded; `value` as the email package parsed it."""
    if not value.isascii():
        value = decoded(value.encode("utf-8", "surrogateescape"))
    if not _ENCODED_WORD.search(value):
        return value
    try:
        chunks = decode_header(value)
    except (HeaderParseError, ValueError):
        return value
    text = ""
    for chunk, charset in chunks:
        text += chunk if isinstance(chunk, str) else decoded(chunk, charset or "")
    return text or value
