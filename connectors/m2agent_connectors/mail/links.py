"""Links that cost no more than they say: tracking taken off, long ones told by number."""

import re
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from m2agent_connectors.mail.clean import one_line

_LONG = 90
_LONGEST = 2_000
_MOST = 100
_URL = re.compile(r"https?://[^\s<>\"'\])}|]+")
_MARKDOWN = re.compile(r"\[([^\[\]\n]{0,500})\]\(([^()\s]{0,4000})(?:\s+\"[^\"\n]{0,500}\")?\)")
_TRACKING = re.compile(r"utm_.*|mc_[ce]id|gclid|fbclid|_hs.*|mkt_tok|trk.*", re.IGNORECASE)


def shortened(text: str) -> tuple[str, list[str]]:
    """The text with long links as "link 1" and so on, and the long links in that order."""
    found: list[str] = []

    def short(url: str, *, bare: bool = True) -> str:
        url = _untracked(url)
        if len(url) <= _LONG:
            return url
        url = url[:_LONGEST]
        if url not in found and len(found) < _MOST:
            found.append(url)
        number = f"link {found.index(url) + 1}" if url in found else "a long link"
        return f"<{_host(url)}, {number}>" if bare else number

    def in_markdown(match: re.Match[str]) -> str:
        label, url = match.group(1).strip(), match.group(2)
        if not url.lower().startswith(("http://", "https://", "mailto:")):
            return label
        if not label or label in (url, url.removeprefix("mailto:")):
            return short(url) if url.startswith("http") else url.removeprefix("mailto:")
        return f"[{label}]({short(url, bare=False)})"

    parts: list[str] = []
    at = 0
    for match in _MARKDOWN.finditer(text):
        parts.append(_URL.sub(lambda m: short(m.group()), text[at : match.start()]))
        parts.append(in_markdown(match))
        at = match.end()
    parts.append(_URL.sub(lambda m: short(m.group()), text[at:]))
    return "".join(parts), found


def _host(url: str) -> str:
    try:
        return one_line(urlsplit(url).hostname or "", 60) or "link"
    except ValueError:
        return "link"


def _untracked(url: str) -> str:
    try:
        parts = urlsplit(url)
        query = parse_qsl(parts.query, keep_blank_values=True, max_num_fields=200)
    except ValueError:
        return url
    if not any(_TRACKING.fullmatch(name) for name, _ in query):
        return url
    kept = [(name, value) for name, value in query if not _TRACKING.fullmatch(name)]
    return urlunsplit(parts._replace(query=urlencode(kept)))
