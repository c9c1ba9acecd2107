"""What kind of change a verb means: in a person's words, and in the name of a tool."""

import re
from typing import Literal

from m2agent.policy.words import listed

Kind = Literal["make", "change", "remove", "send", "fetch"]

_PERSON: dict[Kind, str] = {
    "make": "add append insert enter record log register fill put write file complete copy include"
    " import create make draft compose prepare generate build save store keep download extract"
    " export collect reply answer respond book schedule plan note document forward attach upload"
    " jot track capture duplicate transcribe translate remind",
    "change": "add append insert enter record log register fill put write file complete include"
    " attach change update edit modify set mark move rename label tag star flag archive reschedule"
    " raise lower increase decrease reduce bump double halve switch swap turn toggle enable disable"
    " mute unmute pause amend revise alter rewrite reword shorten upgrade prioritise prioritize"
    " escalate reassign relabel retitle populate sync complement note book jot track"
    " postpone shift fix correct replace adjust assign sort organize organise tidy clean tick close"
    " resolve finish reopen restore convert merge link pin comment extend",
    "remove": "remove delete trash cancel clear discard drop erase purge unlabel unstar clean tidy"
    " bin uninvite",
    "send": "send mail email message tell inform notify invite share post publish forward reply"
    " answer respond pay transfer order book buy reserve submit ask remind text write wire contact"
    " purchase announce create add schedule reschedule cancel comment call refund upload",
    "fetch": "fetch get read open visit browse check look download load search find summarise"
    " summarize see show review translate compare",
}
_TOOL: dict[Kind, str] = {
    "make": "create make new draft compose prepare generate build save store keep write download"
    " export copy reply respond answer note import upload register log record duplicate",
    "change": "add append insert update edit modify change set mark move rename label tag star flag"
    " archive reschedule fix replace assign put enter comment attach restore close reopen resolve"
    " merge link pin complete fill file sort convert patch upsert",
    "remove": "remove delete trash cancel clear discard drop erase purge unlabel archive_all",
    "send": "send mail email message notify invite share post publish forward pay transfer order"
    " book buy reserve submit call wire announce purchase schedule",
    "fetch": "fetch get read open visit browse load search find look crawl scrape request",
}
ADDS = listed("add append insert log record register enter put write upsert file")
"""Verbs of tools that put something new into something: asked for by who wants it made, too."""

ONLY_ADDS = listed("add append insert include attach log note book jot track register")
OVERWRITES = listed(
    "set move rename reschedule archive replace assign close reopen resolve merge convert restore"
)
"""Who wants something added does not ask for what is there to be made otherwise."""

_ANSWERS = listed("reply answer respond draft compose forward prepare generate export download")
_THINGS = listed("mail email message file note record text log document list plan")
_ALSO_NOUNS = _THINGS | listed(
    "label comment draft mark post order book tag star copy answer reply call flag set new"
)
_IRREGULAR = {
    "wrote": "write", "written": "write", "put": "put", "putting": "put", "made": "make",
    "kept": "keep", "sent": "send", "told": "tell", "paid": "pay", "bought": "buy",
    "set": "set", "setting": "set", "got": "get", "found": "find", "read": "read",
}  # fmt: skip


def _forms(verb: str) -> set[str]:
    forms = {verb, f"{verb}s", f"{verb}es", f"{verb}ed", f"{verb}ing"}
    if verb.endswith("e"):
        forms |= {f"{verb}d", f"{verb[:-1]}ing"}
    if re.search(r"[^aeiou]y$", verb):
        forms |= {f"{verb[:-1]}ies", f"{verb[:-1]}ied"}
    if re.search(r"[^aeiou][aeiou][^aeiouwxy]$", verb):
        forms |= {f"{verb}{verb[-1]}ed", f"{verb}{verb[-1]}ing"}
    return forms


def _kinds(table: dict[Kind, str]) -> dict[str, set[Kind]]:
    found: dict[str, set[Kind]] = {}
    for kind, verbs in table.items():
        for verb in verbs.split():
            found.setdefault(verb, set()).add(kind)
    return found


_PERSONS = _kinds(_PERSON)
_TOOLS = _kinds(_TOOL)
_BASES = {form: verb for verb in {**_PERSONS, **_TOOLS} for form in _forms(verb)} | _IRREGULAR


def base(word: str) -> str:
    """The verb that a word is a form of; the word itself where none is known."""
    return _BASES.get(word, word)


def asked_kinds(verb: str) -> set[Kind]:
    """What somebody who uses this verb asks for."""
    return _PERSONS.get(verb, set())


def adds(verb: str) -> bool:
    """Whether who uses this verb wants something new put somewhere."""
    return "make" in asked_kinds(verb) and verb not in _ANSWERS


def sends(verb: str) -> bool:
    """Whether a verb means nothing but that something goes to others."""
    return "send" in _TOOLS.get(verb, ()) and "make" not in _TOOLS[verb]


def tool_verbs(name: str, description: str) -> tuple[frozenset[str], Kind | None]:
    """The verbs of a tool and the kind of change it makes, by its name, else its first words.

    What removes is a removal whatever else the name says, and a plain verb counts more than a
    word that also is a noun: `note_delete` removes, `draft_update` changes.
    """
    words = [base(word) for word in name_words(name)]
    found = [word for word in words if word in _TOOLS]
    if not found:
        told = [base(word) for word in re.findall(r"[a-z]+", description.casefold())[:3]]
        found = [word for word in told if word in _TOOLS][:1]
    if removes := [word for word in found if "remove" in _TOOLS[word]]:
        return frozenset(removes), "remove"
    verbs = [word for word in found if word not in _ALSO_NOUNS]
    verbs = verbs or [word for word in found if word not in _THINGS] or found
    if verbs:
        return frozenset(verbs[:1]), min(_TOOLS[verbs[0]])
    return frozenset([*words[-1:], *(word for word in words if word in _PERSONS)]), None


def name_words(name: str) -> list[str]:
    """`addCalendar_event` in words."""
    split = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name)
    return [word for word in re.split(r"[^a-z0-9]+", split.casefold()) if word]
