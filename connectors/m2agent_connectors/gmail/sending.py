"""Send a draft, once: Gmail takes the draft away as it sends it, so no repeat can send it twice.

Whether it was sent can be looked up afterwards: a draft that is there was not sent; one that is
gone, with a sent mail like it in its thread, was. Anything else only a person can tell.
"""

import asyncio
from collections.abc import Mapping
from typing import Any

from m2agent.errors import ToolFailed, Unclear
from m2agent.tool import Content, Result
from m2agent_connectors.gmail.api import NotThere
from m2agent_connectors.gmail.mailbox import ME, Mailbox, Message, bytes_of, headers_of
from m2agent_connectors.mail import drafting
from m2agent_connectors.mail.compose import preview
from m2agent_connectors.mail.message import parse

_SETTLE = 1.0  # seconds that a request without an answer is given to come to its end
_LIKE = ("subject", "to", "cc")


async def content(box: Mailbox, draft_id: str) -> Content:
    """The stored bytes that would be sent, and the same for a person to read."""
    raw = bytes_of((await box.draft(draft_id, "raw"))["message"])
    drafting.sendable(draft_id, parse(raw))
    return Content(raw, preview(raw))


async def before(box: Mailbox, draft_id: str) -> dict[str, Any]:
    """By what the mail can be found again when the draft is gone."""
    message = (await box.draft(draft_id, "full"))["message"]
    thread = await box.thread(message["threadId"])
    head = headers_of(message)
    return {
        "message": message["id"],
        "thread": message["threadId"],
        "known": [one["id"] for one in thread],
        "message_id": head.get("message-id", ""),
        "like": {name: head.get(name, "") for name in _LIKE},
    }


async def send(box: Mailbox, draft_id: str) -> Result:
    """Raises ToolFailed only if nothing was sent, Unclear where that cannot be known."""
    seen = await before(box, draft_id)
    draft_id = draft_id.strip()
    mail = parse(bytes_of((await box.draft(draft_id, "raw"))["message"]))
    drafting.sendable(draft_id, mail)
    try:
        answer = await box.api.once(box.drafts.send(userId=ME, body={"id": draft_id}))
    except Unclear as doubt:
        return await _looked_up(box, draft_id, seen, doubt)
    except NotThere as error:
        raise Unclear(f"The draft {draft_id} was gone when it was to be sent.") from error
    return drafting.sent(answer["id"], answer["threadId"], mail)


async def sent(box: Mailbox, draft_id: str, seen: Mapping[str, Any]) -> Result | None:
    """Whether the draft was sent; `seen` is what `before` wrote down. Raises Unclear."""
    try:
        await box.draft(draft_id, "minimal")
        return None
    except NotThere:
        pass
    if not seen:
        raise Unclear(f"The draft {draft_id} is gone, and nothing says what it was.")
    for message in [*await _thread(box, seen["thread"]), *await _by_id(box, seen["message_id"])]:
        if _is_it(message, seen):
            _, raw = await box.raw(message["id"])
            return drafting.sent(message["id"], message["threadId"], parse(raw))
    raise Unclear(
        f"The draft {draft_id} is gone, and there is no sent mail like it in its thread. It may"
        " have been sent, or somebody deleted it. Look into Gmail's sent mail."
    )


async def _looked_up(
    box: Mailbox, draft_id: str, seen: Mapping[str, Any], doubt: Unclear
) -> Result:
    await asyncio.sleep(_SETTLE)
    try:
        result = await sent(box, draft_id, seen)
    except Unclear:
        raise
    except ToolFailed as error:
        raise Unclear(f"{doubt} {error}") from error
    if result is None:
        raise ToolFailed(
            f"{doubt} The mail was not sent: the draft is still there. Try mail_send with the same"
            " draft_id again, which cannot send it twice; do not write it anew."
        ) from doubt
    return result


def _is_it(message: Message, seen: Mapping[str, Any]) -> bool:
    """Whether a mail is the draft, sent. Gmail may give it another id, and another Message-ID."""
    labels = message.get("labelIds") or ()
    if "SENT" not in labels or "DRAFT" in labels:
        return False
    head = headers_of(message)
    if head.get("message-id", "") == seen["message_id"]:
        return True
    new = message["id"] == seen["message"] or message["id"] not in seen["known"]
    return new and all(head.get(name, "") == seen["like"][name] for name in _LIKE)


async def _thread(box: Mailbox, thread: str) -> list[Message]:
    try:
        answer = await box.api.ask(box.threads.get(userId=ME, id=thread, format="full"))
    except NotThere:
        return []
    return answer.get("messages") or []


async def _by_id(box: Mailbox, message_id: str) -> list[Message]:
    if not message_id:
        return []
    query = f"rfc822msgid:{message_id.strip('<> ')}"
    answer = await box.api.ask(box.messages.list(userId=ME, q=query, maxResults=5))
    return await box.heads(one["id"] for one in answer.get("messages") or ())
