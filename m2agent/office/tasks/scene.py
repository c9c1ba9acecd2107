"""Mails that tasks are set among: the one that matters, and others around it."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from m2agent.office.tasks.task import Letter
from m2agent.office.tasks.wording import NOW, Person, Wording

_FILLERS = (
    "Thank you for [the call|your visit|the quick answer|your patience][.| last week.]",
    "We are [back|in the office|open] [from Monday|all week|until Friday].",
    "[My colleague|The driver|Our office] will [call|write|be in touch][ soon|].",
    "[Sorry for the delay.|As promised.|Here it is.|Just a short note.]",
    "[The rest|Everything else] stays as it [is|was].",
)


def filler(w: Wording, most: int = 1) -> str:
    """Up to so many sentences that say nothing."""
    return " ".join(w.say(w.rng.choice(_FILLERS)) for _ in range(w.some(most)))


def letter(
    w: Wording,
    sender: Person,
    about: str,
    body: str,
    *,
    labels: Sequence[str] = (),
    subject: str = "",
) -> Letter:
    """A mail of the last weeks."""
    back = timedelta(minutes=w.number(60, 30 * 24 * 60))
    at = datetime(NOW.year, NOW.month, NOW.day, 8, tzinfo=UTC) - back
    form = "[{about}|The {about}|About the {about}|Your {about}|{about}: news]"
    title = subject or w.say(form, about=about)
    return Letter(sender, title[0].upper() + title[1:], body.strip(), at, tuple(labels))


def others(w: Wording, taken: Sequence[Person], most: int = 3) -> list[Letter]:
    """Mails of other people about whatever."""
    names = {word for person in taken for word in (*person.name.split(), *person.firm.split())}
    found: list[Letter] = []
    for _ in range(w.some(most)):
        person = w.person()
        if not names & {*person.name.split(), *person.firm.split()}:
            found.append(letter(w, person, w.word(), filler(w, 2) or "See you soon."))
    return found


def firm_sender(w: Wording) -> Person:
    """A firm that writes under its own name."""
    stem, trade = w.firm().split(" ", 1)
    return Person(stem, trade, f"{w.one_of('Mail|Post|Web')} {stem}")


def topic(w: Wording, *others: str) -> str:
    """A thing that mails are about, and none of those."""
    while (word := w.word()) in others or any(word in o or o in word for o in others):
        pass
    return word
