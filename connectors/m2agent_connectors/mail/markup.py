"""HTML of mails as text: what a person would see, as Markdown, and what was hidden from them.

The HTML is hostile. It is first reduced, in one pass that takes time in step with its length, to
a small well-formed page without styles, scripts, comments, invisible elements and deep nesting;
only that page is given to the libraries.
"""

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from m2agent_connectors.mail.clean import one_line, shown

if TYPE_CHECKING:
    from bs4 import Tag

_LONGEST = 2_000_000
_LONGEST_AS_MARKDOWN = 200_000
_DEPTH = 100

_TAG = re.compile(
    r"""<(/?)([a-zA-Z][a-zA-Z0-9:-]*)((?:[^<>"']++|"[^"<]*+"|'[^'<]*+')*+|[^<>]*+)>"""
    r"|<[!?][^<>]*+>"
)
_ATTRIBUTE = re.compile(r"""([a-zA-Z-]+)\s*+(?:=\s*+("[^"]*+"|'[^']*+'|[^\s"'>]*+))?+""")
_LONG_NUMBER = re.compile(r"&#(?:\d{8,}+|[xX][0-9a-fA-F]{7,}+);?")

_DROPPED = {"script", "style", "title", "template", "svg", "object", "select", "textarea", "iframe"}
_EMPTY = {"br", "hr", "img"}
_BLOCKS = {"p", "div", "table", "ul", "ol", "blockquote", "pre", "h1", "h2", "h3", "h4", "h5", "h6"}
_ROWS = {"li", "tr", "td", "th"}
_INLINE = {"a", "b", "strong", "i", "em", "code", "del", "s"}
_WRITTEN = _BLOCKS | _ROWS | _INLINE
_SAME_AS = {"th": "td", "center": "div", "section": "div", "article": "div"}
_ENDS: dict[str, set[str]] = {
    "p": {"p"},
    "li": {"li", "p"},
    "td": {"td", "p"},
    "th": {"td", "p"},
    "tr": {"tr", "td", "p"},
}
"""The elements that a new one ends without saying so."""

_VOID = {"area", "base", "col", "embed", "input", "link", "meta", "source", "wbr"}

_HIDES = re.compile(
    r"display\s*:\s*none|visibility\s*:\s*hidden|mso-hide\s*:\s*all"
    r"|(?:left|top|text-indent)\s*:\s*-\d{3,}"
    r"|(?:^|[;\s{])font-size\s*:\s*[01](?:\.\d+)?(?:px|pt|em|%)?\s*(?:[;!}]|$)"
    r"|(?:^|[;\s{])(?:opacity|max-height)\s*:\s*0(?:\.0+)?(?:px|pt|em|%)?\s*(?:[;!}]|$)",
    re.IGNORECASE,
)
_WHITE = r"(?:white|#fff(?:fff)?|rgb\(\s*255\s*,\s*255\s*,\s*255\s*\))"
_WHITE_TEXT = re.compile(rf"(?:^|[;\s])color\s*:\s*{_WHITE}\s*(?:[;!]|$)", re.IGNORECASE)
_WHITE_GROUND = re.compile(rf"background(?:-color)?\s*:\s*{_WHITE}\s*(?:[;!]|$)", re.IGNORECASE)
_WHITE_VALUE = re.compile(_WHITE, re.IGNORECASE)
_AT_RULE = re.compile(r"@[^{};]*+\{(?:[^{}]*+\{[^{}]*+\})*+[^{}]*+\}")
_RULE = re.compile(r"([^{}]++)\{([^{}]*+)\}")
_SELECTOR = re.compile(r"[a-zA-Z0-9]*([.#][\w-]+)")


@dataclass(frozen=True)
class Page:
    """A small well-formed page, and how many letters of the original nobody would see."""

    html: str
    hidden: int


def as_markdown(source: str) -> tuple[str, int]:
    """The visible text as Markdown, and the number of hidden letters."""
    page = visible(source)
    if len(page.html) > _LONGEST_AS_MARKDOWN:
        return _plain(page.html), page.hidden
    return _markdown(page.html), page.hidden


def as_text(source: str) -> str:
    """The visible text without any structure: fast, for indexes and for comparing."""
    return _plain(visible(source).html)


def visible(source: str) -> Page:
    """Reduce HTML to what is seen of it."""
    writer = _Writer(_hiding_names(source))
    for text, closing, tag, attributes in _tokens(_without_comments(source[:_LONGEST])):
        if text:
            writer.text(text)
        if closing:
            writer.close(tag)
        elif tag:
            writer.open(tag, attributes)
    return Page(writer.finish(), writer.hidden)


def _without_comments(source: str) -> str:
    kept: list[str] = []
    at = 0
    while (begin := source.find("<!--", at)) >= 0:
        kept.append(source[at:begin])
        end = source.find("-->", begin + 2)
        if end < 0:
            return "".join(kept)
        at = end + 3
    return "".join([*kept, source[at:]])


def _tokens(source: str) -> Iterator[tuple[str, bool, str, str]]:
    """The text before a tag, whether that closes, its name in lower case, its attributes."""
    at = 0
    for match in _TAG.finditer(source):
        slash, tag, attributes = match.groups(default="")
        yield source[at : match.start()], bool(slash), tag.lower(), attributes
        at = match.end()
    yield source[at:], False, "", ""


