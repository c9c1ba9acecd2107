"""What an attachment says, as text: PDF, tables, letters, and everything that is text already.

PDF, XLSX and DOCX are read by a process of its own (`mail.extract`), with little time and memory:
a stranger made the file, and may have made it to hang or to fill the machine.
"""

import os
import subprocess
import sys
from pathlib import PurePosixPath

from m2agent_connectors.mail.body import readable
from m2agent_connectors.mail.charset import decoded
from m2agent_connectors.mail.clean import shown
from m2agent_connectors.mail.markup import as_markdown
from m2agent_connectors.mail.message import Attachment, parse

_LONGEST = 400_000  # characters
_SECONDS = 30
_ENVIRONMENT = ("PATH", "PYTHONPATH", "SYSTEMROOT", "TMPDIR")  # no secrets among them
_BINARY = {
    ".pdf": "pdf",
    ".docx": "docx",
    ".xlsx": "sheets",
    ".xlsm": "sheets",
    ".xlsb": "sheets",
    ".xls": "sheets",
    ".ods": "sheets",
}
_BY_TYPE = {
    "application/pdf": "pdf",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "sheets",
    "application/vnd.ms-excel": "sheets",
    "application/vnd.oasis.opendocument.spreadsheet": "sheets",
}
_TEXT = {".csv", ".tsv", ".txt", ".md", ".json", ".xml", ".yaml", ".yml", ".ics", ".vcf", ".log"}


def text_of(attachment: Attachment, *, seconds: float = _SECONDS) -> str:
    """What it says; a note in brackets where it holds text that cannot be read; else empty."""
    suffix = PurePosixPath(attachment.name.lower()).suffix
    kind = _BINARY.get(suffix) or _BY_TYPE.get(attachment.type)
    if kind and not (kind == "sheets" and _is_csv(attachment, suffix)):
        return _cut(_extracted(kind, attachment.data, seconds))
    if attachment.type == "message/rfc822" or suffix == ".eml":
        mail = parse(attachment.data)
        return _cut(f"From: {mail.sender}\nSubject: {mail.subject}\n\n{readable(mail).text}")
    if attachment.type == "text/html" or suffix in (".html", ".htm"):
        return _cut(as_markdown(decoded(attachment.data[: 4 * _LONGEST]))[0])
    if attachment.type.startswith("text/") or suffix in _TEXT:
        return _cut(shown(decoded(attachment.data[: 4 * _LONGEST].removeprefix(b"\xef\xbb\xbf"))))
    return ""


def _is_csv(attachment: Attachment, suffix: str) -> bool:
    """Windows calls a CSV by Excel's type."""
    return suffix in _TEXT or attachment.type.startswith("text/")


def _extracted(kind: str, data: bytes, seconds: float) -> str:
    command = [sys.executable, "-P", "-m", "m2agent_connectors.mail.extract", kind]
    environment = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
    try:
        done = subprocess.run(
            command,
            input=data,
            capture_output=True,
            timeout=seconds,
            env=environment,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        return _so_far(error.output or b"", f"could not be read within {seconds:g} seconds")
    if not done.returncode:
        return shown(done.stdout.decode("utf-8", "replace"))
    if done.returncode < 0:  # it ran into its limits, and was killed by the system
        return _so_far(done.stdout, "cannot be read: it takes too much time or memory")
    words = done.stderr.decode("utf-8", "replace").strip().splitlines()
    why = shown(words[-1])[:200] if words else "it is damaged"
    return _so_far(done.stdout, f"cannot be read: {why}")


def _so_far(output: bytes, problem: str) -> str:
    """What was read before it went wrong, which is said first."""
    text = shown(output.decode("utf-8", "replace"))
    if not text.strip():
        return f"[its text {problem}]"
    return f"[not all of its text is here; the rest {problem}]\n{text}"


def _cut(text: str) -> str:
    text = "\n".join(line.rstrip() for line in text.splitlines()).strip("\n")
    if len(text) <= _LONGEST:
        return text
    return f"{text[:_LONGEST]}\n[{len(text) - _LONGEST:,} more characters are left out]"
