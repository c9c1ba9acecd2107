"""What attachments say, as text; and what is said of those that cannot be read."""

from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from docx import Document
from mail_scene import mail, opened
from openpyxl import Workbook
from pypdf import PdfReader, PdfWriter

from m2agent.office.pdf import pdf
from m2agent_connectors.mail.contents import text_of
from m2agent_connectors.mail.message import Attachment

INVOICE = """\
Invoice 1042

Oak boards              10 x 72.40        724.00
Tung oil                 2 x 18.80         37.60

Total                                      761.60"""


def saying(name: str, data: bytes, type: str = "application/octet-stream") -> str:
    return text_of(Attachment(name, type, data))


def sheet() -> bytes:
    book = Workbook()
    first: Any = book.active
    first.title = "Lines"
    first.append(["Item", "Count", "Price"])
    first.append(["Oak", 10, 72.4])
    first.append(["Oil", 2, 18.8])
    book.create_sheet("Sum").append(["Total", 761.6])
    out = BytesIO()
    book.save(out)
    return out.getvalue()


def letter() -> bytes:
    document = Document()
    document.add_heading("Offer", 1)
    document.add_paragraph("Dear Ann,")
    table = document.add_table(2, 2)
    for cell, text in zip(
        [*table.rows[0].cells, *table.rows[1].cells], ["Oak", "724.00", "Oil", "37.60"], strict=True
    ):
        cell.text = text
    document.add_paragraph("Yours, Bob")
    out = BytesIO()
    document.save(out)
    return out.getvalue()


def test_a_pdf_keeps_its_columns_apart() -> None:
    text = saying("invoice.pdf", pdf(INVOICE))
    assert [line.split() for line in text.splitlines() if line] == [
        line.split() for line in INVOICE.splitlines() if line
    ]
    assert "72.40        724.00" in text or "72.40  " in text


def test_pages_of_a_pdf_are_told_apart() -> None:
    text = saying("long.pdf", pdf("\n".join(f"line {n}" for n in range(100))))
    assert text.startswith("--- page 1") and "--- page 2" in text and "line 99" in text


def test_a_workbook_is_its_sheets_with_tabs_between_cells() -> None:
    assert saying("lines.xlsx", sheet()) == (
        "--- sheet Lines\nItem\tCount\tPrice\nOak\t10\t72.4\nOil\t2\t18.8\n"
        "--- sheet Sum\nTotal\t761.6"
    )


def test_a_letter_is_its_paragraphs_and_tables_in_their_order() -> None:
    assert saying("offer.docx", letter()) == (
        "# Offer\nDear Ann,\nOak | 724.00\nOil | 37.60\nYours, Bob"
    )


@pytest.mark.parametrize(
    ("name", "type", "data", "text"),
    [
        (
            "a.csv",
            "application/vnd.ms-excel",
            "Größe;Preis\nM;1,5\n".encode(),
            "Größe;Preis\nM;1,5",
        ),
        ("a.csv", "text/csv", "Größe\n".encode("cp1252"), "Größe"),
        ("a.html", "text/html", b"<p>Hi <b>you</b></p><script>x</script>", "Hi **you**"),
        ("a.ics", "text/calendar", b"BEGIN:VCALENDAR\r\n", "BEGIN:VCALENDAR"),
        ("a.txt", "text/plain", b"a\x1b[31mb\x00c", "abc"),
        ("a.png", "image/png", b"\x89PNG", ""),
        ("a.zip", "application/zip", b"PK", ""),
        ("a.eml", "message/rfc822", mail("Hello", "Noon?"), "Subject: Hello\n\nNoon?"),
    ],
)
def test_what_is_text_is_told_and_what_is_none_is_not(
    name: str, type: str, data: bytes, text: str
) -> None:
    assert saying(name, data, type).endswith(text)
    assert bool(text) == bool(saying(name, data, type))


def encrypted() -> bytes:
    writer = PdfWriter(clone_from=PdfReader(BytesIO(pdf("Secret."))))
    writer.encrypt("word", algorithm="RC4-128")
    out = BytesIO()
    writer.write(out)
    return out.getvalue()


def scanned() -> bytes:
    writer = PdfWriter()
    writer.add_blank_page(200, 200)
    out = BytesIO()
    writer.write(out)
    return out.getvalue()


@pytest.mark.parametrize(
    ("name", "make", "words"),
    [
        ("a.pdf", encrypted, "protected by a password"),
        ("a.pdf", scanned, "only pictures"),
        ("a.pdf", lambda: b"%PDF-1.4 nonsense", "it is damaged"),
        ("a.docx", lambda: b"PK nonsense", "it is damaged"),
        ("a.xlsx", lambda: sheet()[:2_000], "it is damaged"),
    ],
)
def test_what_cannot_be_read_says_why(name: str, make: Callable[[], bytes], words: str) -> None:
    text = saying(name, make())
    assert text.startswith("[its text cannot be read: ") and words in text


def test_a_file_that_takes_too_long_is_given_up() -> None:
    attachment = Attachment("a.pdf", "application/pdf", pdf(INVOICE))
    assert "could not be read within 0.001 seconds" in text_of(attachment, seconds=0.001)


@pytest.mark.usefixtures("mailboxes_closed")
async def test_an_attachment_is_saved_with_what_it_says(tmp_path: Path) -> None:
    files = {"invoice.pdf": ("application/pdf", pdf(INVOICE))}
    box = await opened(tmp_path, mail("Invoice", "See there.", attachments=files))
    done = await box.do("save_attachment", id="m1", name_or_index="1")
    first, _, said = done.result.text.partition("\n\n")
    assert first.startswith("invoice.pdf  application/pdf")
    assert said == done.result.data["text"] and "761.60" in said
    assert await done.call.reconcile(done.op) == done.result
