"""What went wrong, as a sentence with the way out; never a traceback."""

import re
import shlex
import traceback
from pathlib import Path

from m2agent.errors import M2Error, SetupError
from m2agent.printable import one_line, printable


def sentence(error: M2Error) -> str:
    """The error for the person who must act on it."""
    if isinstance(error, SetupError):
        return printable(f"{error.problem}\n{error.fix}")
    return printable(str(error))


_DONE_HERE = re.compile(
    r"m2agent ((?:connect|models pull|models key|mcp login|mcp secret)(?: [\w./:@-]+)+)"
)


def way_out(error: M2Error) -> list[str]:
    """The words of the command of m2agent that puts it right, where that can be done here."""
    found = _DONE_HERE.search(error.fix) if isinstance(error, SetupError) else None
    return shlex.split(found[1]) if found else []


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
