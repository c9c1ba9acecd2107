"""What a mail says, as text that reads well: the body, without what was said before."""

import re
from dataclasses import dataclass

from m2agent_connectors.mail.clean import one_line, shown
from m2agent_connectors.mail.links import shortened
from m2agent_connectors.mail.markup import as_markdown, as_text
from m2agent_connectors.mail.message import Mail
from m2agent_connectors.mail.quotes import folded

_LONGEST = 2_000_000
_STAND_IN = 10  # words
_NOT_OWN = re.compile(r"^(?:>.*|\[.*\]|.{0,200}wrote:)$", re.MULTILINE)
_FORWARD_SUBJECT = re.compile(r"\s*(?:fwd?|wg|tr|rv|i|vs|doorst)\s*:", re.IGNORECASE)


@dataclass(frozen=True)
class Body:
    """`text` is for reading; `links` are the addresses it numbers, whole."""

    text: str
    links: list[str]


def readable(mail: Mail, *, quotes: bool = False) -> Body:
    """The body as text that costs a reader little; with `quotes` nothing is folded away."""
    text, hidden = whole(mail)
    if not quotes:
        text = folded(text, forward=bool(_FORWARD_SUBJECT.match(mail.subject)))
    text, links = shortened(text)
    notes = [f"link {number}: {url}" for number, url in enumerate(links, 1)]
    if hidden:
        notes.insert(0, f"[left out: {hidden:,} letters that the mail hides from its readers]")
    return Body("\n\n".join(part for part in (text, "\n".join(notes)) if part), links)


def whole(mail: Mail) -> tuple[str, int]:
    """All that a reader sees, Markdown where it was HTML, and how many letters are hidden."""
    if mail.html and _says_less(mail):
        return as_markdown(mail.html)
    text = shown(mail.text[:_LONGEST])
    lines = (line if line == "-- " else line.rstrip() for line in text.split("\n"))
    return "\n".join(lines).strip("\n"), 0


def indexed(mail: Mail) -> str:
    """All words of the body, quick to get, for a search index."""
    if len(mail.text.split()) < _STAND_IN:
        return as_text(mail.html) or shown(mail.text)
    return shown(mail.text[:_LONGEST])


def snippet(text: str, limit: int) -> str:
    """The beginning of a body's own words on one line."""
    own = _NOT_OWN.sub("", text[:4_000])
    return one_line(own, limit) or one_line(text[:4_000], limit)


def _says_less(mail: Mail) -> bool:
    """Whether the plain part is missing, or a stand-in for what the HTML says."""
    plain = len(mail.text.split())
    return plain == 0 or 2 * plain < len(as_text(mail.html).split())
