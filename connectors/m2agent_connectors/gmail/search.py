"""Find mails: the question goes to Gmail as it is, the answer is a line for each mail."""

import re
import time

from m2agent.errors import ToolFailed
from m2agent.tool import Result
from m2agent_connectors.gmail.mailbox import ME, Mailbox
from m2agent_connectors.mail import query as queries
from m2agent_connectors.mail.lines import Stretch, joined, listing

# What Gmail understands beyond the language that all mailboxes share.
_ONLY_HERE = re.compile(
    r"\b(category|list|deliveredto|delivered-to|size|is|has|AROUND)\s*[: ]", re.IGNORECASE
)
_HIDDEN = re.compile(r"\b(in|label|is):\"?(anywhere|trash|bin|spam|junk)\b", re.IGNORECASE)


async def search(box: Mailbox, query: str, limit: int, page: str | None) -> Result:
    """Raises ToolFailed for an operator that neither the shared language nor Gmail has."""
    _check(query)
    everywhere = bool(_HIDDEN.search(query))
    answer = await box.api.ask(_list(box, query, limit, page, everywhere))
    found = [message["id"] for message in answer.get("messages") or ()]
    following = answer.get("nextPageToken")
    estimate = int(answer.get("resultSizeEstimate") or 0)
    exact = not page and not following
    result = listing(
        await box.entries(await box.heads(found)),
        query=query,
        total=len(found) if exact else max(estimate, len(found)),
        next=following,
        about=not exact,
    )
    if found or page or everywhere:
        return result
    hidden = await box.api.ask(_list(box, query, 50, None, True))
    if count := len(hidden.get("messages") or ()):
        hint = f"{result.text} {count} in the trash or spam: add in:anywhere."
        return joined([Stretch(hint)], result.data)
    return result


def _list(box: Mailbox, query: str, limit: int, page: str | None, everywhere: bool):
    return box.messages.list(
        userId=ME, q=query, maxResults=limit, pageToken=page, includeSpamTrash=everywhere
    )


def _check(query: str) -> None:
    """Gmail takes a misspelt operator for a word, and finds nothing: better to say so."""
    try:
        queries.parse(query, now=time.time())
    except ToolFailed:
        if not _ONLY_HERE.search(query):
            raise
