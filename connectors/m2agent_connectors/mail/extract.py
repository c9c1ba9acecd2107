"""Reads a stranger's file on standard input and prints its text: a process of its own, on a leash.

    python -m m2agent_connectors.mail.extract pdf < invoice.pdf

Ends with 1 and one line on standard error where that cannot be done.
"""

import re
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from io import BytesIO
from typing import Any

_MEMORY = 1 << 30  # bytes
_SECONDS = 25  # of CPU
_ROWS = 5_000  # of a sheet
_LONGEST = 2_000_000  # characters
_GAP = re.compile(" {80,}")
_WIDEST_GAP = " " * 80  # between two columns, however far apart they lie


class Unreadable(Exception):
    """Why there is no text, in a few words."""


def pdf(data: bytes) -> Iterator[str]:
    """Page after page, with columns kept apart as far as the file tells where they are."""
    from pypdf import PdfReader

    reader = PdfReader(BytesIO(data))
    if reader.is_encrypted and not reader.decrypt(""):
        raise Unreadable("it is protected by a password")
    found = False
    for number, page in enumerate(reader.pages, 1):
        try:
            text = _page(page)
        except Exception as error:
            text = f"[this page cannot be read: it is damaged ({type(error).__name__})]"
        found = found or bool(text.strip())
        yield f"--- page {number}" if len(reader.pages) > 1 else ""
        yield text
    if not found:
        raise Unreadable("it holds only pictures, such as a scan")


def _page(page: Any) -> str:
    """As it lies on the page; or only its words, where laying it out would lose some of them."""
    laid_out = _GAP.sub(_WIDEST_GAP, page.extract_text(extraction_mode="layout"))
    if laid_out.strip() and not _has_forms(page):
        return laid_out
    words = page.extract_text()  # turned text, too, and what stands in forms within the page
    return words if _letters(words) > _letters(laid_out) else laid_out


def _has_forms(page: Any) -> bool:
    resources = page.get("/Resources")
    drawn = resources and resources.get_object().get("/XObject")
    each = drawn.get_object().values() if drawn else ()
    return any(one.get_object().get("/Subtype") == "/Form" for one in each)


def _letters(text: str) -> int:
    return sum(map(str.isalnum, text))


def docx(data: bytes) -> Iterator[str]:
    """Line after line, and at the end how much of it nobody would see."""
    from m2agent_connectors.mail.letter import Letter

    letter = Letter(BytesIO(data))
    yield from letter.lines()
    if letter.hidden:
        yield f"[left out: {letter.hidden:,} letters that the file hides from its readers]"


def sheets(data: bytes) -> Iterator[str]:
    """Each sheet's rows as lines, with tabs between the cells."""
    from python_calamine import CalamineWorkbook, SheetVisibleEnum

    book = CalamineWorkbook.from_filelike(BytesIO(data))
    for sheet in book.sheets_metadata:
        rows = book.get_sheet_by_name(sheet.name).to_python(skip_empty_area=True)
        seen = sheet.visible == SheetVisibleEnum.Visible
        if len(book.sheet_names) > 1:
            yield f"--- sheet {sheet.name}{'' if seen else ' (hidden)'}"
        for row in rows[:_ROWS]:
            yield "\t".join(map(_cell, row)).rstrip("\t")
        if len(rows) > _ROWS:
            yield f"[{len(rows) - _ROWS:,} more rows]"


def _cell(value: object) -> str:
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, float):
        return repr(round(value, 10))
    if isinstance(value, timedelta):
        minutes, seconds = divmod(round(value.total_seconds()), 60)
        return f"{minutes // 60}:{minutes % 60:02}:{seconds:02}"
    return " ".join(str(value).split())


_KINDS: dict[str, Callable[[bytes], Iterator[str]]] = {"pdf": pdf, "docx": docx, "sheets": sheets}


def main() -> int:
    _leash()
    try:
        length = 0
        for piece in _KINDS[sys.argv[1]](sys.stdin.buffer.read()):
            sys.stdout.buffer.write(piece.encode("utf-8", "replace") + b"\n")
            length += len(piece)
            if length > _LONGEST:
                break
        return 0
    except ModuleNotFoundError as error:
        reason = f"the package {error.name} is missing: pip install 'm2agent[files]'"
    except Unreadable as error:
        reason = str(error)
    except MemoryError:
        reason = "it takes too much memory"
    except BaseException as error:
        # Whatever a damaged file does to a library, it is no bug of ours. What those written in
        # Rust raise when they give up is no Exception.
        reason = f"it is damaged ({type(error).__name__})"
    finally:
        sys.stdout.buffer.flush()
    print(reason, file=sys.stderr)
    return 1


def _leash() -> None:
    """Limit memory and time, where the system can."""
    with suppress(ImportError, OSError, ValueError):
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
        resource.setrlimit(resource.RLIMIT_CPU, (_SECONDS, _SECONDS))


if __name__ == "__main__":
    # It reads one file and is gone: libraries' own remarks about it are of no use to anybody.
    import logging
    import warnings

    logging.disable()
    warnings.simplefilter("ignore")
    sys.exit(main())
