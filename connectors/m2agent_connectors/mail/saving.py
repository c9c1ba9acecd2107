"""Attachments into files of the work folder: whole or not at all, and never over another file.

What is saved is told with what it says, so that nobody needs a program to read it.
"""

import os
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from m2agent.durable import sync
from m2agent.errors import ToolFailed
from m2agent.events import Receipt
from m2agent.tool import Operation, Result
from m2agent_connectors.mail.contents import text_of
from m2agent_connectors.mail.lines import size
from m2agent_connectors.mail.message import Attachment, Mail


@dataclass(frozen=True)
class Saving:
    """An attachment, and the file that it is or will be."""

    attachment: Attachment
    path: Path
    name: str

    def happened(self) -> bool:
        """Whether the file is there, with exactly these bytes."""
        try:
            return self.path.is_file() and self.path.read_bytes() == self.attachment.data
        except OSError:
            return False

    def result(self) -> Result:
        """The file, and its text below. Takes a while: call it in a thread."""
        attachment = self.attachment
        said = text_of(attachment)
        data = {
            "path": self.name,
            "name": attachment.name,
            "type": attachment.type,
            "size": len(attachment.data),
            "sha256": sha256(attachment.data).hexdigest(),
            "text": said,
        }
        text = f"{self.name}  {attachment.type}  {size(len(attachment.data))}"
        text = f"{text}\n\n{said}" if said else text
        return Result(text, data, [Receipt("file", self.name)])


def saving(op: Operation, mail: Mail, name_or_index: str, path: str) -> Saving:
    """Find the attachment and its place. Raises ToolFailed for either that cannot be."""
    attachment = _chosen(mail, name_or_index)
    target = op.path(path or attachment.name)
    if path.endswith("/") or target.is_dir():
        target = op.path(f"{path or '.'}/{attachment.name}")
    return Saving(attachment, target, target.relative_to(op.work.resolve()).as_posix())


def save(wanted: Saving) -> Result:
    """Write the file, in a thread. Raises ToolFailed if another one is in its place."""
    if wanted.happened():
        return wanted.result()
    if wanted.path.exists():
        raise ToolFailed(f"There is a file {wanted.name!r} already. Give another path.")
    part = wanted.path.with_name(f".{wanted.path.name}.part")
    try:
        wanted.path.parent.mkdir(parents=True, exist_ok=True)
        with part.open("wb") as file:
            file.write(wanted.attachment.data)
            file.flush()
            os.fsync(file.fileno())
        part.replace(wanted.path)
        sync(wanted.path.parent)
    except OSError as error:
        raise ToolFailed(f"{wanted.name!r} cannot be written: {error.strerror}.") from error
    return wanted.result()


def take_back(op: Operation, saved: dict[str, Any]) -> Result:
    """Remove a saved file again; `saved` is the data of the result. One that was changed stays."""
    name = str(saved["path"])
    path = op.path(name)
    if not path.is_file():
        return Result(f"{name} is gone already.")
    if sha256(path.read_bytes()).hexdigest() != saved["sha256"]:
        raise ToolFailed(f"{name} was changed since it was saved, so it stays.")
    path.unlink()
    sync(path.parent)
    return Result(f"Removed {name}.")


def _chosen(mail: Mail, name_or_index: str) -> Attachment:
    wanted = name_or_index.strip()
    for attachment in mail.attachments:
        if attachment.name == wanted:
            return attachment
    if wanted.isascii() and wanted.isdigit() and 1 <= int(wanted[:6]) <= len(mail.attachments):
        return mail.attachments[int(wanted[:6]) - 1]
    known = ", ".join(f"{n} {file.name}" for n, file in enumerate(mail.attachments[:20], 1))
    raise ToolFailed(
        f"This mail has no attachment {wanted[:80]!r}. It has: {known}."
        if known
        else "This mail has no attachments."
    )
