"""A small service for the screen to show: entries that are looked at, kept, sent and doubted."""

import asyncio
from pathlib import Path
from typing import ClassVar, Self

from m2agent.connector import Account
from m2agent.errors import ToolFailed, Unclear
from m2agent.events import Receipt
from m2agent.tool import Content, Operation, Result, tool


class Post:
    """What was sent is a line of the file `sent` in the account's folder."""

    name: ClassVar[str] = "post"
    kind: ClassVar[str] = "post"

    def __init__(self, sent: Path) -> None:
        self._sent = sent

    @classmethod
    async def open(cls, account: Account) -> Self:
        account.folder.mkdir(parents=True, exist_ok=True)
        return cls(account.folder / "sent")

    def describe(self) -> str:
        return "a post office"

    async def close(self) -> None: ...

    @tool(effect="read")
    async def look(self, what: str) -> Result:
        """Look for letters."""
        if what == "nothing":
            raise ToolFailed("There is no such letter. Look for another.")
        return Result(f"2 letters about {what}", {"items": [{"id": "l1", "title": what}]})

    @tool(effect="read")
    async def repeat(self, text: str) -> Result:
        """Say the same."""
        return Result(text)

    @tool(effect="read")
    async def wait(self) -> Result:
        """Wait until somebody puts the file `go` into the account's folder."""
        for _ in range(1_000):
            if self._sent.with_name("go").exists():
                return Result("It has come.")
            await asyncio.sleep(0.01)
        raise ToolFailed("It did not come.")

    @tool(effect="read")
    async def stumble(self) -> Result:
        """Come upon a bug."""
        raise ZeroDivisionError("a bug of the connector")

    @tool(effect="send", undo="What is sent stays sent.")
    async def send(self, op: Operation, to: str, text: str) -> Result:
        """Send a letter."""
        with self._sent.open("a") as file:
            file.write(f"{to}: {text}\n")
        return Result(f"Sent to {to}.", receipts=[Receipt("message", f"m-{to}")])

    @send.content
    async def _(self, to: str, text: str) -> Content:
        return Content(text.encode(), f"To: {to}\n\n{text}")

    @tool(effect="send", undo="What is posted stays posted.")
    async def mail(self, op: Operation, letter: str) -> Result:
        """Post a letter that lies in the drawer."""
        text = self._drawer(letter).read_text()
        with self._sent.open("a") as file:
            file.write(f"{letter}: {text}\n")
        return Result(f"Posted {letter}.", receipts=[Receipt("message", f"m-{letter}")])

    @mail.content
    async def _(self, letter: str) -> Content:
        text = self._drawer(letter).read_text()
        return Content(text.encode(), f"To: {letter}\n\n{text}")

    @mail.edit
    async def _(self, letter: str, text: str) -> None:
        head, _, body = text.partition("\n\n")
        if head != f"To: {letter}":
            raise ToolFailed("To whom it goes cannot be changed here.")
        self._drawer(letter).write_text(body)

    def _drawer(self, letter: str) -> Path:
        file = self._sent.with_name(f"letter-{letter}")
        if not file.exists():
            file.write_text(f"Dear {letter}, the total is 1,109.")
        return file

    @send.reconcile
    async def _(self, to: str, text: str) -> Result | None:
        done = self._sent.exists() and f"{to}: {text}" in self._sent.read_text().splitlines()
        return Result(f"Sent to {to}.") if done else None

    @tool(effect="write", undo="Nobody knows where it is.")
    async def throw(self, op: Operation, text: str) -> Result:
        """Throw a letter over the wall."""
        raise Unclear("It is out of sight.")
