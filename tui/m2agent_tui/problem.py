"""What went wrong, as a sentence with the way out; never a traceback."""

import traceback
from pathlib import Path

from m2agent.errors import M2Error, SetupError
from m2agent.printable import one_line, printable


def sentence(error: M2Error) -> str:
    """The error for the person who must act on it."""
    if isinstance(error, SetupError):
        return printable(f"{error.problem}\n{error.fix}")
    return printable(str(error))


def keep_bug(error: BaseException) -> str:
    """Write a bug's traceback to a file at home; returns what to say about it."""
    from m2agent.home import home
    from m2agent.secrets import Secrets

    mask = Secrets.known().mask
    where = _write(home() / "last-bug.txt", mask("".join(traceback.format_exception(error))))
    what = one_line(mask(f"{type(error).__name__}: {error}"), 200)
    return f"m2agent has a bug: {what}{where}\nThe run is kept. Enter goes on with it."


def _write(path: Path, text: str) -> str:
    try:
        path.write_text(text, "utf-8", errors="replace")
        path.chmod(0o600)
    except OSError:
        return ""
    return f"\nPlease report it with {path}"
