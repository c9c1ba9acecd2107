"""A local mailbox opened as a connector, its tools called as the loop calls them."""

import os
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime
from itertools import count
from pathlib import Path
from typing import Any

from m2agent.connector import Account
from m2agent.events import Called, Returned
from m2agent.tool import Operation, Result
from m2agent.toolbox import Call, Toolbox
from m2agent_connectors.local_mail import LocalMail

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
ME = "Mia Sand <me@office.example>"
AFTERWARDS = AsyncExitStack()
"""Closes what a test has opened, when the fixture `mailboxes_closed` unwinds it."""


@dataclass
class Done:
    """A call that was carried out, with what a journal keeps of it."""

    call: Call
    op: Operation
    before: dict[str, Any]
    result: Result


@dataclass
class Mailbox:
    """`folder` holds the mailbox, `work` files; `call` runs a tool as the loop does."""

    folder: Path
    work: Path
    connector: LocalMail
    _numbers: "count[int]" = field(default_factory=count)

    @property
    def toolbox(self) -> Toolbox:
        return Toolbox({"mail": self.connector})

    def operation(self, key: str = "") -> Operation:
        return Operation(key or f"run.{next(self._numbers)}", self.work, self.work)

    def checked(self, tool: str, **arguments: Any) -> Call:
        return self.toolbox.check(Called("1.1", f"mail_{tool}", arguments))

    async def do(self, tool: str, **arguments: Any) -> Done:
        call, op = self.checked(tool, **arguments), self.operation()
        before = await call.before(op)
        return Done(call, op, before, await call.run(op))

    async def call(self, tool: str, **arguments: Any) -> Result:
        return (await self.do(tool, **arguments)).result

    async def undo(self, done: Done) -> Result:
        hook = done.call.tool.undo_hook
        assert hook
        given = {
            "op": self.operation(),
            "before": done.before,
            "returned": Returned("1.1", data=done.result.data),
        }
        names = hook.__code__.co_varnames[: hook.__code__.co_argcount]
        return await hook(self.connector, **{k: v for k, v in given.items() if k in names})

    async def found(self, query: str) -> list[str]:
        """The subjects of the mails that a query finds, newest first."""
        result = await self.call("search", query=query, limit=50)
        return [item["subject"] for item in result.data["items"]]

    async def id_of(self, query: str) -> str:
        result = await self.call("search", query=query)
        return result.data["items"][0]["id"]

    def sent(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in (self.folder / "outbox").iterdir()}


def mail(
    subject: str = "Hello",
    text: str = "Hello there.",
    *,
    sender: str = "Ann Bell <ann@x.example>",
    to: str = ME,
    day: int = 20,
    id: str = "",
    html: str = "",
    attachments: Mapping[str, tuple[str, bytes]] | None = None,
    **headers: str,
) -> bytes:
    """A well-formed mail of November 2026; `headers` such as `in_reply_to` are added."""
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = sender, to, subject
    message["Date"] = format_datetime(datetime(2026, 11, day, 9, 12, tzinfo=UTC))
    name = f"{'-'.join(subject.lower().split())}.{day}"
    message["Message-ID"] = f"<{id or name}@x.example>"
    for name, value in headers.items():
        message[name.replace("_", "-").title()] = value
    message.set_content(text)
    if html:
        message.add_alternative(html, subtype="html")
    for name, (kind, data) in (attachments or {}).items():
        main, _, sub = kind.partition("/")
        message.add_attachment(data, maintype=main, subtype=sub, filename=name)
    return message.as_bytes()


def mbox(*mails: bytes) -> bytes:
    lines = b"From ann@x.example Fri Nov 20 09:12:00 2026\n"
    return b"".join(lines + m.rstrip(b"\n") + b"\n\n" for m in mails)


async def opened(folder: Path, *mails: bytes, address: str | None = ME) -> Mailbox:
    """A mailbox into which the mails were imported as one mbox."""
    box, work = folder / "mail", folder / "work"
    if mails:
        (box / "import").mkdir(parents=True, exist_ok=True)
        (box / "import/inbox.mbox").write_bytes(mbox(*mails))
    work.mkdir(exist_ok=True)
    settings = {"address": address} if address else {}
    connector = await LocalMail.open(Account("mail", box, work, settings), NOW.timestamp)
    AFTERWARDS.push_async_callback(connector.close)
    return Mailbox(box, work, connector)


async def reopened(mailbox: Mailbox) -> Mailbox:
    await mailbox.connector.close()
    account = Account("mail", mailbox.folder, mailbox.work, {"address": ME})
    mailbox.connector = await LocalMail.open(account, NOW.timestamp)
    AFTERWARDS.push_async_callback(mailbox.connector.close)
    return mailbox


def stdlib_mails() -> list[Path]:
    """CPython's own test mails, where this Python has them."""
    folder = Path(os.__file__).parent / "test/test_email/data"
    return sorted(folder.glob("msg_*.txt"))
