"""A work folder beside secrets, and a shell opened in it."""

import contextlib
from collections.abc import AsyncGenerator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from m2agent.connector import Account
from m2agent.tool import Operation, Result
from m2agent_connectors.shell import Shell


@dataclass
class Scene:
    """An open shell whose operations are numbered."""

    shell: Shell
    work: Path
    artifacts: Path
    operations: int = 0

    def operation(self) -> Operation:
        self.operations += 1
        return Operation(f"run.{self.operations}", self.work, self.artifacts)

    async def run(self, command: str, **arguments: Any) -> Result:
        return await self.shell.run(self.operation(), command, **arguments)

    async def input(self, session: str, **arguments: Any) -> Result:
        return await self.shell.input(self.operation(), session, **arguments)

    async def look(self, session: str, words: str, **typed: Any) -> str:
        """What a session prints until these words came, after what is typed."""
        seen = (await self.input(session, wait=0.1, **typed)).data["output"]
        for _ in range(200):
            if words in seen:
                return seen
            seen += (await self.input(session, wait=0.1)).data["output"]
        raise AssertionError(f"{words!r} never came: {seen!r}")

    async def output(self, command: str, **arguments: Any) -> str:
        return (await self.run(command, **arguments)).data["output"]


@contextlib.asynccontextmanager
async def opened(folder: Path, work: str = "work") -> AsyncGenerator[Scene]:
    """A shell in `folder`/`work`, closed at the end."""
    account = Account("shell", folder / "account", folder / work)
    account.work.mkdir(parents=True, exist_ok=True)
    artifacts = folder / "artifacts"
    artifacts.mkdir(exist_ok=True)
    shell = await Shell.open(account)
    try:
        yield Scene(shell, account.work, artifacts)
    finally:
        await shell.close()


def processes(token: str) -> Iterator[psutil.Process]:
    """Every living process with `token` on its command line."""
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            alive = process.status() != psutil.STATUS_ZOMBIE
            if alive and any(token in word for word in process.cmdline()):
                yield process
