"""Holds names, ids and numbers in a call to what was read or thought before it.

A small model knows what it means to write and then misspells a name that it has never seen. Here a
word with a digit in it, or with a capital letter inside a sentence, must be one that stands in the
prompt or in the turn so far. What the word is remains the model's choice; common words are free.
"""

import re

_WORD = re.compile(r"\w+")
_FORMAT = re.compile(r"%[-+# ]?\d*\.?\Z")
"""What stands before a word of a printf format, which is no number: %.2f."""
_STARTS = re.compile(r"(?:\A|[.!?:]\s+|\n)\Z")
_PARAMETER = '<parameter name="'
_OPEN, _CLOSE = '">', "</parameter>"


class Copying:
    """Follows one call, token by token. `read` is all text before it."""

    def __init__(self, read: str) -> None:
        self._known: set[str] = set()
        self._beginnings: set[str] = set()
        for word in set(_WORD.findall(read.casefold())):
            self._known.add(word)
            self._beginnings.update(word[:end] for end in range(1, len(word) + 1))
        self._text = ""

    def accept(self, piece: str) -> None:
        self._text += piece

    def allows(self, piece: str) -> bool:
        """Whether the call may go on with this."""
        before = self._value()
        if before is None or not piece:
            return True
        after = before + piece
        closed = after.find(_CLOSE)
        whole = after if closed < 0 else after[:closed]
        start = len(before) - len(_trailing(before))
        for word in _WORD.finditer(whole, start):
            open_end = word.end() == len(whole) and closed < 0
            if not self._fits(word[0], whole[: word.start()], open_end=open_end):
                return False
        return True

    def _fits(self, word: str, before: str, *, open_end: bool) -> bool:
        numbered = any(char.isdigit() for char in word)
        shouted = word.isupper() and len(word) > 1
        named = word[0].isupper() and not shouted and not _STARTS.search(before)
        if not (numbered or named) or _FORMAT.search(before):
            return True
        known = self._beginnings if open_end else self._known
        return word.casefold() in known

    def _value(self) -> str | None:
        """The value that is being written, if one is."""
        at = self._text.rfind(_PARAMETER)
        if at < 0:
            return None
        opened = self._text.find(_OPEN, at + len(_PARAMETER))
        if opened < 0:
            return None
        value = self._text[opened + len(_OPEN) :]
        return None if _CLOSE in value else value


def _trailing(text: str) -> str:
    found = re.search(r"\w+\Z", text)
    return found[0] if found else ""
