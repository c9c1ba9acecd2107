"""The conversations of the office: written as little plays in prose files, cast and dated here.

    === runners: Drawer runners for {cafe.name}
    labels: Projects
    let n = 6..18

    @12 09:14 planner > me cc boss #unread #file:stock.csv
    We are [short|down to the last few] ...

`@12 09:14` is twelve working days ago. A part is somebody's key in the cast; a company's stands
for its contact, and `timber.billing` for who sends its invoices. `#` marks say how a mail stands
in the mailbox, and what hangs on it.
"""

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from m2agent.office import mime, prose, workdays
from m2agent.office.attachments import attach
from m2agent.office.cast import Cast, Company, Person
from m2agent.office.mail import Mail, compose

FILES = ("colleagues", "suppliers", "customers", "hiring", "premises", "notices")

_LINE = re.compile(r"@(\d+) (\d\d:\d\d) ([\w.]+) > ([\w., ]+?)(?: cc ([\w., ]+?))?((?: #\S+)*)")
_STANDING = {
    "unread": "Unread",
    "star": "Starred",
    "important": "Important",
    "updates": "Category Updates",
    "promotions": "Category Promotions",
    "spam": "Spam",
    "trash": "Trash",
}


@dataclass(frozen=True)
class Conversation:
    """A thread of the mailbox; `facts` are what it drew, by the names in its prose."""

    key: str
    subject: str
    ids: tuple[str, ...]
    facts: dict[str, object]


def slots(cast: Cast) -> dict[str, object]:
    """Everybody under the names that prose uses."""
    return {
        **cast.staff,
        **cast.suppliers,
        **cast.customers,
        **cast.others,
        **cast.people,
        "me": cast.person,
        "firm": cast.firm,
        "domain": cast.domain,
        "street": cast.street,
        "town": cast.town,
    }


def conversations(
    cast: Cast, now: datetime, rng: random.Random
) -> Iterator[tuple[Conversation, list[Mail]]]:
    """All conversations; what would be later than `now` has not been written yet."""
    known = slots(cast)
    for name in FILES:
        for piece in prose.pieces(f"{name}.txt"):
            facts = prose.draw(piece.lets, known, rng)
            mails = list(_mails(piece, {**known, **facts}, now, rng))
            if mails:
                key = piece.title.partition(": ")[0]
                ids = tuple(mail.id for mail in mails)
                yield Conversation(key, mails[0].subject, ids, facts), mails


def _mails(
    piece: prose.Piece, known: dict[str, object], now: datetime, rng: random.Random
) -> Iterator[Mail]:
    _, _, subject = piece.title.partition(": ")
    labels = [label for label in piece.head.get("labels", "").split(", ") if label]
    written: list[Mail] = []
    for stage, text in _scenes(piece.text):
        back, clock, sender, to, cc, marks = stage.groups()
        at = workdays.moment(now, int(back), clock, _country(sender, known))
        at = at.replace(second=rng.randrange(60))
        if at > now:
            return
        marks = {m for m in marks.split(" #") if m}
        here = {**known, **workdays.days(at.date())}
        mail = compose(
            rng,
            at=at,
            sender=_author(sender, known, marks),
            to=[_who(part, known) for part in to.split(", ")],
            cc=[_who(part, known) for part in cc.split(", ")] if cc else [],
            subject=prose.fill(subject, here, rng),
            body=prose.fill(text, here, rng),
            answers=written[-1] if written else None,
            labels=_labels(sender == "me", int(back), labels, marks),
            attachments=_attachments(marks, here, rng),
            bare="bare" in marks,
            forwards="forward" in marks,
        )
        written.append(mail)
        yield mail


def _scenes(text: str) -> Iterator[tuple[re.Match[str], str]]:
    for block in re.split(r"^(?=@\d)", text, flags=re.MULTILINE):
        if block.strip():
            line, _, body = block.partition("\n")
            stage = _LINE.fullmatch(line)
            assert stage, line
            yield stage, body.strip("\n")


def _who(part: str, known: dict[str, object]) -> Person:
    name, _, desk = part.partition(".")
    found = known[name]
    if isinstance(found, Company):
        return found.billing if desk == "billing" else found.contact
    assert isinstance(found, Person), part
    return found


def _country(part: str, known: dict[str, object]) -> str:
    found = known[part.partition(".")[0]]
    return found.country if isinstance(found, Company) else "IE"


def _author(part: str, known: dict[str, object], marks: set[str]) -> Person:
    """Who writes, with what the marks say of this one mail's form; or a company's machine."""
    found, author = known[part.partition(".")[0]], _who(part, known)
    if isinstance(found, Company) and {"updates", "promotions"} & marks:
        author = Person(found.short, "", f"noreply@{found.domain}", firm=found.name)
    voice = author.voice
    if "html" in marks:
        voice = replace(voice, form="html")
    if "plain" in marks:
        voice = replace(voice, form="plain")
    if "8bit" in marks:
        voice = replace(voice, encoding="8bit")
    if "latin-1" in marks:
        voice = replace(voice, charset="iso-8859-1")
    return replace(author, voice=voice)


def _labels(mine: bool, back: int, custom: list[str], marks: set[str]) -> list[str]:
    standing = [_STANDING[mark] for mark in sorted(marks) if mark in _STANDING]
    if mine:
        return ["Sent", *custom, *standing]
    if {"Spam", "Trash"} & set(standing):
        return [*standing, "Unread"]
    place = "Inbox" if back <= 6 or "Unread" in standing or "Starred" in standing else "Archived"
    read = [] if "Unread" in standing else ["Opened"]
    return [place, *read, *custom, *standing]


def _attachments(marks: set[str], known: prose.Slots, rng: random.Random) -> list[mime.Leaf]:
    named = sorted(mark for mark in marks if mark.startswith("file:"))
    return [attach(mark.removeprefix("file:"), known, rng) for mark in named]
