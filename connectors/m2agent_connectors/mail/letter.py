"""What a Word document says, in the order in which a person reads it.

python-docx opens the file; the walk is ours, since its own leaves out fields to fill in, insertions
under review, boxes of text and tables within tables: words that a reader sees.
"""

from collections.abc import Iterator
from typing import Any

_WRAPS = ("sdt", "sdtContent", "ins", "moveTo", "customXml", "smartTag")
"""What Word puts around paragraphs, rows and cells without changing what they say."""
_UNSEEN = ("del", "moveFrom", "pPr", "rPr", "Fallback", "instrText")


class Letter:
    """An opened document: `lines` tells it, and counts the letters it hides in `hidden`."""

    def __init__(self, file: Any) -> None:
        from docx import Document

        self._document: Any = Document(file)
        self.hidden = 0
        self._levels = {
            style.style_id: int(level)
            for style in self._document.styles
            if (level := (style.name or "").removeprefix("Heading ")).isdigit()
        }

    def lines(self) -> Iterator[str]:
        """Letterhead, paragraphs and tables, foot; a table's row is a line, its cells between
        bars."""
        section = next(iter(self._document.sections), None)
        if section:
            yield from self._part(section.first_page_header, section.header)
        yield from self._blocks(self._document.element.body)
        if section:
            yield from self._part(section.first_page_footer, section.footer)

    def _part(self, *parts: Any) -> Iterator[str]:
        for part in parts:
            if not part.is_linked_to_previous:
                yield from filter(str.strip, self._blocks(part.part.element))

    def _blocks(self, holder: Any) -> Iterator[str]:
        for element in holder:
            name = _name(element)
            if name == "p":
                boxes: list[Any] = []
                level = self._level(element)
                text = "".join(self._words(element, boxes))
                yield f"{'#' * level} {text}" if level and text else text
                for box in boxes:
                    yield from self._blocks(box)
            elif name == "tr":
                cells = (" ".join(self._blocks(cell)) for cell in _cells(element))
                yield " | ".join(" ".join(cell.split()) for cell in cells)
            elif name == "tbl" or name in _WRAPS:
                yield from self._blocks(element)

    def _level(self, paragraph: Any) -> int:
        if not len(paragraph) or _name(paragraph[0]) != "pPr":
            return 0
        return self._levels.get(paragraph.style, 0)

    def _words(self, element: Any, boxes: list[Any]) -> Iterator[str]:
        """The text within a paragraph; boxes that float over it are put into `boxes`."""
        for child in element:
            name = _name(child)
            if name == "t":
                yield child.text or ""
            elif name == "tab":
                yield "\t"
            elif name in ("br", "cr"):
                yield "\n"
            elif name == "noBreakHyphen":
                yield "-"
            elif name == "txbxContent":
                boxes.append(child)
            elif name == "r" and _is_hidden(child):
                self.hidden += sum(map(str.isalnum, "".join(self._words(child, []))))
            elif name not in _UNSEEN:
                yield from self._words(child, boxes)


def _cells(row: Any) -> Iterator[Any]:
    for element in row:
        name = _name(element)
        if name == "tc":
            yield element
        elif name in _WRAPS:
            yield from _cells(element)


def _is_hidden(run: Any) -> bool:
    first = run[0] if len(run) else None
    return first is not None and _name(first) == "rPr" and "vanish" in map(_name, first)


def _name(element: Any) -> str:
    """The name of an element without its namespace; of a comment, nothing."""
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""