def _hiding_names(source: str) -> set[str]:
    """The classes and ids, as ".name" and "#name", that a style sheet makes invisible."""
    names: set[str] = set()
    for sheet in re.findall(r"<style[^<>]*+>([^<]*+)<", source, re.IGNORECASE):
        for selectors, declarations in _RULE.findall(_AT_RULE.sub("", sheet)):
            if _HIDES.search(declarations):
                for selector in selectors.split(","):
                    if match := _SELECTOR.fullmatch(selector.strip()):
                        names.add(match.group(1))
    return names


def _attributes(source: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in _ATTRIBUTE.findall(source):
        found.setdefault(name.lower(), _unescaped(value.strip("\"'")))
    return found


def _unescaped(text: str) -> str:
    return html.unescape(_LONG_NUMBER.sub("\ufffd", text))


@dataclass
class _Open:
    tag: str = ""
    hidden: bool = False
    coloured: bool = False
    written: bool = False


@dataclass
class _Writer:
    """Writes the small page; what it is told may come in any order."""

    hiding: set[str]
    hidden: int = 0
    _out: list[str] = field(default_factory=list[str])
    _stack: list[_Open] = field(default_factory=lambda: [_Open()])

    def text(self, source: str) -> None:
        text = _unescaped(source)
        if not self._stack[-1].hidden:
            self._out.append(html.escape(shown(text), quote=False))
        elif not any(element.tag in _DROPPED for element in self._stack):
            self.hidden += sum(map(str.isalnum, text))

    def open(self, tag: str, source: str) -> None:
        if self._stack[-1].tag in _DROPPED or tag in _VOID:
            return
        while self._stack[-1].tag in _ENDS.get(tag, ()):
            self._pop()
        outer = self._stack[-1]
        found = _attributes(source) if source else {}
        if tag in _EMPTY:
            if not (outer.hidden or self._hides(found, True)):
                self._empty(tag, found)
            return
        if source.endswith("/") or len(self._stack) >= _DEPTH:
            return
        coloured = _coloured(found, outer.coloured)
        hidden = outer.hidden or tag in _DROPPED or self._hides(found, coloured)
        tag = _SAME_AS.get(tag, tag)
        written = tag in _WRITTEN and not hidden
        if written:
            href = found.get("href", "").strip()
            link = f' href="{html.escape(href)}"' if tag == "a" and href else ""
            self._out.append(f"<{tag}{link}>")
        self._stack.append(_Open(tag, hidden, coloured, written))

    def close(self, tag: str) -> None:
        tag = _SAME_AS.get(tag, tag)
        top = self._stack[-1].tag
        if top in _DROPPED and top != tag:
            return
        if any(element.tag == tag for element in self._stack):
            while self._pop() != tag:
                pass

    def finish(self) -> str:
        while len(self._stack) > 1:
            self._pop()
        return "".join(self._out)

    def _pop(self) -> str:
        element = self._stack.pop()
        if element.written:
            self._out.append(f"</{element.tag}>")
        return element.tag

    def _empty(self, tag: str, found: dict[str, str]) -> None:
        if tag != "img":
            self._out.append(f"<{tag}>")
        elif alt := one_line(found.get("alt", ""), 200):
            self._out.append(html.escape(f"(image: {alt})", quote=False))

    def _hides(self, found: dict[str, str], coloured: bool) -> bool:
        style = found.get("style", "")
        white = _WHITE_VALUE.fullmatch(found.get("color", "")) or _WHITE_TEXT.search(style)
        if "hidden" in found or _HIDES.search(style) or (white and not coloured):
            return True
        names = {f".{name}" for name in found.get("class", "").split()}
        return not self.hiding.isdisjoint(names | {f"#{found.get('id', '')}"})


def _coloured(found: dict[str, str], outer: bool) -> bool:
    """Whether an element lies on something that white text can be read on."""
    style, ground = found.get("style", ""), found.get("bgcolor", "")
    if "background" in found or "background" in style.lower():
        return not _WHITE_GROUND.search(style)
    return not _WHITE_VALUE.fullmatch(ground) if ground else outer


def _plain(page: str) -> str:
    """The text of a small page, a line for each block."""
    text = re.sub(r"</?(?:p|div|table|ul|ol|blockquote|pre|h[1-6]|li|tr|br|hr)\b[^>]*>", "\n", page)
    text = html.unescape(re.sub(r"<[^>]*>", " ", text))
    lines = (" ".join(line.split()) for line in text.split("\n"))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


def _markdown(page: str) -> str:
    from bs4 import BeautifulSoup
    from markdownify import MarkdownConverter

    soup = BeautifulSoup(page, "html.parser")
    for table in reversed(soup.find_all("table")):
        if _is_layout(table):
            for element in table.find_all(["tr", "td"]):
                if element.find_parent("table") is table:
                    element.name = "div"
            table.name = "div"
    converter = cast(Any, MarkdownConverter)(
        heading_style="ATX",
        bullets="-",
        escape_asterisks=False,
        escape_underscores=False,
        table_infer_header=True,
        newline_style="BACKSLASH",
    )
    text = cast(str, converter.convert_soup(soup)).replace("\\\n", "\n")
    text = "\n".join(line.rstrip() for line in text.split("\n"))
    return re.sub(r"\n{3,}", "\n\n", text).strip()


def _is_layout(table: "Tag") -> bool:
    """A table that only arranges things: one in another, or of one row, or of one column."""
    rows = table.find_all("tr")
    widest = max((len(row.find_all("td", recursive=False)) for row in rows), default=0)
    return len(rows) < 2 or widest < 2 or table.find("table") is not None
