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

    @send.reconcile
    async def _(self, to: str, text: str) -> Result | None:
        done = self._sent.exists() and f"{to}: {text}" in self._sent.read_text().splitlines()
        return Result(f"Sent to {to}.") if done else None

    @tool(effect="write", undo="Nobody knows where it is.")
    async def throw(self, op: Operation, text: str) -> Result:
        """Throw a letter over the wall."""
        raise Unclear("It is out of sight.")
