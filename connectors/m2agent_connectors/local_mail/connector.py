"""The nine mail tools on the local mailbox."""

import asyncio
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Annotated, Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, Field

from m2agent.connector import Account
from m2agent.errors import SetupError, ToolFailed
from m2agent.events import Returned
from m2agent.tool import Content, Effect, Operation, Result, tool
from m2agent_connectors.local_mail import drafts, labelling, outbox
from m2agent_connectors.local_mail.importing import ImportReport, import_mails
from m2agent_connectors.local_mail.search import count, found
from m2agent_connectors.local_mail.store import Store
from m2agent_connectors.mail import drafting
from m2agent_connectors.mail import query as queries
from m2agent_connectors.mail.address import Address, written
from m2agent_connectors.mail.compose import preview
from m2agent_connectors.mail.drafting import Wanted
from m2agent_connectors.mail.labels import Action, edited
from m2agent_connectors.mail.lines import Stretch, joined, listing
from m2agent_connectors.mail.reading import WHOLE, View, read_mail, read_thread
from m2agent_connectors.mail.saving import save, saving, take_back

Clock = Callable[[], float]
"""Gives the time in seconds since 1970, UTC."""

Names = list[str] | None

_FIX = "See that the disk has room and the mailbox's folder can be written, and try again."


class Settings(BaseModel):
    """What an account of local-mail can be given in the configuration."""

    model_config = ConfigDict(extra="forbid")

    folder: Path | None = Field(None, description="Where the mailbox lies; m2agent's own if unset.")
    address: str | None = Field(None, description="Your address, as name@domain or Name <address>.")


