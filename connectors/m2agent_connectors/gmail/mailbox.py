"""Read a Gmail mailbox: its mails as values, their ids and labels as the tools name them.

A draft goes by its draft id ("r-81"), since that is what stays when it is changed; every other
mail by its message id. Labels go by name.
"""

import asyncio
import re
from base64 import urlsafe_b64decode
from collections.abc import Iterable, Sequence
from html import unescape
from typing import Any, cast

from m2agent.errors import ToolFailed
from m2agent_connectors.gmail.api import Api, NotThere
from m2agent_connectors.mail.address import Address, addresses
from m2agent_connectors.mail.charset import header_text
from m2agent_connectors.mail.clean import one_line
from m2agent_connectors.mail.lines import Entry
from m2agent_connectors.mail.message import Mail, parse
from m2agent_connectors.mail.query import label_key

ME = "me"
_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")
_DRAFT_ID = re.compile(r"r-?[0-9]{1,40}")
_SNIPPET = 200
_DRAFTS = 500  # a page of the list
_DRAFT_PAGES = 4
# The structure of a mail without what its parts hold: sender and subject, and the files' names.
_PARTS = "parts(filename,parts(filename,parts(filename)))"
_HEAD = f"id,threadId,labelIds,snippet,internalDate,payload(headers,filename,{_PARTS})"

Message = dict[str, Any]


