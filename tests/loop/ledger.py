"""A connector over one file, with every kind of effect, for runs that are crashed and resumed."""

import asyncio
import json
import os
from pathlib import Path
from typing import Any, ClassVar, Self

from m2agent.connector import Account
from m2agent.errors import ToolFailed, Unclear
from m2agent.events import Origin, Receipt
from m2agent.tool import Content, Operation, Result, tool


class Ledger:
    """Entries are lines of a file: who did what. `fail` names tools that fail after acting."""

    name: ClassVar[str] = "ledger"
    kind: ClassVar[str] = "ledger"

    def __init__(self, file: Path, *, lost: frozenset[str] = frozenset()) -> None:
        self._file = file
        self._lost = lost
        self.reading = 0
        self.most_reading = 0

    @classmethod
    async def open(cls, account: Account) -> Self:
        return cls(account.folder / "ledger.jsonl")

    def describe(self) -> str:
        return f"{len(self.entries())} entries"

    async def close(self) -> None: ...

    def entries(self) -> list[dict[str, Any]]:
        if not self._file.exists():
            return []
        return [json.loads(row) for row in self._file.read_text().splitlines()]

    def texts(self) -> list[str]:
        return [entry["text"] for entry in self.entries()]

    def _write(self, op: Operation, text: str) -> Result:
        with self._file.open("a") as file:
            file.write(json.dumps({"key": op.key, "text": text}) + "\n")
            file.flush()
            os.fsync(file.fileno())
        if text in self._lost:
            raise Unclear("The connection broke after the entry was handed over.")
        return _written(op, text)

    @tool(effect="read")
    async def look(self, word: str = "") -> Result:
        """List entries that hold a word."""
        self.reading += 1
        self.most_reading = max(self.most_reading, self.reading)
        await asyncio.sleep(0.01)
        self.reading -= 1
        found = [text for text in self.texts() if word in text]
        data = {"items": [{"text": text} for text in found], "count": len(found)}
        return Result("\n".join(found) or "No entries.", data, origin=[Origin("own", "ledger")])

    @tool(effect="read")
    async def page(self, op: Operation, size: int) -> Result:
        """Print that many characters."""
        text = "".join(str(n % 10) for n in range(size))
        return Result(text, {"name": f"{op.key}.txt"})

    @tool(effect="write", undo="Nobody undoes entries.")
    async def put(self, op: Operation, text: str) -> Result:
        """Write an entry of your own."""
        if text == "refused":
            raise ToolFailed("The ledger does not take that. Try other words.")
        return self._write(op, text)

    @tool(effect="send", undo="What is posted stays posted.")
    async def post(self, op: Operation, text: str) -> Result:
        """Write an entry that everybody sees."""
        return self._write(op, text)

    @tool(effect="send", undo="What is shouted stays shouted.")
    async def shout(self, op: Operation, text: str) -> Result:
        """Write an entry that cannot be looked up again."""
        return self._write(op, text)

    @tool(effect="destroy", undo="What is burnt is gone.")
    async def burn(self, op: Operation, text: str) -> Result:
        """Write an entry and burn it."""
        return self._write(op, text)

    @put.reconcile
    @post.reconcile
    async def _(self, op: Operation, text: str) -> Result | None:
        keys = [entry["key"] for entry in self.entries()]
        return _written(op, text) if op.key in keys else None

    @post.content
    async def _(self, text: str) -> Content:
        stamp = self._file.with_suffix(".stamp")
        body = text + (stamp.read_text() if stamp.exists() else "")
        return Content(body.encode(), f"To everybody:\n{body}")


def _written(op: Operation, text: str) -> Result:
    receipts = [Receipt("message", op.key)]
    return Result(f"Written: {text}", {"key": op.key}, receipts, [Origin("own", "ledger")])