class LocalMail:
    """A mailbox in a folder: `mailbox.db`, `import/` for what is to come in, `outbox/` for sent."""

    name: ClassVar[str] = "local-mail"
    kind: ClassVar[str] = "mail"

    def __init__(self, store: Store, folder: Path, me: Address, clock: Clock) -> None:
        self._store = store
        self._folder = folder
        self._outbox = folder / "outbox"
        self._me = me
        self._clock = clock

    @classmethod
    async def open(cls, account: Account, clock: Clock = time.time) -> Self:
        """Open the mailbox; the first time, bring in what lies in its `import/` folder."""
        settings = account.checked(Settings)
        folder = (settings.folder or account.folder).expanduser()
        try:
            for part in (folder, folder / "import", folder / "outbox"):
                part.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise SetupError(
                f"The mailbox folder {folder} cannot be made: {error.strerror}.",
                fix=f"Make it writable, or set another one: accounts.{account.name}.folder.",
            ) from error
        me = _address(settings.address, account.name) if settings.address else None
        store = Store.open(folder / "mailbox.db")
        try:
            await asyncio.to_thread(_first_import, store.path, me, clock())
            if me and me.address != store.own:
                with store.transaction():
                    store.note("own", me.address)
            outbox.settle_all(store, folder / "outbox")
        except (ToolFailed, OSError) as error:
            store.close()
            raise SetupError(
                f"The mailbox in {folder} cannot be used: {error}",
                fix=_FIX,
            ) from error
        me = me or Address("", store.own)
        return cls(store, folder, me if me.name else store.signed(me), clock)

    def describe(self) -> str:
        return f"{count(self._store, queries.EVERYTHING):,} mails in {self._folder}"

    async def close(self) -> None:
        self._store.close()

    async def import_mail(self, path: Path) -> ImportReport:
        """Bring in an mbox, a Maildir, an .eml or a folder of them; mails known are left alone."""
        store, own = self._store, self._me.address
        try:
            return await asyncio.to_thread(_import, store.path, path, own, self._clock())
        except ToolFailed as error:
            raise SetupError(f"Nothing was imported. {error}", fix=_FIX) from error

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
        node = queries.parse(query, now=self._clock(), me=self._me.address)
        after = self._store.number(page) if page else None
        numbers = found(self._store, node, limit=limit + 1, after=after)
        entries = self._store.entries(numbers[:limit])
        result = listing(
            entries,
            query=query,
            total=count(self._store, node),
            next=entries[-1].id if len(numbers) > limit else None,
        )
        if entries or page:
            return result
        everywhere = queries.parse(query, now=self._clock(), me=self._me.address, anywhere=True)
        if hidden := count(self._store, everywhere):
            hint = f"{result.text} {hidden} in the trash or spam: add in:anywhere."
            return joined([Stretch(hint)], result.data)
        return result

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
            number = self._store.number(id)
            (entry,), mail = self._store.entries([number]), self._store.mail(number)
            return await asyncio.to_thread(read_mail, entry, mail, view)
        numbers = self._store.thread(thread or "")
        mails = [self._store.mail(number) for number in numbers[-WHOLE:]]
        return await asyncio.to_thread(read_thread, self._store.entries(numbers), mails, view)

    @tool(effect="read")
    async def labels(self) -> Result:
        """List the labels, with how many mails each has and how many of these are unread."""
        return labelling.listed(self._store)

    @tool(effect="write")
    async def save_attachment(
        self, op: Operation, id: str, name_or_index: str, path: str = ""
    ) -> Result:
        """Save an attachment of mail `id` as a file in the work folder, under its own name unless
        `path` gives a file or folder. Tells what a text, PDF, sheet or letter says."""
        return await asyncio.to_thread(save, self._saving(op, id, name_or_index, path))

    @save_attachment.before
    async def _(self, op: Operation, id: str, name_or_index: str, path: str) -> dict[str, Any]:
        return {"existed": self._saving(op, id, name_or_index, path).path.exists()}

    @save_attachment.reconcile
    async def _(self, op: Operation, id: str, name_or_index: str, path: str) -> Result | None:
        wanted = self._saving(op, id, name_or_index, path)
        return await asyncio.to_thread(wanted.result) if wanted.happened() else None

    @save_attachment.undo
    async def _(self, op: Operation, before: Mapping[str, Any], returned: Returned) -> Result:
        if before["existed"]:
            return Result("The file was there before, so it stays.")
        return take_back(op, returned.data)

    def _saving(self, op: Operation, id: str, name_or_index: str, path: str):
        return saving(op, self._store.mail(self._store.number(id)), name_or_index, path)

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
        return drafts.write(self._store, op, self._me, wanted, now=self._clock())

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
        return drafts.rehearsed(self._store, op, self._me, wanted, now=self._clock())

    @draft.before
    async def _(self, draft_id: str | None) -> dict[str, Any]:
        return drafts.before(self._store, draft_id)

    @draft.reconcile
    async def _(self, op: Operation, reply_to: str | None, forward: str | None) -> Result | None:
        number = drafts.written_by(self._store, op, self._me)
        about = reply_to or forward
        original = self._store.number(about) if about else None
        return None if number is None else drafts.told(self._store, number, original)

    @draft.undo
    async def _(self, before: Mapping[str, Any], returned: Returned) -> Result:
        return drafts.undo(self._store, returned.data["draft_id"], before, returned.data)

    @tool(effect="send", undo="A sent mail stays sent.")
    async def send(self, op: Operation, draft_id: str) -> Result:
        """Send a draft, at once and for good. It cannot be sent later: there is no schedule."""
        number = drafts.draft_number(self._store, draft_id)
        self._sendable(number)
        outbox.send(self._store, self._outbox, number, op.key)
        return self._sent(number)

    @send.content
    async def _(self, draft_id: str) -> Content:
        number = drafts.draft_number(self._store, draft_id)
        self._sendable(number)
        raw = self._store.raw(number)
        return Content(raw, preview(raw))

    @send.edit
    async def _(self, op: Operation, draft_id: str, text: str) -> None:
        drafts.edit(self._store, op, self._me, draft_id, text)

    @send.reconcile
    async def _(self, op: Operation, draft_id: str) -> Result | None:
        number = self._store.number(draft_id)
        sent = outbox.sent_as(self._store, self._outbox, number, op.key)
        return self._sent(number) if sent else None

    def _sendable(self, number: int) -> None:
        drafting.sendable(f"d{number}", self._store.mail(number))

    def _sent(self, number: int) -> Result:
        (entry,) = self._store.entries([number])
        return drafting.sent(entry.id, entry.thread, self._store.mail(number))

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
        change = labelling.relabelling(self._store, ids, thread, add, remove)
        change.apply(self._store)
        return labelling.relabelled(self._store, change)

    @label.before
    async def _(self, ids: Names, thread: str | None, add: Names, remove: Names) -> dict[str, Any]:
        return labelling.relabelling(self._store, ids, thread, add, remove).before(self._store)

    @label.reconcile
    async def _(self, ids: Names, thread: str | None, add: Names, remove: Names) -> Result | None:
        change = labelling.relabelling(self._store, ids, thread, add, remove)
        return labelling.relabelled(self._store, change) if change.happened(self._store) else None

    @label.undo
    async def _(self, before: Mapping[str, Any]) -> Result:
        return labelling.restore(self._store, before)

    @tool(effect="write")
    async def trash(self, ids: list[str], restore: bool = False) -> Result:
        """Move mails into the trash, or with `restore` out of it again."""
        change = labelling.trashing(self._store, ids, restore=restore)
        change.apply(self._store)
        return labelling.trashed(self._store, change)

    @trash.before
    async def _(self, ids: list[str], restore: bool) -> dict[str, Any]:
        return labelling.trashing(self._store, ids, restore=restore).before(self._store)

    @trash.reconcile
    async def _(self, ids: list[str], restore: bool) -> Result | None:
        change = labelling.trashing(self._store, ids, restore=restore)
        return labelling.trashed(self._store, change) if change.happened(self._store) else None

    @trash.undo
    async def _(self, before: Mapping[str, Any]) -> Result:
        return labelling.restore(self._store, before)

    @tool(effect="write")
    async def label_edit(self, action: Action, name: str, new_name: str | None = None) -> Result:
        """Make, rename or delete a label. Deleting one leaves its mails."""
        return labelling.edit(self._store, action, name, new_name)

    @label_edit.effect_of
    def _(self, action: Action) -> Effect:
        return "destroy" if action == "delete" else "write"

    @label_edit.before
    async def _(self, name: str) -> dict[str, Any]:
        return {"name": self._store.label_named(name)}

    @label_edit.reconcile
    async def _(self, action: Action, name: str, new_name: str | None) -> Result | None:
        done = labelling.edit_happened(self._store, action, name, new_name)
        return edited(action, name, new_name) if done else None

    @label_edit.undo
    async def _(self, before: Mapping[str, Any], returned: Returned) -> Result:
        return labelling.undo_edit(self._store, before, returned.data)


def _address(text: str, account: str) -> Address:
    try:
        return written(text)
    except ToolFailed as error:
        raise SetupError(
            f"The address of the account {account!r} is none: {text!r}.",
            fix="Write it as name@domain, or Name <name@domain>.",
        ) from error


def _first_import(database: Path, me: Address | None, now: float) -> None:
    """Fill a new mailbox from the `import/` folder beside it, and leave a report there."""
    with closing(Store.open(database)) as store:
        if store.about("filled"):
            return
        with store.transaction():
            if store.about("filled"):  # another process was faster
                return
            own = me.address if me else ""
            report = import_mails(store, database.parent / "import", now=now, own=own)
            if report.repaired or report.skipped:
                database.with_name("import.log").write_text(f"{report}\n", "utf-8")
            store.note("filled", "yes")


def _import(database: Path, path: Path, own: str, now: float) -> ImportReport:
    with closing(Store.open(database)) as store, store.transaction():
        return import_mails(store, path, now=now, own=own)
