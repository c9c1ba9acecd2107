"""Gmail's connector on the emulator, for one person's mailbox."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from gmail_server import Person

from m2agent.connector import Account
from m2agent.testing.service import Service
from m2agent_connectors.gmail import Gmail


@asynccontextmanager
async def opened(
    person: Person, folder: Path, *, root_url: str = "", patience: float = 60.0
) -> AsyncGenerator[Gmail]:
    """The connector, asking at `root_url`, which may be a proxy of the emulator's."""
    account = person.email.partition("@")[0]
    person.connect(account)
    settings = {"root_url": root_url or person.url}
    gmail = await Gmail.open(Account(account, folder, folder, settings), patience=patience)
    try:
        yield gmail
    finally:
        await gmail.close()


@asynccontextmanager
async def scene(person: Person, folder: Path) -> AsyncGenerator[Service]:
    async with opened(person, folder) as gmail:
        yield Service(gmail, folder)
