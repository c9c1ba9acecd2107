"""What a closing report says was done, in the words in which reports say it.

"I sent", "the reply was sent", "Sent: ..." are claims; what somebody else did, what was not done
and what will be done are none. English is read closely, of other languages the first person.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

MARK = re.compile(r"\[([a-z_]+) ([^\[\]\s]+)\]")
EARLIER = re.compile(r"\b(?:earlier|before|already|previous(?:ly)?|last time)\b", re.IGNORECASE)


@dataclass(frozen=True)
class Claim:
    """`words` say that `count` effects of a kind happened; `sentence` is where they stand."""

    words: str
    kind: str
    count: int
    sentence: str

    @property
    def earlier(self) -> bool:
        """Whether it is about what was done before the task."""
        return EARLIER.search(self.sentence) is not None

    @property
    def own(self) -> bool:
        """Whether it says who did it."""
        return _OWN.match(self.words) is not None


def claims(report: str) -> Iterator[Claim]:
    """Every claim of a report, in the order of kinds."""
    text = _unquoted(report)
    for kind, ways in _WAYS.items():
        found = (match for way in ways for match in way.finditer(text))
        for match in sorted(found, key=re.Match[str].start):
            begin, sentence = _sentence(text, match.start())
            said, after = text[begin : match.end()], text[match.end() : begin + len(sentence)]
            clause = re.split(r"[,:;—]", said)[-1]
            if _DENIED.search(clause) or _NOTHING.match(after):
                continue
            if _OPEN.search(said) or _TO_COME.search(clause):
                continue
            words = report[match.start() : match.end()].strip(" \n\t-*•.!?;")
            counted = _COUNTED.match(after) or (_OWN.match(words) is None and _COUNT.search(clause))
            count = _number(counted["count"]) if counted else 1
            yield Claim(words, kind, count, report[begin : begin + len(sentence)])


def denies(report: str) -> bool:
    """Whether it says anywhere that something was not done, or went wrong."""
    return bool(_DENIED.search(report) or _WENT_WRONG.search(report))


def sentence_at(report: str, at: int) -> str:
    """The sentence, or line, in which something stands."""
    return _sentence(report, at)[1]


def _sentence(text: str, at: int) -> tuple[int, str]:
    begin = max(text.rfind(c, 0, at) for c in "!?\n")
    begin = max(begin, text.rfind(". ", 0, at), at - _LONG) + 1
    return begin, re.split(r"[.!?](?:\s|$)|\n", text[begin : at + _LONG], maxsplit=1)[0]


def _unquoted(report: str) -> str:
    """The report with blanks in place of what it quotes from mails and pages."""
    return _QUOTED.sub(lambda quoted: re.sub(r"\S", " ", quoted.group(0)), report)


def _number(word: str) -> int:
    return int(word) if word.isdigit() else _NUMBERS[word.lower()]


_LONG = 500  # characters of a sentence, before a word and after it
_OWN = re.compile(r"I\b")
_QUOTED = re.compile(r"“[^”\n]*”|\"[^\"\n]*\"|«[^»\n]*»|„[^“”\n]*[“”]|^>.*$", re.MULTILINE)
_DENIED = re.compile(
    r"\b(?:not|never|no|none|nothing|nobody|neither|nor|without|unsent|cannot"
    r"|nicht|nichts|keine?[nmrs]?|nie|pas|rien|jamais|aucune?|ning[uú]n[ao]?|nada|nunca|non"
    r"|nessun[ao]?|niet|geen|niets|não)\b|n['\u2019]t\b",
    re.IGNORECASE,
)
_WENT_WRONG = re.compile(
    r"fail|error|unable|impossib|problem|wrong|stuck|blocked|declin|refus|cancel"
    r"|fehl|abgelehnt|erreur|échou|fall[óo]|mislukt|fout|erro\b|falh|失败|错误|无法|没有|エラー|ません",
    re.IGNORECASE,
)
_NOTHING = re.compile(r"\s*:?\s*(?:to )?(?:nothing|none|no|nobody|0)\b", re.IGNORECASE)
_OPEN = re.compile(
    r"\b(?:if|unless|until|whether|as soon as|once (?:you|it|this|they|approved))\b", re.IGNORECASE
)
_TO_COME = re.compile(r"\b(?:will|would|should|could|can|may|must|to be)\b", re.IGNORECASE)

_ADVERBS = r"(?:(?:\w+ly|also|now|just|already|then|all|both|each) )*"
_OUT = r"(?:e-?mails?|mails?|repl(?:y|ies)|answers?|responses?|messages?|reminders?|drafts?)"
_THINGS = rf"(?:{_OUT}|rows?|pages?|notes?|entr(?:y|ies)|invoices?)"
_BETWEEN = r"(?: (?!from\b|by\b|of\b|that\b|which\b|who\b|were\b|was\b)[^\s.,:;!?]+){0,5}"
_DATED = r"(?! (?:\w+ )?(?:by|from)\b| (?:on (?:\w+day|the|\d)|in \d|last|before)\b)"
_FIRST = (
    rf"\bI(?:['\u2019]ve| have)? {_ADVERBS}"
    rf"(?:(?:went ahead|\w+ed\b[^.;:!?\n]{{0,60}}|(?:wrote|made)\b[^.;:!?\n]{{0,60}}),? and "
    rf"{_ADVERBS})?"
)
_START = (
    r"(?:^|(?<=[.!?;] ))[^\w\n]*"
    r"(?:(?:done|all done|yes|ok(?:ay)?|success)\b\W{1,3}|successfully )?"
)
_SOME = r"(?:(?:the|all|both|a|an|my|your|new|\d+) )*"
_WORDS = "two three four five six seven eight nine ten eleven twelve"
_NUMBERS = {"both": 2, **{word: n for n, word in enumerate(_WORDS.split(), start=2)}}
_NUMBER = rf"(?P<count>\d{{1,6}}|{'|'.join(_NUMBERS)})"
_COUNTED = re.compile(
    rf" (?:(?:out|off|all|the|of|them|to \w+) ){{0,3}}{_NUMBER} (?:\w+ ){{0,2}}{_OUT}\b",
    re.IGNORECASE,
)
_COUNT = re.compile(rf"\b{_NUMBER} (?:\w+ ){{0,2}}{_OUT}\b", re.IGNORECASE)


def _ways(verb: str, things: str, *more: str) -> list[re.Pattern[str]]:
    """How English reports say that something was done, and `more` ways of saying it."""
    ways = [
        rf"{_FIRST}{verb}\b",
        rf"\b{things}{_BETWEEN} (?:was|were|is|are|has been|have been) {_ADVERBS}{verb}\b{_DATED}",
        rf"\b(?:it|they|all|both|everything) (?:was|were|is|are|has been|have been) "
        rf"{_ADVERBS}{verb}\b{_DATED}",
        rf"{_START}{verb}\b",
        rf"{_START}{_SOME}(?:\w+ )?{things}(?: (?:to|for) [^.;:\n]{{1,40}})? {verb}\b"
        r"(?! (?:by|from|on|in|last|this|since|before)\b)",
        *more,
    ]
    return [re.compile(way, re.IGNORECASE | re.MULTILINE) for way in ways]


def _abroad(sent: str) -> str:
    """The first person in German, French, Spanish, Italian, Dutch and Portuguese."""
    first = r"\b(?:ich habe|habe ich|j['\u2019]ai|he|ho|ik heb|heb ik|eu)\b"
    return rf"{first}[^.;!?\n]{{0,80}}\b(?:{sent})\b"


_MADE = r"(?:created|prepared|saved|wrote|written|made)"
_WAYS = {
    "message": _ways(
        r"(?:sent|e-?mailed|mailed|replied|forwarded)",
        _OUT,
        _abroad(
            r"gesendet|geschickt|verschickt|versendet|versandt|abgeschickt|weitergeleitet"
            r"|envoyé(?:e?s?)|transféré(?:e?s?)|enviado|reenviado|inviat[oaie]|mandat[oaie]"
            r"|verstuurd|verzonden|gestuurd|enviei|mandei"
        ),
    ),
    "draft": _ways(
        "drafted",
        _OUT,
        rf"{_FIRST}{_MADE}\b[^.;:!?\n]{{0,30}}\bdrafts?\b",
        rf"\bdrafts?{_BETWEEN} (?:was|were|has been|have been) {_ADVERBS}{_MADE}\b{_DATED}",
        rf"{_START}{_SOME}drafts? {_MADE}\b",
        _abroad(r"entworfen|rédigé(?:e?s?)|redactado|redatt[oaie]|opgesteld|redigi"),
    ),
    "label": _ways("(?:labell?ed|archived)", rf"(?:{_OUT}|newsletters?)"),
    "change": _ways(
        "(?:entered|recorded|filed)",
        _THINGS,
        rf"{_FIRST}(?:created|added(?! up| together)|updated|deleted|trashed|moved|saved|inserted)"
        rf"\b[^.;:!?\n]{{0,40}}\b(?:{_THINGS}|tables?|files?|labels?|comments?|records?)\b",
        _abroad(
            r"eingetragen|angelegt|gelöscht|verschoben|inscrit(?:e?s?)|supprimé(?:e?s?)"
            r"|registrado|borrado|eliminad[oa]|registrat[oaie]|cancellat[oaie]|ingevoerd|registrei"
        ),
    ),
}
