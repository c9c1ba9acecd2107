"""A PDF with real text, from nothing but the standard library.

One typeface with fixed widths, A4, uncompressed: what is in it can be found with grep.
"""

from collections.abc import Sequence

_LINES = 58
_HEAD = b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n"


def pdf(text: str, *, title: str = "") -> bytes:
    """The text as pages of a PDF, its lines as they are; what Latin-1 lacks becomes "?"."""
    lines = text.split("\n")
    pages = [lines[i : i + _LINES] for i in range(0, len(lines), _LINES)]
    kids = " ".join(f"{5 + 2 * n} 0 R" for n in range(len(pages)))
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>".encode(),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Courier /Encoding /WinAnsiEncoding >>",
        b"<< /Title " + _string(title) + b" >>",
    ]
    for number, page in enumerate(pages):
        objects += [
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842]"
            b" /Resources << /Font << /F1 3 0 R >> >>"
            + f" /Contents {6 + 2 * number} 0 R >>".encode(),
            _stream(page),
        ]
    return _file(objects)


def _stream(lines: Sequence[str]) -> bytes:
    shown = b"".join(_string(line) + b" Tj T*\n" for line in lines)
    content = b"BT\n/F1 10 Tf\n13 TL\n56 786 Td\n" + shown + b"ET\n"
    return f"<< /Length {len(content)} >>\nstream\n".encode() + content + b"endstream"


def _string(text: str) -> bytes:
    escaped = text.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")
    return b"(" + escaped.encode("cp1252", "replace") + b")"


def _file(objects: Sequence[bytes]) -> bytes:
    """The objects with their numbers, the table of where each begins, and the trailer."""
    out = bytearray(_HEAD)
    places: list[int] = []
    for number, body in enumerate(objects, start=1):
        places.append(len(out))
        out += f"{number} 0 obj\n".encode() + body + b"\nendobj\n"
    table = len(out)
    out += f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n".encode()
    out += b"".join(f"{place:010d} 00000 n \n".encode() for place in places)
    out += f"trailer\n<< /Size {len(objects) + 1} /Root 1 0 R /Info 4 0 R >>\n".encode()
    out += f"startxref\n{table}\n%%EOF\n".encode()
    return bytes(out)
