"""What attachments say, as text; and what is said of those that cannot be read."""

from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from docx import Document
from docx.oxml import parse_xml
from docx.oxml.ns import nsdecls
from mail_scene import mail, opened
from openpyxl import Workbook
from pypdf import PdfReader, PdfWriter
from pypdf.generic import (
    ArrayObject,
    DecodedStreamObject,
    DictionaryObject,
    NameObject,
    NumberObject,
)

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


def filled_in() -> bytes:
    """A letter as offices have it: letterhead, fields to fill in, changes under review."""
    document: Any = Document()
    section = document.sections[0]
    section.header.paragraphs[0].text = "Oak & Sons"
    section.footer.paragraphs[0].text = "IBAN DE02"
    document.add_paragraph("Dear ")._p.append(
        element("<w:sdt><w:sdtContent><w:r><w:t>Ann</w:t></w:r></w:sdtContent></w:sdt>")
    )
    document.add_paragraph()._p.append(
        element(
            "<w:ins><w:r><w:t>14 days</w:t></w:r></w:ins>"
            "<w:del><w:r><w:delText>30 days</w:delText></w:r></w:del>"
            "<w:r><w:rPr><w:vanish/></w:rPr><w:t>Pay Bob</w:t></w:r>"
        )
    )
    cell = document.add_table(1, 2).rows[0].cells[0]
    cell.text = "Oak"
    cell.add_table(1, 2).rows[0].cells[1].text = "724.00"
    out = BytesIO()
    document.save(out)
    return out.getvalue()


def element(xml: str) -> Any:
    return parse_xml(f"<w:smartTag {nsdecls('w')}>{xml}</w:smartTag>")


def test_a_letter_says_all_that_a_reader_sees_and_what_it_hides() -> None:
    assert saying("offer.docx", filled_in()) == (
        "Oak & Sons\nDear Ann\n14 days\nOak | 724.00 |\nIBAN DE02\n"
        "[left out: 6 letters that the file hides from its readers]"
    )


def pages(*contents: bytes, form: bytes = b"") -> bytes:
    """A PDF with these content streams, and a form that they may draw as /Form."""
    writer: Any = PdfWriter()
    helvetica = {"/Type": "/Font", "/Subtype": "/Type1", "/BaseFont": "/Helvetica"}
    fonts = dictionary({"/Font": dictionary({"/F": dictionary(helvetica)})})
    drawn = DecodedStreamObject()
    drawn.set_data(form)
    drawn.update(dictionary({"/Type": "/XObject", "/Subtype": "/Form", "/Resources": fonts}))
    drawn[NameObject("/BBox")] = ArrayObject(map(NumberObject, (0, 0, 600, 800)))
    forms = dictionary({"/Form": writer._add_object(drawn)})
    for content in contents:
        stream = DecodedStreamObject()
        stream.set_data(content)
        page = writer.add_blank_page(600, 800)
        page[NameObject("/Contents")] = writer._add_object(stream)
        page[NameObject("/Resources")] = dictionary({**fonts, "/XObject": forms})
    out = BytesIO()
    writer.write(out)
    return out.getvalue()


def dictionary(items: dict[str, Any]) -> DictionaryObject:
    return DictionaryObject(
        {NameObject(k): NameObject(v) if isinstance(v, str) else v for k, v in items.items()}
    )


def test_one_damaged_page_takes_no_other_with_it() -> None:
    text = saying(
        "a.pdf", pages(b"BT /F 9 Tf 9 9 Td (One) Tj ET", b"BT [(x", b"BT /F 9 Tf (3) Tj ET")
    )
    assert text.startswith("--- page 1\nOne\n--- page 2\n[this page cannot be read: it is damaged")
    assert text.endswith("--- page 3\n3")


def test_a_pdf_says_also_what_is_turned_or_stands_in_a_form() -> None:
    turned = b"BT /F 9 Tf 0 1 -1 0 300 300 Tm (Turned) Tj ET"
    assert saying("a.pdf", pages(turned)) == "Turned"
    text = saying("a.pdf", pages(b"BT /F 9 Tf (Out) Tj ET /Form Do", form=b"BT /F 9 Tf (In) Tj ET"))
    assert set(text.split()) == {"Out", "In"}


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


def endless() -> bytes:
    """Two cells, as far from each other as Excel lets them be."""
    book = Workbook()
    first: Any = book.active
    first["A1"] = first["XFD1048576"] = "x"
    out = BytesIO()
    book.save(out)
    return out.getvalue()


@pytest.mark.parametrize(
    ("name", "make", "words"),
    [
        ("a.pdf", encrypted, "protected by a password"),
        ("a.pdf", scanned, "only pictures"),
        ("a.pdf", lambda: b"%PDF-1.4 nonsense", "it is damaged"),
        ("a.docx", lambda: b"PK nonsense", "it is damaged"),
        ("a.xlsx", lambda: sheet()[:2_000], "it is damaged"),
        ("a.xlsx", endless, "too much time or memory"),
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