class Mailbox:
    """One account's mails. What hardly changes, its labels and addresses, is asked for once."""

    def __init__(self, api: Api) -> None:
        self.api = api
        self._labels: dict[str, str] = {}
        self._me: list[Address] = []

    @property
    def messages(self) -> Any:
        return self.api.users.messages()

    @property
    def threads(self) -> Any:
        return self.api.users.threads()

    @property
    def drafts(self) -> Any:
        return self.api.users.drafts()

    async def me(self) -> list[Address]:
        """The addresses the account sends from, its own one first."""
        if not self._me:
            answer = await self.api.ask(self.api.users.settings().sendAs().list(userId=ME))
            known = cast(list[Message], answer.get("sendAs") or [])
            known.sort(key=lambda one: (not one.get("isDefault"), not one.get("isPrimary")))
            self._me = [
                Address(one_line(one.get("displayName") or "", 100), one["sendAsEmail"])
                for one in known
            ]
        return self._me

    async def writer(self, original: Mail | None) -> Address:
        """From which of its addresses the account writes: the one that was written to."""
        mine = await self.me()
        asked = (*original.to, *original.cc) if original else ()
        return next((me for me in mine if any(map(me.same, asked))), mine[0])

    # Ids

    async def message_id(self, id: str) -> str:
        """The message behind a mail's or a draft's id. Raises ToolFailed if there is none."""
        id = id.strip()
        if _DRAFT_ID.fullmatch(id):
            return (await self.draft(id, "minimal"))["message"]["id"]
        if not _ID.fullmatch(id):
            raise no_mail(id)
        return id

    async def draft(self, id: str, format: str) -> Message:
        """A draft as Gmail gives it. Raises NotThere for one that is sent, deleted or none."""
        if _DRAFT_ID.fullmatch(id.strip()):
            try:
                return await self.api.ask(self.drafts.get(userId=ME, id=id.strip(), format=format))
            except NotThere:
                pass
        raise NotThere(
            f"There is no draft {one_line(id, 40)!r}: it was sent or deleted, or never was."
            " mail_search in:drafts and in:sent show what there is."
        )

    async def _shown_ids(self, messages: Sequence[Message]) -> dict[str, str]:
        """Message ids to draft ids, where any of the messages is a draft."""
        wanted = {m["id"] for m in messages if "DRAFT" in m.get("labelIds", ())}
        known: dict[str, str] = {}
        page: str | None = None
        for _ in range(_DRAFT_PAGES):
            if wanted <= known.keys():
                break
            answer = await self.api.ask(
                self.drafts.list(userId=ME, maxResults=_DRAFTS, pageToken=page)
            )
            known |= {one["message"]["id"]: one["id"] for one in answer.get("drafts", ())}
            page = answer.get("nextPageToken")
            if not page:
                break
        return known

    # Mails

    async def raw(self, id: str) -> tuple[Message, bytes]:
        """A message and its bytes, by a mail's or a draft's id."""
        message = await self.message(id, "raw")
        return message, bytes_of(message)

    async def message(self, id: str, format: str) -> Message:
        request = self.messages.get(userId=ME, id=await self.message_id(id), format=format)
        try:
            return await self.api.ask(request)
        except NotThere:
            raise no_mail(id) from None

    async def mail(self, id: str) -> tuple[Entry, Mail]:
        """A mail in full, and as lists show it."""
        message, raw = await self.raw(id)
        mail = parse(raw)
        return await self.entry(message, mail), mail

    async def entry(self, message: Message, mail: Mail) -> Entry:
        """A mail that was read in full, as lists show it."""
        files = sum(not file.inline for file in mail.attachments)
        sender = str(mail.sender) if mail.sender else ""
        shown = await self._shown_ids([message])
        return await self._entry(
            message, shown, sender, [str(p) for p in mail.to], mail.subject, mail.message_id, files
        )

    async def heads(self, ids: Iterable[str]) -> list[Message]:
        """Messages without what they hold. One that is gone by now is left out."""
        requests = [self.messages.get(userId=ME, id=id, format="full", fields=_HEAD) for id in ids]
        answers = await asyncio.gather(*map(self._if_there, requests))
        return [message for message in answers if message]

    async def _if_there(self, request: Any) -> Message | None:
        try:
            return await self.api.ask(request)
        except NotThere:
            return None

    async def entries(
        self, messages: Sequence[Message], *, thread_size: int | None = None
    ) -> list[Entry]:
        """Messages as lists show them, from their heads alone."""
        shown = await self._shown_ids(messages)
        found: list[Entry] = []
        for message in messages:
            payload = cast(Message, message.get("payload") or {})
            head = headers_of(message)
            found.append(
                await self._entry(
                    message,
                    shown,
                    str(next(iter(addresses(head.get("from", ""))), "")),
                    [str(person) for person in addresses(head.get("to", ""))],
                    one_line(header_text(head.get("subject", "")), 1_000),
                    head.get("message-id", "").strip("<> "),
                    _files(payload),
                    thread_size,
                )
            )
        return found

    async def _entry(
        self,
        message: Message,
        shown: dict[str, str],
        sender: str,
        to: list[str],
        subject: str,
        message_id: str,
        attachments: int,
        thread_size: int | None = None,
    ) -> Entry:
        labels = cast(list[str], message.get("labelIds") or [])
        mine = {me.address.lower() for me in await self.me()}
        address = next((a.address.lower() for a in addresses(sender)), "")
        # A draft that a model wrote is not the person's own words.
        ours = "DRAFT" in labels and not message_id.startswith("m2a.")
        names = await self.label_names(labels)
        # Gmail does not say how many; but a thread goes by the id of the mail that began it.
        began = message["threadId"] == message["id"]
        return Entry(
            id=shown.get(cast(str, message["id"]), cast(str, message["id"])),
            thread=message["threadId"],
            thread_size=thread_size or (1 if began else None),
            sender=sender or "unknown sender",
            to=tuple(to[:20]),
            subject=subject,
            date=int(message.get("internalDate") or 0) / 1_000,
            labels=tuple(names),
            snippet=one_line(unescape(message.get("snippet") or ""), _SNIPPET),
            attachments=attachments,
            own=(ours or "SENT" in labels) and address in mine,
        )

    async def thread(self, id: str) -> list[Message]:
        """The heads of a thread's mails, oldest first. Raises ToolFailed if there is none."""
        fields = f"messages({_HEAD})"
        if not _ID.fullmatch(id.strip()):
            raise _no_thread(id)
        request = self.threads.get(userId=ME, id=id.strip(), format="full", fields=fields)
        try:
            answer = await self.api.ask(request)
        except NotThere:
            raise _no_thread(id) from None
        return cast(list[Message], answer.get("messages") or [])

    # Labels

    async def labels(self) -> dict[str, str]:
        """The names of all labels, by id."""
        if not self._labels:
            answer = await self.api.ask(self.api.users.labels().list(userId=ME))
            self._labels = {one["id"]: one["name"] for one in answer.get("labels", ())}
        return self._labels

    def forget_labels(self) -> None:
        """After they were changed: ask for them again."""
        self._labels = {}

    async def label_names(self, ids: Sequence[str]) -> list[str]:
        known = await self.labels()
        if any(id not in known for id in ids):
            self.forget_labels()
            known = await self.labels()
        return [known.get(id, id) for id in ids]

    async def label_id(self, name: str) -> str | None:
        """The id of the label that a name means, or None."""
        for attempt in range(2):
            for id, known in (await self.labels()).items():
                if label_key(known) == label_key(name):
                    return id
            if attempt == 0:
                self.forget_labels()
        return None


def no_mail(id: str) -> ToolFailed:
    return ToolFailed(
        f"There is no mail {one_line(id, 40)!r}. mail_search gives mails with their ids."
    )


def bytes_of(message: Message) -> bytes:
    """What `raw` holds."""
    coded = cast(str, message.get("raw") or "")
    return urlsafe_b64decode(coded + "=" * (-len(coded) % 4))


def headers_of(message: Message) -> dict[str, str]:
    """The first header of each name, in lower case."""
    found: dict[str, str] = {}
    payload = cast(Message, message.get("payload") or {})
    for header in cast(list[dict[str, str]], payload.get("headers") or []):
        found.setdefault(header["name"].lower(), header["value"])
    return found


def _no_thread(id: str) -> ToolFailed:
    return ToolFailed(
        f"There is no thread {one_line(id, 40)!r}. mail_search gives threads in brackets."
    )


def _files(part: Message) -> int:
    return bool(part.get("filename")) + sum(map(_files, part.get("parts") or ()))
