"""A draft changed by a person who is asked about it: what `preview` shows, as they left it.

People, subject and text can be changed. What else is shown must stay as it is, so that nobody
takes a line for changed that is not.
"""

import time
from dataclasses import replace

from m2agent.errors import ToolFailed
from m2agent_connectors.mail import compose
from m2agent_connectors.mail.address import Address, addresses, entries, without, written
from m2agent_connectors.mail.clean import one_line, shown
from m2agent_connectors.mail.message import parse

_CHANGEABLE = ("to", "cc", "bcc", "subject")


def edited(raw: bytes, text: str, sender: Address, *, id: str) -> bytes:
    """The draft with what the person wrote. Raises ToolFailed for what cannot be changed here."""
    mail = parse(raw)
    preview, body = compose.preview(raw), shown(mail.text).strip("\n")
    head, _, rest = preview.partition("\n\n")
    foot = rest.removeprefix(body)
    if compose.has_own_html(mail):
        raise ToolFailed("This mail has an HTML part of its own. Change it in your mail program.")
    new_head, _, new_rest = text.replace("\r\n", "\n").rstrip().partition("\n\n")
    if not new_rest.endswith(foot.rstrip()):
        raise ToolFailed("Attachments cannot be changed here. Decline, and say what to attach.")
    new_body = shown(new_rest.removesuffix(foot.rstrip())).strip("\n")
    before, after = _fields(head), _fields(new_head)
    for name in sorted(before.keys() | after.keys()):
        if name not in _CHANGEABLE and before.get(name) != after.get(name):
            raise ToolFailed(f"The line {name.capitalize()} cannot be changed here.")
    letter = replace(
        compose.letter_of(mail, sender),
        to=_people(after.get("to", "")),
        cc=_people(after.get("cc", "")),
        bcc=_people(after.get("bcc", "")),
        subject=one_line(after.get("subject", ""), 900),
    )
    if not (letter.to or letter.cc or letter.bcc):
        raise ToolFailed("It must go to somebody: write an address behind To.")
    if new_body != body:
        letter = replace(letter, body=new_body)
    return compose.built(letter, id=id, date=time.time() if mail.date is None else mail.date)


def _fields(head: str) -> dict[str, str]:
    """Header lines by name. Raises ToolFailed for a line that is none, or is there twice."""
    fields: dict[str, str] = {}
    for line in head.splitlines():
        name, colon, value = line.partition(":")
        if not colon:
            raise ToolFailed(f"{one_line(line, 80)!r} is no header line. The text comes below.")
        if fields.setdefault(name.strip().lower(), value.strip()) != value.strip():
            raise ToolFailed(f"There are two lines {one_line(name, 40)}. Write all on one.")
    return fields


def _people(value: str) -> tuple[Address, ...]:
    """Raises ToolFailed for what is no address, rather than to leave somebody out."""
    found = [(addresses(entry) or [written(entry)])[0] for entry in entries(value)]
    return tuple(without([written(str(person)) for person in found], ()))
