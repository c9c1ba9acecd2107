"""The programs that only read, and with which options they still do.

A program is either harmless whatever it is given, or has a function that looks at its words. An
option that is not named here is not allowed, and nor is a word that an expansion could turn into
one: a file can be called `-delete`.
"""

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from enum import IntEnum


class Becomes(IntEnum):
    """What bash makes of a word: itself, or some that all begin so (files' names), or any."""

    ONE, SOME, ANY = range(3)


@dataclass(frozen=True)
class Word:
    """One word of a command, before bash expands it; `start` is how it surely begins."""

    start: str
    known: bool = True
    becomes: Becomes = Becomes.ONE

    @property
    def literal(self) -> str | None:
        return self.start if self.known else None

    @property
    def is_operand(self) -> bool:
        """Whether no program can take it, or what becomes of it, for an option."""
        if self.known:
            return not self.start.startswith("-") or self.start == "-"
        return self.becomes != Becomes.ANY and self.start[:1] not in ("", "-")


@dataclass(frozen=True)
class _Options:
    """Letters of options without and with a value, and long options."""

    flags: str = ""
    valued: str = ""
    long: Collection[str] = ()

    def split(self, words: Sequence[Word]) -> tuple[list[tuple[str, Word]], list[Word]] | None:
        """The values by option, and the operands; None where something else may be there."""
        values: list[tuple[str, Word]] = []
        operands: list[Word] = []
        rest = list(words)
        while rest:
            word = rest.pop(0)
            text = word.literal
            if text == "--":
                return values, operands + rest
            if word.is_operand:
                operands.append(word)
            elif text is None:
                return None
            elif text.startswith("--"):
                if text[2:].partition("=")[0] not in self.long:
                    return None
            else:
                letters = text[1:].lstrip(self.flags) if self.flags else text[1:]
                if not letters:
                    continue
                if letters[0] not in self.valued:
                    return None
                if not letters[1:] and (not rest or rest[0].becomes != Becomes.ONE):
                    return None
                value = Word(letters[1:]) if letters[1:] else rest.pop(0)
                values.append((letters[0], value))
        return values, operands


def only_reads(program: str, words: Sequence[Word]) -> bool:
    """Whether this program, given these words, changes nothing and starts nothing that does."""
    if program in _WHATEVER:
        return True
    check = _CHECKS.get(program)
    return check is not None and check(words)


def names(text: str) -> frozenset[str]:
    """A set of names that are written one after the other."""
    return frozenset(text.split())


def is_plain_variable(name: str) -> bool:
    """Whether a variable means nothing to bash or to programs: theirs are in capitals."""
    return bool(re.fullmatch(r"[a-z][a-z0-9_]*", name)) and name not in ("auto_resume", "histchars")


_WHATEVER = names(
    "cat head tail grep egrep fgrep wc cut tr paste comm join diff cmp ls stat du df echo seq expr"
    " true false : bc jq nl tac rev fold column od hexdump md5sum sha1sum sha256sum sha512sum cksum"
    " pwd basename dirname realpath readlink which type id whoami uname printenv sleep cd break"
    " continue"
)


def _with(options: _Options, most: int | None = None) -> Callable[[Sequence[Word]], bool]:
    """These options, and at most so many operands (a further one would be written to)."""

    def check(words: Sequence[Word]) -> bool:
        found = options.split(words)
        if found is None:
            return False
        operands = found[1]
        exact = all(word.becomes == Becomes.ONE for word in operands)
        return most is None or (len(operands) <= most and exact)

    return check


def _date(words: Sequence[Word]) -> bool:
    """An operand that is no format would set the clock."""
    found = _Options("uRI", "dr", ("date", "utc", "universal", "iso-8601", "rfc-3339")).split(words)
    return found is not None and all(word.start.startswith("+") for word in found[1])


_FIND = names("""
-H -L -P -a -and -o -or -not -amin -anewer -atime -cmin -cnewer -ctime -daystart -depth -empty
-executable -false -follow -group -iname -inum -ipath -iregex -iwholename -links -ls -lname
-maxdepth -mindepth -mmin -mount -mtime -name -newer -newermt -nogroup -nouser -path -perm -print
-print0 -printf -prune -quit -readable -regex -regextype -samefile -size -true -type -uid -user
-wholename -writable -xdev
""")


def _find(words: Sequence[Word]) -> bool:
    return all(word.is_operand or word.literal in _FIND for word in words)


# A few commands of sed that print, select and replace. A bracket that holds the delimiter is
# refused, since versions of sed differ in where such a pattern ends.
_SED_ADDRESS = r"(?:\d+|\$|/(?:\\.|\[\^?\]?[^\]/\\\n]*\]|[^\\/\[\n])*/)"
_SED_PART = r"(?:\\.|\[\^?\]?(?:(?!(?P=delimiter))[^\]\\\n])*\]|(?!(?P=delimiter))[^\\\[\n])*"
_SED_REPLACEMENT = r"(?:\\.|(?!(?P=delimiter))[^\\\n])*"
_SED_COMMAND = re.compile(
    rf"\s*(?:{_SED_ADDRESS}(?:,{_SED_ADDRESS})?\s*!?\s*)?"
    rf"(?:[pdqn=]|s(?P<delimiter>[/|,:#@%!]){_SED_PART}(?P=delimiter){_SED_REPLACEMENT}"
    r"(?P=delimiter)[gpiI0-9]*)\s*(?:[;\n]\s*|$)"
)


