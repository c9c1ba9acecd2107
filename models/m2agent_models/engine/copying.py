"""Holds names, ids and numbers in a call to what was read or thought before it.

A small model knows what it means to write and then misspells a name that it has never seen. Here a
word with a digit in it, or with a capital letter inside a sentence, must be one that stands in the
prompt or in the turn so far. What the word is remains the model's choice; common words are free.
What is searched for is no sentence: every word with a capital in it is held to what was read.
An id or an address is copied word by word, and from the prompt: there is nothing else it could be.
"""

import re

_WORD = re.compile(r"\w+")
_FORMAT = re.compile(r"%[-+# ]?\d*\.?\Z")
"""What stands before a word of a printf format, which is no number: %.2f."""
_STARTS = re.compile(r"(?:\A|[.!?:]\s+|\n)\Z")
_PARAMETER = '<parameter name="'
_COPIES = frozenset(("id", "ids", "thread", "reply_to", "draft_id", "to", "cc", "bcc"))
"""Parameters that hold ids and addresses."""
_SEARCHES = frozenset(("query", "q", "search"))
_OPERATORS = ("AND", "OR", "NOT")
_OPEN, _CLOSE = '">', "</parameter>"


class Copying:
    """Follows one call, token by token. `read` is the prompt, `thought` the turn so far."""

    def __init__(self, read: str, thought: str = "") -> None:
        self._read = _Words(read)
        self._all = _Words(f"{read}\n{thought}")
        self._text = ""

    def accept(self, piece: str) -> None:
        self._text += piece

    def allows(self, piece: str) -> bool:
        """Whether the call may go on with this."""
        name, before = self._value()
        if before is None or not piece:
            return True
        after = before + piece
        closed = after.find(_CLOSE)
        whole = after if closed < 0 else after[:closed]
        start = len(before) - len(_trailing(before))
        for word in _WORD.finditer(whole, start):
            open_end = word.end() == len(whole) and closed < 0
            if name in _COPIES:
                fits = self._read.hold(word[0], open_end=open_end)
            else:
                free = _free_in_search if name in _SEARCHES else _free_in_text
                fits = free(word[0], whole[: word.start()]) or self._all.hold(
                    word[0], open_end=open_end
                )
            if not fits:
                return False
        return True

    def _value(self) -> tuple[str, str | None]:
        """The value that is being written, if one is, and the name of its parameter."""
        at = self._text.rfind(_PARAMETER)
        if at < 0:
            return "", None
        named = at + len(_PARAMETER)
        opened = self._text.find(_OPEN, named)
        if opened < 0:
            return "", None
        value = self._text[opened + len(_OPEN) :]
        return self._text[named:opened], None if _CLOSE in value else value


def _free_in_text(word: str, before: str) -> bool:
    numbered = any(char.isdigit() for char in word)
    shouted = word.isupper() and len(word) > 1
    named = word[0].isupper() and not shouted and not _STARTS.search(before)
    return not (numbered or named) or _FORMAT.search(before) is not None


def _free_in_search(word: str, _before: str) -> bool:
    operator = any(known.startswith(word) for known in _OPERATORS)
    return operator or not any(char.isupper() or char.isdigit() for char in word)


class _Words:
    """The words of a text, whatever their case, and how they begin."""

    def __init__(self, text: str) -> None:
        self._whole = set(_WORD.findall(text.casefold()))
        self._beginnings = {word[:end] for word in self._whole for end in range(1, len(word) + 1)}

    def hold(self, word: str, *, open_end: bool) -> bool:
        return word.casefold() in (self._beginnings if open_end else self._whole)


def _trailing(text: str) -> str:
    found = re.search(r"\w+\Z", text)
    return found[0] if found else ""
