"""Mails out of files as other programs keep them: mbox, Maildir, .eml, and folders of these.

Files are read in pieces, so that memory holds one mail at a time, whatever a file claims to be.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from email.utils import mktime_tz, parsedate_tz
from io import BufferedIOBase
from pathlib import Path

from m2agent_connectors.mail.clean import one_line

LARGEST = 64_000_000
"""Bytes of one mail that are kept; what is beyond them is cut off."""

_LINE = 65_536
_FROM = re.compile(rb"From (?:.*\d{1,2}:\d{2}|\S+@\S+\s*$|-\s|MAILER-DAEMON)")
_DAY = re.compile(rb"\b(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)\b.*")
_QUOTED_FROM = re.compile(rb">+From ")
_HEADER = re.compile(rb"[!-9;-~]{1,100}[ \t]*:")
_PACKED = {
    b"PK\x03\x04": "It is a ZIP archive: unpack it first.",
    b"\x1f\x8b": "It is compressed: unpack it first.",
    b"\xd0\xcf\x11\xe0": "It is an Outlook file: save the mail as .eml first.",
    b"!BDN": "It is an Outlook archive: export it as mbox or .eml first.",
}
_FLAGS = {"F": "STARRED", "T": "TRASH", "D": "DRAFT"}


@dataclass(frozen=True)
class Found:
    """A mail as it lay there.

    `folder` is what holds it, `labels` what its program says of it, and `date` when the file says
    it came, for mails that do not say.
    """

    name: str
    raw: bytes
    folder: str = ""
    labels: frozenset[str] = frozenset()
    date: float | None = None
    cut: bool = False


@dataclass(frozen=True)
class Skipped:
    name: str
    why: str


def mails(path: Path) -> Iterator[Found | Skipped]:
    """Everything at or below `path`, in a fixed order. What cannot be read is named and left."""
    if path.is_dir():
        yield from _folder(path)
    elif path.is_file():
        yield from _file(path, path.name)
    else:
        yield Skipped(path.name, "There is no such file or folder.")


def _folder(top: Path) -> Iterator[Found | Skipped]:
    todo = [top]
    while todo:
        folder = todo.pop()
        try:
            entries = sorted(folder.iterdir())
        except OSError as error:
            yield Skipped(folder.name, f"It cannot be read: {error.strerror}.")
            continue
        maildir = {"cur", "new"} <= {entry.name for entry in entries}
        if maildir:
            yield from _maildir(folder)
        for entry in entries:
            name = str(entry.relative_to(top))
            if entry.is_symlink():
                yield Skipped(name, "It is a link; give the place it leads to.")
            elif entry.is_file() and not maildir and not entry.name.startswith("."):
                yield from _file(entry, name)
        inside = ("cur", "new", "tmp") if maildir else ()
        todo += [e for e in reversed(entries) if _is_folder(e) and e.name not in inside]


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()


def _maildir(folder: Path) -> Iterator[Found | Skipped]:
    """A Maildir's mails with their flags; a folder within it (".Projects") is a label."""
    name = folder.name.rpartition(".")[2]
    inner = {name} if folder.name.startswith(".") else set[str]()
    for part in ("new", "cur"):
        for path in sorted((folder / part).iterdir()):
            where = f"{folder.name}/{part}/{path.name}"
            if path.is_symlink() or not path.is_file():
                yield Skipped(where, "It is no file.")
                continue
            flags = path.name.rpartition(":2,")[2] if ":2," in path.name else ""
            labels = inner | {label for flag, label in _FLAGS.items() if flag in flags}
            labels |= set() if "S" in flags else {"UNREAD"}
            for found in _file(path, where):
                if isinstance(found, Found):
                    found = replace(found, folder=name, labels=frozenset(labels))
                yield found


def _file(path: Path, name: str) -> Iterator[Found | Skipped]:
    name = one_line(name, 200)
    try:
        with path.open("rb") as file:
            yield from _contents(file, path, name)
    except OSError as error:
        yield Skipped(name, f"It cannot be read: {error.strerror}.")


def _contents(file: BufferedIOBase, path: Path, name: str) -> Iterator[Found | Skipped]:
    start = file.read(4_096)
    file.seek(0)
    packed = next((why for magic, why in _PACKED.items() if start.startswith(magic)), None)
    if not start:
        yield Skipped(name, "It is empty.")
    elif packed:
        yield Skipped(name, packed)
    elif start.startswith(b"From "):
        for number, found in enumerate(_mbox(file), 1):
            yield replace(found, name=f"{name}, mail {number}", folder=path.stem)
    elif not _HEADER.match(start.lstrip(b"\r\n\xef\xbb\xbf")):
        yield Skipped(name, "It does not begin as a mail does.")
    else:
        raw = file.read(LARGEST + 1)
        date = path.stat().st_mtime
        yield Found(name, raw[:LARGEST], date=date, cut=len(raw) > LARGEST)


def _mbox(file: BufferedIOBase) -> Iterator[Found]:
    """The mails of an mbox. A "From " line counts after an empty one, if it looks like one."""
    raw = bytearray()
    size = 0
    date: float | None = None
    begun = False
    fresh = after_blank = True
    while line := file.readline(_LINE):
        if fresh and after_blank and (_FROM.match(line) or not begun):
            if begun:
                yield Found("", bytes(raw), date=date, cut=size > LARGEST)
            raw, size, date, begun = bytearray(), 0, _date(line), True
        else:
            if fresh and _QUOTED_FROM.match(line):
                line = line[1:]
            raw += line[: max(LARGEST - size, 0)]
            size += len(line)
        after_blank = fresh and line in (b"\n", b"\r\n")
        fresh = line.endswith(b"\n")
    yield Found("", bytes(raw), date=date, cut=size > LARGEST)


def _date(line: bytes) -> float | None:
    """The time in a line such as "From ann@x.example Sat Nov 21 09:12:00 2026"."""
    match = _DAY.search(line[:200])
    try:
        fields = parsedate_tz(match.group().decode("ascii", "replace")) if match else None
        return float(mktime_tz(fields)) if fields else None
    except (ValueError, OverflowError, TypeError, IndexError):
        return None
