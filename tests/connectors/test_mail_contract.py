"""The contract of mail, kept by the local mailbox and by Gmail."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from gmail_scene import opened
from gmail_server import Gmail, running

from m2agent.connector import Account
from m2agent.testing.mail_contract import Mail, MailContract
from m2agent_connectors.local_mail import LocalMail


class TestLocalMail(MailContract):
    @pytest.fixture
    async def mail(self, tmp_path: Path) -> AsyncIterator[Mail]:
        folder, work = tmp_path / "mail", tmp_path / "work"
        work.mkdir()
        me = "Mia Sand <mia@office.example>"
        local = await LocalMail.open(Account("mail", folder, work, {"address": me}))

        async def deliver(raw: bytes) -> None:
            file = tmp_path / "new.mbox"
            labels = b"X-Gmail-Labels: Inbox,Unread\n"
            file.write_bytes(b"From x Fri Nov 20 09:12:00 2026\n" + labels + raw + b"\n")
            await local.import_mail(file)

        async def sent() -> list[bytes]:
            return [path.read_bytes() for path in sorted((folder / "outbox").glob("*.eml"))]

        yield Mail(local, work, me, deliver, sent)
        await local.close()


class TestGmail(MailContract):
    @pytest.fixture(scope="class")
    def emulator(self) -> Iterator[Gmail]:
        with running() as gmail:
            yield gmail

    @pytest.fixture
    async def mail(self, emulator: Gmail, tmp_path: Path) -> AsyncIterator[Mail]:
        person = await asyncio.to_thread(emulator.person)

        async def deliver(raw: bytes) -> None:
            await asyncio.to_thread(person.receive, raw, "INBOX", "UNREAD")

        async def sent() -> list[bytes]:
            return await asyncio.to_thread(person.sent)

        async with opened(person, tmp_path) as gmail:
            yield Mail(gmail, tmp_path, f"Mia Sand <{person.email}>", deliver, sent)
