"""Long texts that were pasted: a mark in the prompt, and a file where the work is done.

What is pasted is often somebody else's. As a file it is read as such: it grants nothing.
"""

import re
import time
from pathlib import Path

_LONG = 2_000
_LINES = 20
_MARK = re.compile(r"\[pasted text (\d+), [\d,]+ (?:lines|characters)\]")


def is_long(text: str) -> bool:
    return len(text) > _LONG or text.count("\n") > _LINES


class Pasted:
    """The texts that stand behind the marks of one prompt."""

    def __init__(self) -> None:
        self._texts: list[str] = []

    def keep(self, text: str) -> str:
        """Keep a text; returns its mark."""
        self._texts.append(text)
        lines = text.count("\n") + 1
        size = f"{lines:,} lines" if lines > 1 else f"{len(text):,} characters"
        return f"[pasted text {len(self._texts)}, {size}]"

    def put_down(self, text: str, folder: Path | None) -> str:
        """The text with each mark replaced: by the name of a file in the folder, or by itself.

        Raises OSError where a file cannot be written.
        """

        def placed(found: re.Match[str]) -> str:
            number = int(found[1])
            if not 1 <= number <= len(self._texts):
                return found[0]
            whole = self._texts[number - 1]
            if folder is None:
                return f"\n\n{whole}\n\n"
            file = _free(folder / "pasted")
            file.write_text(whole, "utf-8")
            return f"(the text that I pasted is in the file {file.relative_to(folder)})"

        return _MARK.sub(placed, text)


def _free(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    stamp = time.strftime("%Y-%m-%d-%H%M%S")
    number = 1
    while (file := folder / f"{stamp}-{number}.txt").exists():
        number += 1
    return file
