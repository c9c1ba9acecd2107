"""What a report names that no result ever showed, and that was made up: amounts, ids, addresses."""

import re
from collections.abc import Iterator, Sequence

import msgspec

from m2agent.events import Asked, Began, Called, Event, Noted, Planned, Returned
from m2agent.loop.judge.claims import MARK

_AMOUNT = re.compile(
    r"(?<![\w.,/-])\d{1,3}(?:[,.' ]?\d{3}){0,6}[.,]\d{2}(?![\w/-]|[.,]\d)"
    r"|(?:[€$£]|\b(?:EUR|USD|GBP|CHF)) ?(?P<before>\d[\d,.' ]{0,24}\d)(?![\w/-])"
    r"|(?<![\w.,/-])(?P<after>\d[\d,.']{0,24}\d)"
    r"(?: ?€| (?:EUR|USD|GBP|CHF|euros?|dollars?|pounds?)\b)"
)
_ID = re.compile(
    r"\b(?:drafts?|messages?|e-?mails?|mails?|pages?|rows?|comments?|ids?)"
    r"(?: (?:id|number|no\.?))?\s?[:#=(]?\s?[\"'`]?(?P<id>(?=[\w-]*\d)[A-Za-z0-9][\w-]+)",
    re.IGNORECASE,
)
_ADDRESS = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}")
_EXIT = re.compile(
    r"\bexit(?:ed|s)?(?: with)?(?: (?:code|status))?:? (?P<code>\d{1,3})\b", re.IGNORECASE
)
_NUMBERS = re.compile(r"(?<!\d)(?=(\d+(?:[,.' ]\d{3})*(?:[.,]\d+)?))(?=(\d+(?:[.,]\d+)?))(?=(\d+))")
_SHORT = 5  # digits; fewer count something, or are a year


def unseen_amounts(report: str, history: Sequence[Event]) -> list[str]:
    """Amounts that no result shows: made up, or worked out in the head."""
    amounts: dict[str, str] = {}
    for found in _AMOUNT.finditer(MARK.sub("", report)):
        written = found["before"] or found["after"] or found[0]
        amounts.setdefault(_figure(written), written.strip())
    if not amounts:
        return []
    shown: set[str] = set()
    for event in history:
        match event:
            case Returned(text=text, ok=True) | Asked(text) | Noted(text):
                shown.update(_figures(text))
            case _:
                pass
    return [written for figure, written in amounts.items() if figure not in shown]


def unseen_names(report: str, history: Sequence[Event]) -> list[str]:
    """Ids, addresses and exit codes that stand nowhere in what the run was told and called."""
    text = MARK.sub("", report)
    ids = {found["id"] for found in _ID.finditer(text)}
    names = {id for id in ids if not (id.isdigit() and len(id) < _SHORT)}
    names |= set(_ADDRESS.findall(text))
    names |= {f"exit {found['code']}" for found in _EXIT.finditer(text)}
    if not names:
        return []
    shown = "\n".join(_told(history)).casefold()
    return sorted(name for name in names if not _stands_in(name.casefold(), shown))


def _told(history: Sequence[Event]) -> Iterator[str]:
    for event in history:
        match event:
            case Returned():
                yield event.text
                yield msgspec.json.encode([event.data, event.receipts]).decode()
            case Called(arguments=arguments):
                yield msgspec.json.encode(arguments).decode()
            case Began(system=text) | Asked(text) | Noted(text):
                yield text
            case Planned():
                yield msgspec.json.encode([event.items, event.notes]).decode()
            case _:
                pass


def _stands_in(name: str, shown: str) -> bool:
    return re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", shown) is not None


def _figures(text: str) -> Iterator[str]:
    """Every number that may be meant in a text, however its digits are grouped."""
    for found in _NUMBERS.finditer(text):
        yield from {_figure(group) for group in found.groups()}


def _figure(number: str) -> str:
    """A number without what groups its digits, rounded to two places."""
    split = re.search(r"[.,](?=\d*$)", number)
    whole, part = (number[: split.start()], number[split.end() :]) if split else (number, "")
    if len(part) == 3 and 0 < len(whole) <= 3 and whole != "0":  # 1,250 is no fraction
        whole, part = whole + part, ""
    digits = re.sub(r"\D", "", whole)
    return f"{float(f'{digits}.{part or 0}'):.2f}"
