"""A whole office of plain files, drawn from a seed: mail, notes and a work folder.

The same seed and `now` give the same bytes. What is true about it, such as which invoices are
wrong, is in the `Office` that comes back and nowhere in the files.
"""

import json
import random
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from m2agent.errors import SetupError, UsageError
from m2agent.office import bills, invoices, newsletters, notes, oddities, prose, threads, work
from m2agent.office.cast import Cast, Person, draw
from m2agent.office.invoices import Invoice
from m2agent.office.mail import mbox
from m2agent.office.oddities import Traps
from m2agent.office.threads import Conversation

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
"""A Monday morning; the invoices of the week before have not been looked at."""

_ABOUT = "office.json"


@dataclass(frozen=True)
class Office:
    """An office on the disk, and the truth about it."""

    folder: Path
    seed: int
    now: datetime
    cast: Cast
    invoices: tuple[Invoice, ...]
    conversations: tuple[Conversation, ...]
    traps: Traps

    @property
    def mail(self) -> Path:
        return self.folder / "mail"

    @property
    def notes(self) -> Path:
        return self.folder / "notes"

    @property
    def work(self) -> Path:
        return self.folder / "work"

    @property
    def person(self) -> Person:
        """Whose office it is."""
        return self.cast.person

    @property
    def fresh(self) -> list[Invoice]:
        """The invoices that came last week and are in no table yet."""
        return [invoice for invoice in self.invoices if invoice.week == 1]


def write(folder: Path, seed: int = 1, now: datetime | None = None) -> Office:
    """Write a new office into a folder, which is made; `now` has a time zone.

    Raises UsageError where there is one already, SetupError where it cannot be written.
    """
    if (folder / _ABOUT).exists():
        raise UsageError(f"There is an office in {folder} already. Name another folder.")
    office, files = _drawn(folder, seed, now or NOW)
    try:
        for path, content in files.items():
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
    except OSError as error:
        raise SetupError(
            f"The sample office cannot be written into {folder}: {error.strerror}.",
            fix="Make room there, or name another place: export M2AGENT_HOME=FOLDER",
        ) from error
    return office


def read(folder: Path) -> Office:
    """The truth about an office as it was written; raises UsageError if none was."""
    about = _about(folder)
    return _drawn(folder, about["seed"], datetime.fromisoformat(about["now"]))[0]


def accounts(folder: Path) -> dict[str, dict[str, Any]]:
    """The accounts of an office, as the configuration would name them.

    Raises UsageError where no office is.
    """
    return {
        "mail": {
            "connector": "local-mail",
            "folder": str(folder / "mail"),
            "address": _about(folder)["person"],
        },
        "notes": {"connector": "local-notes", "folder": str(folder / "notes")},
        "shell": {"connector": "shell"},
    }


def _about(folder: Path) -> dict[str, Any]:
    """What an office's own file says: its seed, its `now`, whose it is."""
    try:
        about = json.loads((folder / _ABOUT).read_text("utf-8"))
        datetime.fromisoformat(about["now"])
        return {"seed": int(about["seed"]), "now": about["now"], "person": str(about["person"])}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(
            f"{folder} is no sample office: it has no usable {_ABOUT}. "
            "Make a new one with --office sample."
        ) from error


def _drawn(folder: Path, seed: int, now: datetime) -> tuple[Office, dict[str, bytes]]:
    """Each part has a source of its own, so that more prose in one changes no other."""
    cast = draw(_source(seed, "cast"))
    bare = invoices.draw(cast, now, _source(seed, "invoices"))
    sayings = list(prose.pieces("bills.txt"))
    known, letters = bills.send(bare, cast, sayings, now, _source(seed, "bills"))
    talks = list(threads.conversations(cast, now, _source(seed, "threads")))
    traps, strange = oddities.draw(cast, now, _source(seed, "oddities"))
    news = newsletters.draw(cast, now, _source(seed, "newsletters"))
    mails = [*letters, *(mail for _, thread in talks for mail in thread), *strange, *news]
    pages = notes.files(cast, known, now, _source(seed, "notes"))
    person = f"{cast.person.name} <{cast.person.address}>"
    about = {"seed": seed, "now": now.isoformat(), "person": person}
    files = {
        "mail/import/sample.mbox": mbox(mail for mail in mails if mail.at <= now),
        **{f"notes/{path}": text.encode() for path, text in pages},
        **{
            f"work/{path}": content
            for path, content in work.files(cast, known, _source(seed, "work"))
        },
    }
    files[_ABOUT] = (json.dumps(about) + "\n").encode()  # last: without it, it is no office
    conversations = tuple(talk for talk, _ in talks)
    return Office(folder, seed, now, cast, tuple(known), conversations, traps), files


def _source(seed: int, part: str) -> random.Random:
    return random.Random(f"{seed} {part}")
