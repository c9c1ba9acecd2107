"""Reads a stranger's file on standard input and prints its text: a process of its own, on a leash.

    python -m m2agent_connectors.mail.extract pdf < invoice.pdf

Ends with 1 and one line on standard error where that cannot be done.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from io import BytesIO

_MEMORY = 1 << 30  # bytes
_SECONDS = 25  # of CPU
_ROWS = 5_000  # of a sheet
_LONGEST = 2_000_000  # characters


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
        text = page.extract_text(extraction_mode="layout")
        found = found or bool(text.strip())
        yield f"--- page {number}" if len(reader.pages) > 1 else ""
        yield text
    if not found:
        raise Unreadable("it holds only pictures, such as a scan")


def docx(data: bytes) -> Iterator[str]:
    """Paragraphs and tables in their order; a table's row is a line, its cells between bars."""
    from docx import Document
    from docx.table import Table

    for part in Document(BytesIO(data)).iter_inner_content():
        if isinstance(part, Table):
            for row in part.rows:
                yield " | ".join(" ".join(cell.text.split()) for cell in row.cells)
        else:
            name = part.style.name if part.style else ""
            level = name.removeprefix("Heading ") if name else ""
            yield f"{'#' * int(level)} {part.text}" if level.isdigit() else part.text


def sheets(data: bytes) -> Iterator[str]:
    """Each sheet's rows as lines, with tabs between the cells."""
    from python_calamine import CalamineWorkbook

    book = CalamineWorkbook.from_filelike(BytesIO(data))
    for name in book.sheet_names:
        rows = book.get_sheet_by_name(name).to_python(skip_empty_area=True)
        if len(book.sheet_names) > 1:
            yield f"--- sheet {name}"
        for row in rows[:_ROWS]:
            yield "\t".join(map(_cell, row)).rstrip("\t")
        if len(rows) > _ROWS:
            yield f"[{len(rows) - _ROWS:,} more rows]"


def _cell(value: object) -> str:
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, float):
        return repr(round(value, 10))
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
        sys.stdout.buffer.flush()
    except ModuleNotFoundError as error:
        print(f"the package {error.name} is missing: pip install 'm2agent[files]'", file=sys.stderr)
        return 1
    except Unreadable as error:
        print(error, file=sys.stderr)
        return 1
    except MemoryError:
        print("it takes too much memory", file=sys.stderr)
        return 1
    except Exception as error:
        # Whatever a damaged file does to a library, it is no bug of ours.
        print(f"it is damaged ({type(error).__name__})", file=sys.stderr)
        return 1
    return 0


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
