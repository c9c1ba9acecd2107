"""The nine mail tools on a Gmail account."""

import asyncio
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, Field

from m2agent.connector import Account
from m2agent.errors import SetupError, ToolFailed
from m2agent.events import Returned
from m2agent.tool import Content, Effect, Operation, Result, tool
from m2agent_connectors.gmail import drafts, labelling, sending
from m2agent_connectors.gmail.api import Api
from m2agent_connectors.gmail.mailbox import Mailbox, bytes_of
from m2agent_connectors.gmail.search import search
from m2agent_connectors.gmail.servers import is_safe
from m2agent_connectors.gmail.token import Token, ends, may_write, revoke, stored
from m2agent_connectors.mail.drafting import Wanted
from m2agent_connectors.mail.labels import Action, edited, relabelled, trashed
from m2agent_connectors.mail.message import parse
from m2agent_connectors.mail.reading import WHOLE, View, read_mail, read_thread
from m2agent_connectors.mail.saving import Saving, save, saving, take_back

Names = list[str] | None


class Settings(BaseModel):
    """What an account of gmail can be given in the configuration."""

    model_config = ConfigDict(extra="forbid")

    root_url: str | None = Field(None, description="Another server with Gmail's interface.")


class Gmail:
    """A Google account's mail. What it may do, the person decided with `m2agent connect gmail`."""

    name: ClassVar[str] = "gmail"
    kind: ClassVar[str] = "mail"

    def __init__(self, api: Api, account: str) -> None:
        self._box = Mailbox(api)
        self._account = account

    @classmethod
    async def open(cls, account: Account, *, patience: float = 60.0) -> Self:
        """Make ready; nothing is asked of Google yet. `patience` is seconds without an answer."""
        settings = _settings(account)

        def ready() -> Api:
            try:
                return Api(Token.load(account.name), account.name, settings.root_url, patience)
            except ModuleNotFoundError as error:
                raise SetupError(
                    f"Gmail needs the package {error.name!r}.",
                    fix="Run: pip install 'm2agent[google]'",
                ) from error

        return cls(await asyncio.to_thread(ready), account.name)

    def describe(self) -> str:
        return f"the Google account connected as {self._account!r}"

    async def close(self) -> None:
        self._box.api.close()

    async def whoami(self) -> str:
        """The account's own address: a request that shows whether everything works."""
        address = (await self._box.me())[0].address
        info = await asyncio.to_thread(stored, self._account)
        words = f"{address}, to {'read and write' if may_write(info) else 'read only'}"
        if day := ends(info):
            words += (
                f"\nUntil {day}: then Google ends it, since the Cloud project is in Testing."
                "\nPublish it: https://console.cloud.google.com/auth/audience, then connect again."
            )
        return words

    @classmethod
    async def revoke(cls, account: Account) -> str:
        return await asyncio.to_thread(revoke, account.name)

    @tool(effect="read")
    async def search(
        self,
        query: str = "",
        limit: Annotated[int, Field(ge=1, le=50)] = 15,
        page: str | None = None,
    ) -> Result:
        """Find mails, newest first, in Gmail's search language. One line each: id, day, sender |
        subject | labels | beginning.

        from: to: cc: subject: filename: label: in:inbox|sent|drafts|trash|spam|anywhere
        is:unread|read|starred has:attachment after:2026/11/21 before: newer_than:7d older_than:
        larger:5M rfc822msgid:, "exact words", -not, OR, {a b} for any, (a b) for all. The trash
        and spam only if named. `page` is what the answer before gave to go on with.
        """
        return await search(self._box, query, limit, page)

    @tool(effect="read")
    async def read(
        self,
        id: str | None = None,
        thread: str | None = None,
        offset: Annotated[int, Field(ge=0)] = 0,
        max_chars: Annotated[int, Field(ge=200, le=7_000)] = 4_000,
        quotes: bool = False,
        headers: bool = False,
    ) -> Result:
        """Read one mail, or a whole thread, oldest mail first. Attachments are listed with their
        numbers. `quotes` shows quoted history and signatures, `headers` all headers."""
        if (id is None) == (thread is None):
            raise ToolFailed("Give either id or thread.")
        view = View(offset, max_chars, quotes, headers)
        if id is not None:
            entry, mail = await self._box.mail(id)
            return await asyncio.to_thread(read_mail, entry, mail, view)
        heads = await self._box.thread(thread or "")
        entries = await self._box.entries(heads, thread_size=len(heads))
        whole = await asyncio.gather(
            *(self._box.message(head["id"], "raw") for head in heads[-WHOLE:])
        )
        mails = [parse(bytes_of(message)) for message in whole]
        return await asyncio.to_thread(read_thread, entries, mails, view)

    @tool(effect="read")
    async def labels(self) -> Result:
        """List the labels, with how many mails each has and how many of these are unread."""
        return await labelling.listed(self._box)

    @tool(effect="write")
    async def save_attachment(
        self, op: Operation, id: str, name_or_index: str, path: str = ""
    ) -> Result:
        """Save an attachment of mail `id` as a file in the work folder, under its own name unless
        `path` gives a file or folder. Tells what a text, PDF, sheet or letter says."""
        return await asyncio.to_thread(save, await self._saving(op, id, name_or_index, path))

    @save_attachment.before
    async def _(self, op: Operation, id: str, name_or_index: str, path: str) -> dict[str, Any]:
        return {"existed": (await self._saving(op, id, name_or_index, path)).path.exists()}

    @save_attachment.reconcile
    async def _(self, op: Operation, id: str, name_or_index: str, path: str) -> Result | None:
        wanted = await self._saving(op, id, name_or_index, path)
        return await asyncio.to_thread(wanted.result) if wanted.happened() else None

    @save_attachment.undo
    async def _(self, op: Operation, before: Mapping[str, Any], returned: Returned) -> Result:
        if before["existed"]:
            return Result("The file was there before, so it stays.")
        return take_back(op, returned.data)

    async def _saving(self, op: Operation, id: str, name_or_index: str, path: str) -> Saving:
        _, raw = await self._box.raw(id)
        return saving(op, parse(raw), name_or_index, path)

    @tool(effect="write")
    async def draft(
        self,
        op: Operation,
        to: list[str] | None = None,
        cc: list[str] | None = None,
        bcc: list[str] | None = None,
        subject: str | None = None,
        body: str | None = None,
        reply_to: str | None = None,
        reply_all: bool = False,
        forward: str | None = None,
        attach: list[str] | None = None,
        draft_id: str | None = None,
    ) -> Result:
        """Write a mail without sending it. `body` is plain text or Markdown.

        `reply_to` is the id of the mail to answer: thread, subject and recipients follow from it,
        with `reply_all` all of them; `to` and `cc` add more. `forward` is the id of a mail to pass
        on below the body, with its files. `attach` are paths in the work folder. `draft_id`
        changes that draft: what is given replaces, the rest stays.
        """
        wanted = Wanted(to, cc, bcc, subject, body, reply_to, reply_all, forward, attach, draft_id)
        return await drafts.write(self._box, op, wanted)

    @draft.rehearse
    async def _(
        self,
        op: Operation,
        to: Names,
        cc: Names,
        bcc: Names,
        subject: str | None,
        body: str | None,
        reply_to: str | None,
        reply_all: bool,
        forward: str | None,
        attach: Names,
        draft_id: str | None,
    ) -> Content:
        wanted = Wanted(to, cc, bcc, subject, body, reply_to, reply_all, forward, attach, draft_id)
        return await drafts.rehearsed(self._box, op, wanted)

    @draft.before
    async def _(self, op: Operation, draft_id: str | None) -> dict[str, Any]:
        return await drafts.before(self._box, op, draft_id)

    @draft.reconcile
    async def _(
        self, op: Operation, reply_to: str | None, forward: str | None, draft_id: str | None
    ) -> Result | None:
        id = await drafts.written_by(self._box, op, draft_id)
        return None if id is None else await drafts.told(self._box, id, reply_to or forward)

    @draft.undo
    async def _(self, before: Mapping[str, Any], returned: Returned) -> Result:
        return await drafts.undo(self._box, returned.data["draft_id"], before, returned.data)

    @tool(effect="send", undo="A sent mail stays sent.")
    async def send(self, draft_id: str) -> Result:
        """Send a draft, at once and for good. It cannot be sent later: there is no schedule."""
        return await sending.send(self._box, draft_id)

    @send.content
    async def _(self, draft_id: str) -> Content:
        return await sending.content(self._box, draft_id)

    @send.edit
    async def _(self, op: Operation, draft_id: str, text: str) -> None:
        await drafts.edit(self._box, op, draft_id, text)

    @send.before
    async def _(self, draft_id: str) -> dict[str, Any]:
        return await sending.before(self._box, draft_id)

    @send.reconcile
    async def _(self, draft_id: str, before: Mapping[str, Any]) -> Result | None:
        return await sending.sent(self._box, draft_id, before)

    @tool(effect="write")
    async def label(
        self,
        ids: list[str] | None = None,
        thread: str | None = None,
        add: list[str] | None = None,
        remove: list[str] | None = None,
    ) -> Result:
        """Add labels to mails, or to all of a thread, and remove others. Archive: remove INBOX.
        Mark as read: remove UNREAD. Star: add STARRED."""
        change = await labelling.relabelling(self._box, ids, thread, add, remove)
        return await labelling.relabel(self._box, change)

    @label.before
    async def _(self, ids: Names, thread: str | None, add: Names, remove: Names) -> dict[str, Any]:
        change = await labelling.relabelling(self._box, ids, thread, add, remove)
        return await labelling.before(self._box, change)

    @label.reconcile
    async def _(self, ids: Names, thread: str | None, add: Names, remove: Names) -> Result | None:
        change = await labelling.relabelling(self._box, ids, thread, add, remove)
        done = await labelling.happened(self._box, change)
        return relabelled(change.ids, change.add, change.remove) if done else None

    @label.undo
    async def _(self, before: Mapping[str, Any]) -> Result:
        return await labelling.restore(self._box, before)

    @tool(effect="write")
    async def trash(self, ids: list[str], restore: bool = False) -> Result:
        """Move mails into the trash, or with `restore` out of it again."""
        change = await labelling.trashing(self._box, ids, restore=restore)
        return await labelling.trash(self._box, change)

    @trash.before
    async def _(self, ids: list[str], restore: bool) -> dict[str, Any]:
        change = await labelling.trashing(self._box, ids, restore=restore)
        return await labelling.before(self._box, change)

    @trash.reconcile
    async def _(self, ids: list[str], restore: bool) -> Result | None:
        change = await labelling.trashing(self._box, ids, restore=restore)
        done = await labelling.happened(self._box, change)
        return trashed(change.ids, restored=restore) if done else None

    @trash.undo
    async def _(self, before: Mapping[str, Any]) -> Result:
        return await labelling.restore(self._box, before)

    @tool(effect="write")
    async def label_edit(self, action: Action, name: str, new_name: str | None = None) -> Result:
        """Make, rename or delete a label. Deleting one leaves its mails."""
        return await labelling.edit(self._box, action, name, new_name)

    @label_edit.effect_of
    def _(self, action: Action) -> Effect:
        return "destroy" if action == "delete" else "write"

    @label_edit.before
    async def _(self, name: str) -> dict[str, Any]:
        return {"name": await labelling.label_named(self._box, name)}

    @label_edit.reconcile
    async def _(self, action: Action, name: str, new_name: str | None) -> Result | None:
        done = await labelling.edit_happened(self._box, action, name, new_name)
        return edited(action, name, new_name) if done else None

    @label_edit.undo
    async def _(self, before: Mapping[str, Any], returned: Returned) -> Result:
        return await labelling.undo_edit(self._box, before, returned.data)


def _settings(account: Account) -> Settings:
    settings = account.checked(Settings)
    if settings.root_url and not is_safe(settings.root_url):
        raise SetupError(
            f"The root_url of the account {account.name!r} would carry mail in the clear.",
            fix="Give an address that begins with https://, or one of this machine.",
        )
    return settings
