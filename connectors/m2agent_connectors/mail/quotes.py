"""Tell a mail's own words from what it repeats: quoted history and signatures."""

import re
from collections.abc import Sequence

FORWARDED = "---------- Forwarded message ----------"
"""How a forwarded mail begins, in what we write and in what Gmail writes."""

_FORWARD = re.compile(r"^-{5,} ?forwarded message ?-{5,}\s*$|^begin forwarded", re.IGNORECASE)
_ATTRIBUTION = re.compile(
    r"(?:wrote|writes|schrieb|écrit|escribió|scritto|schreef|skrev|escreveu|kirjoitti|napisał)\b"
    r".{0,80}:\s*$|^On .{8,}:$|^\W*(?:From|Von|De|Da): .*@.*:$",
    re.IGNORECASE,
)
_ORIGINAL = re.compile(
    r"^\W*-{3,} ?(?:Original Message|Ursprüngliche Nachricht|Message d'origine)", re.IGNORECASE
)
_FROM = re.compile(r"^\W*(?:From|Von|De|Da|Van|Från)\W*:\W", re.IGNORECASE)
_SENT = re.compile(
    r"^\W*(?:Sent|Date|Gesendet|Datum|Envoyé|Enviado|Inviato|Verzonden|Skickat)\W*:\W",
    re.IGNORECASE,
)
_RULE = re.compile(r"^[-_*\s]*$")
_LONGEST_LINE = 400
_KEPT_LINES = 4
_SIGNATURE_LINES = 15


def folded(text: str, *, forward: bool = False) -> str:
    """The text with quoted history and the signature each as one line that says so.

    Short quotes between the writer's own lines stay, since these answer them. With `forward` the
    mail passes on another one, so header blocks as Outlook writes them begin no history.
    """
    lines = text.split("\n")
    history = _history(lines, forward)
    own, rest = lines[:history], lines[history:]
    own, signature = _signature(own)
    kept: list[str] = []
    at = 0
    while at < len(own):
        end = at
        while end < len(own) and own[end].startswith(">"):
            end += 1
        last = not any(line.strip() for line in own[end:])
        if end == at or (end - at <= _KEPT_LINES and not last):
            kept += own[at : max(end, at + 1)]
        else:
            _drop_attribution(kept)
            kept.append(_fold("quoted history", end - at))
        at = max(end, at + 1)
    if not any(line.strip() and not line.startswith("[") for line in kept):
        return text
    if signature:
        kept.append(_fold("signature", signature))
    if rest:
        kept += ["", _fold("quoted history", len(rest))]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(kept)).strip()


def own_words(text: str) -> int:
    """How many characters of a mail's text come before the first words of somebody else."""
    at = 0
    lines = text.split("\n")
    for number, line in enumerate(lines):
        if line.startswith(">") or _FORWARD.match(line) or _begins_history(lines, number):
            return at
        at += len(line) + 1
    return len(text)


def _history(lines: Sequence[str], forward: bool) -> int:
    """The line at which unmarked history begins, as Outlook appends it; their number if none."""
    for number, line in enumerate(lines):
        if _FORWARD.match(line) or forward:
            break
        if number and _begins_history(lines, number):
            while number > 1 and _RULE.match(lines[number - 1]):
                number -= 1
            return number
    return len(lines)


def _begins_history(lines: Sequence[str], number: int) -> bool:
    line = lines[number][:_LONGEST_LINE]
    if _ORIGINAL.match(line):
        return True
    return bool(_FROM.match(line)) and any(_SENT.match(n) for n in lines[number + 1 : number + 4])


def _signature(lines: list[str]) -> tuple[list[str], int]:
    """The lines before a signature, and how many lines it has."""
    for number in range(max(len(lines) - _SIGNATURE_LINES, 1), len(lines)):
        if lines[number] in ("-- ", "--"):
            if any(line.startswith(">") for line in lines[number:]):
                return lines, 0
            return lines[:number], len(lines) - number - 1
    return lines, 0


def _drop_attribution(kept: list[str]) -> None:
    """Take away the "Ann wrote:" before a quote, which may be broken over two lines."""
    while kept and not kept[-1].strip():
        kept.pop()
    for lines in (1, 2):
        last = " ".join(kept[-lines:])
        if len(kept) >= lines and len(last) <= _LONGEST_LINE and _ATTRIBUTION.search(last):
            del kept[-lines:]
            return


def _fold(what: str, lines: int) -> str:
    return f"[{what}, {lines} line{'s' if lines != 1 else ''}: quotes=true shows it]"
