"""Bring mails from elsewhere into the mailbox: all that can be read, and a report on the rest."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from m2agent_connectors.local_mail.archive import Found, Skipped, mails
from m2agent_connectors.local_mail.store import Store, digest
from m2agent_connectors.local_mail.threads import join, join_by_subject
from m2agent_connectors.mail.clean import one_line
from m2agent_connectors.mail.message import Mail, parse

_NAMES = {
    "INBOX": "inbox|posteingang",
    "SENT": "sent|sent mail|sent items|sent messages|gesendet|gesendete objekte|envoyés|enviados",
    "DRAFT": "draft|drafts|entwürfe|brouillons|borradores",
    "TRASH": "trash|bin|deleted items|deleted messages|papierkorb|corbeille|papelera",
    "SPAM": "spam|junk|junk e-mail",
    "STARRED": "starred|markiert",
    "IMPORTANT": "important|wichtig",
    "UNREAD": "unread|ungelesen",
}
_LABELS = {name: label for label, names in _NAMES.items() for name in names.split("|")}
_UNSAID = {"opened", "archived", "geöffnet", "archiviert", "all mail", "chat"}
_FIRST_OWN = ("received", "return-path", "delivered-to")


@dataclass
class ImportReport:
    """What became of each mail that was found. Names are file and place in it, then a reason."""

    imported: int = 0
    duplicates: int = 0
    repaired: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    skipped: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])

    def __str__(self) -> str:
        """The counts come last, where a person looks after thousands of lines."""
        lines = [f"damaged: {name}: {what}" for name, what in self.repaired]
        lines += [f"left out: {name}: {why}" for name, why in self.skipped]
        if not (self.imported or self.duplicates or self.skipped):
            lines.append("There is no mail: neither an mbox, a Maildir, nor an .eml file.")
        lines.append(
            f"imported: {self.imported:,}, there already: {self.duplicates:,},"
            f" damaged: {len(self.repaired):,}, left out: {len(self.skipped):,}"
        )
        return "\n".join(lines)


def import_mails(store: Store, path: Path, *, now: float, own: str = "") -> ImportReport:
    """Import everything at or below `path` that is not there already. Part of a transaction.

    `own` is the person's address where that is known; otherwise it is the one most mails went to.
    """
    return _Importer(store, now).run(path, own)


class _Importer:
    def __init__(self, store: Store, now: float) -> None:
        self._store = store
        self._now = now
        self._report = ImportReport()
        self._delivered: Counter[str] = Counter()
        self._addressed: Counter[str] = Counter()
        self._unplaced: list[int] = []
        self._new: list[int] = []

    def run(self, path: Path, own: str) -> ImportReport:
        for found in mails(path):
            if isinstance(found, Skipped):
                self._report.skipped.append((found.name, found.why))
            else:
                self._take(found)
        self._know_own(own)
        self._place_sent()
        join_by_subject(self._store, self._by_date(self._new))
        return self._report

    def _take(self, found: Found) -> None:
        if not found.raw.strip():
            self._report.skipped.append((found.name, "It is empty."))
            return
        known = self._store.one("SELECT id FROM message WHERE digest = ?", digest(found.raw))
        mail = parse(found.raw)
        labels, placed = _labels(found, mail)
        if known:
            self._store.change_labels([known], add=labels - {"UNREAD", "INBOX"})
            self._report.duplicates += 1
            return
        date = mail.date if mail.date is not None else found.date
        date = self._now if date is None else date
        number = self._store.add(found.raw, mail, date=date, labels=sorted(labels))
        self._report.imported += 1
        self._note_problems(found, mail)
        join(self._store, number, mail)
        if not mail.in_reply_to and not mail.references:
            self._new.append(number)
        if not placed and not mail.header("received"):
            self._unplaced.append(number)
        if delivered := mail.header("delivered-to"):
            self._delivered[delivered.lower()] += 1
        self._addressed.update({person.address.lower() for person in mail.to})

    def _note_problems(self, found: Found, mail: Mail) -> None:
        problems = [*mail.problems, "too large, its end is cut off"] if found.cut else mail.problems
        if problems:
            subject = f" ({one_line(mail.subject, 60)})" if mail.subject else ""
            self._report.repaired.append((found.name + subject, "; ".join(problems)))

    def _know_own(self, own: str) -> None:
        common = self._delivered.most_common(1) or self._addressed.most_common(1)
        guess = "" if self._store.about("own") else common[0][0] if common else ""
        if address := own or guess:
            self._store.note("own", address)

    def _place_sent(self) -> None:
        """Mails of one's own that no server has touched, and no folder placed, were sent."""
        own = self._store.own.lower()
        sent = [
            number
            for number in self._unplaced
            if self._store.one("SELECT address FROM message WHERE id = ?", number) == own
        ]
        self._store.change_labels(sent, add=["SENT"], remove=["INBOX"])

    def _by_date(self, numbers: Sequence[int]) -> list[int]:
        dated = [
            (self._store.one("SELECT date FROM message WHERE id = ?", number), number)
            for number in numbers
        ]
        return [number for _, number in sorted(dated)]


def _labels(found: Found, mail: Mail) -> tuple[set[str], bool]:
    """The labels of a mail, and whether anything placed it: Gmail, its folder, or a flag."""
    names = set(found.labels)
    if gmail := _gmail_labels(mail):
        names |= {one_line(name, 100) for name in gmail.split(",")} - {""}
    elif found.folder.lower() in _LABELS:
        names.add(found.folder)
    labels = {_LABELS.get(name.lower(), name) for name in names if name.lower() not in _UNSAID}
    status = mail.header("status").upper()
    if status and "R" not in status:
        labels.add("UNREAD")
    if gmail or labels - {"UNREAD", "STARRED", "IMPORTANT"}:
        return labels, True
    return labels | {"INBOX"}, False


def _gmail_labels(mail: Mail) -> str:
    """The labels Google Takeout wrote above everything else; further down anybody could have."""
    for name, value in mail.headers:
        if name.lower() == "x-gmail-labels":
            return re.sub(r'[\r\n"]', "", value)
        if name.lower() in _FIRST_OWN:
            return ""
    return ""
