"""Send a draft, once: its bytes go into the outbox as a file, and the draft becomes sent mail.

The file is the fact. Its name comes from the operation's key, and which operation sends a draft
is written down before the file is; so whatever a crash cuts off, whoever looks next can tell.
"""

import os
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from re import fullmatch

from m2agent.durable import sync
from m2agent.errors import ToolFailed, Unclear
from m2agent_connectors.local_mail.store import Store


def send(store: Store, outbox: Path, number: int, key: str) -> None:
    """Send draft `number` as the operation `key`. Raises ToolFailed only if nothing was sent."""
    settle(store, outbox, number)
    file = outbox / file_of(key)
    with store.transaction():
        _must_be_draft(store, number)
        store.execute("INSERT OR REPLACE INTO outgoing VALUES (?, ?)", (number, key))
    try:
        with store.transaction():
            _must_be_draft(store, number)
            if store.one("SELECT key FROM outgoing WHERE message = ?", number) != key:
                raise ToolFailed(f"d{number} is being sent by somebody else at this moment.")
            _write(file, store.raw(number))
            _mark_sent(store, number)
    except ToolFailed as error:
        if file.exists():
            raise Unclear(f"{file.name} is in the outbox, but: {error}") from error
        raise


def settle(store: Store, outbox: Path, number: int) -> bool:
    """Finish what a crash cut off: whether the mail has been sent, and is marked so."""
    key = store.one("SELECT key FROM outgoing WHERE message = ?", number)
    if key is None or not (outbox / file_of(key)).exists():
        return False
    if "DRAFT" in store.labels_of(number):
        with store.transaction():
            _mark_sent(store, number)
    return True


def settle_all(store: Store, outbox: Path) -> None:
    for number in store.column(
        "SELECT outgoing.message FROM outgoing JOIN labelled USING (message)"
        " JOIN label ON label.id = label WHERE label.key = 'draft'"
    ):
        settle(store, outbox, number)


def sent_as(store: Store, outbox: Path, number: int, key: str) -> bool:
    """Whether it was the operation `key` that sent this mail."""
    settle(store, outbox, number)
    mine = store.one("SELECT key FROM outgoing WHERE message = ?", number) == key
    return mine and "SENT" in store.labels_of(number)


def file_of(key: str) -> str:
    """The outbox file of an operation."""
    name = key if fullmatch(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}", key) else ""
    return f"{name or sha256(key.encode()).hexdigest()}.eml"


def _must_be_draft(store: Store, number: int) -> None:
    labels = store.labels_of(number)
    if "DRAFT" not in labels:
        done = "was sent already" if "SENT" in labels else "is no draft"
        raise ToolFailed(f"d{number} {done}. mail_draft makes a new one.")
    if "TRASH" in labels:
        raise ToolFailed(f"d{number} is in the trash. Restore it with mail_trash first.")


def _mark_sent(store: Store, number: int) -> None:
    store.change_labels([number], add=["SENT"], remove=["DRAFT", "UNREAD"])
    store.execute("DELETE FROM earlier WHERE message = ?", (number,))


def _write(path: Path, raw: bytes) -> None:
    """The file appears whole, and is on the disk, or does not appear."""
    part = path.with_suffix(".part")
    try:
        path.parent.mkdir(exist_ok=True)
        with part.open("wb") as file:
            file.write(raw)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        with suppress(OSError):
            part.unlink()
        raise ToolFailed(f"Nothing was sent: {path.parent} cannot be written: {error}.") from error
    try:
        part.replace(path)
        sync(path.parent)
    except OSError as error:
        raise Unclear(f"{path} may be written or not: {error}.") from error