def _sed(words: Sequence[Word]) -> bool:
    found = _Options("nErsuz", "e", ("quiet", "silent", "regexp-extended")).split(words)
    if found is None:
        return False
    values, operands = found
    scripts = [value for _, value in values] or operands[:1]
    return bool(scripts) and all(word.known and _sed_prints(word.start) for word in scripts)


def _sed_prints(script: str) -> bool:
    at = 0
    while at < len(script):
        found = _SED_COMMAND.match(script, at)
        if not found:
            return False
        at = found.end()
    return True


def _awk(words: Sequence[Word]) -> bool:
    """Options end at the program; whatever follows is a file, or a variable of awk's."""
    rest = list(words)
    while rest and rest[0].start.startswith("-"):
        option = rest.pop(0).literal
        if option is None or option[:2] not in ("-F", "-v"):
            return False
        if len(option) == 2 and (not rest or rest.pop(0).becomes != Becomes.ONE):
            return False
    return bool(rest) and rest[0].known and _awk_prints(rest[0].start)


def _awk_prints(program: str) -> bool:
    """No other programs, no network, and nothing after a print that could name a file."""
    if re.search(r"system|@|/inet", program) or "|" in program.replace("||", ""):
        return False
    printing = program.find("print")
    return printing < 0 or ">" not in program[printing:]


def _printf(words: Sequence[Word]) -> bool:
    """A known format, which assigns nothing."""
    return bool(words) and words[0].known and words[0].is_operand and "%n" not in words[0].start


def _read(words: Sequence[Word]) -> bool:
    found = _Options("rs", "dnpt").split(words)
    return found is not None and all(
        word.known and is_plain_variable(word.start) for word in found[1]
    )


def _set(words: Sequence[Word]) -> bool:
    """Only what makes a script stop at an error."""
    text = " ".join(word.literal or "?" for word in words)
    return bool(re.fullmatch(r"(?:-[eu]+ ?|-[eu]*o (?:pipefail|errexit|nounset) ?)+", text))


def _command(words: Sequence[Word]) -> bool:
    return len(words) > 1 and words[0].literal in ("-v", "-V")


def _xargs(words: Sequence[Word]) -> bool:
    """What comes in may be an option, so only for programs that are harmless with any."""
    rest = list(words)
    while rest and rest[0].start.startswith("-"):
        option = rest.pop(0).literal
        if option is None or not re.fullmatch(r"-[0rt]+|-[nLIPsd].*", option):
            return False
        if re.fullmatch(r"-[nLIPsd]", option) and (not rest or rest.pop(0).becomes != Becomes.ONE):
            return False
    return not rest or (rest[0].literal or "?") in _WHATEVER


UNARY_TESTS = frozenset(f"-{letter}" for letter in "abcdefghknprstuwxzGLNOS")
TEXT_TESTS = names("= == != < > -nt -ot -ef")
NUMBER_TESTS = names("-eq -ne -lt -le -gt -ge")


def _test(words: Sequence[Word]) -> bool:
    """The operator must be known: `-v` evaluates what its operand holds."""
    rest = list(words)
    if any(word.becomes != Becomes.ONE for word in rest):
        return False
    while rest and rest[0].literal == "!":
        rest.pop(0)
    match len(rest):
        case 1:
            return True
        case 2:
            return rest[0].literal in UNARY_TESTS
        case 3:
            return rest[1].literal in TEXT_TESTS | NUMBER_TESTS
        case _:
            return False


_SORT_LONG = names(
    "ignore-leading-blanks dictionary-order ignore-case general-numeric-sort ignore-nonprinting"
    " month-sort human-numeric-sort numeric-sort random-sort reverse version-sort check key merge"
    " stable field-separator unique zero-terminated sort"
)

_CHECKS: dict[str, Callable[[Sequence[Word]], bool]] = {
    "sort": _with(_Options("bcCdfghiMmnRrsuVz", "kt", _SORT_LONG)),
    "uniq": _with(_Options("cdDiuz", "fsw", ("count", "repeated", "unique", "ignore-case")), 1),
    "file": _with(_Options("bhikLNpsz", "", ("brief", "mime", "mime-type", "mime-encoding"))),
    "base64": _with(_Options("dDi", "w", ("decode", "wrap", "ignore-garbage")), 1),
    "xxd": _with(_Options("abeipru", "cgls"), 1),
    "date": _date,
    "find": _find,
    "sed": _sed,
    "awk": _awk,
    "gawk": _awk,
    "mawk": _awk,
    "printf": _printf,
    "read": _read,
    "set": _set,
    "command": _command,
    "xargs": _xargs,
    "test": _test,
}
