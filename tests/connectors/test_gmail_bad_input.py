"""Gmail with what nobody wishes for: each is answered with words somebody can act on."""

import asyncio
import json
import threading
from base64 import urlsafe_b64encode
from collections.abc import Generator, Iterator
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests
from gmail_scene import opened, scene
from gmail_server import Gmail, Person, running
from mail_scene import mail

from m2agent.errors import Busy, SetupError
from m2agent.testing.fault_proxy import Fault, FaultProxy
from m2agent.testing.service import Service


@pytest.fixture(scope="module")
def emulator() -> Iterator[Gmail]:
    with running() as gmail:
        yield gmail


@pytest.fixture
def person(emulator: Gmail) -> Person:
    return emulator.person()


async def test_a_revoked_access_is_for_the_person_with_the_command_to_run(
    person: Person, tmp_path: Path
) -> None:
    url = f"{person.url}/oauth2/revoke"
    await asyncio.to_thread(requests.post, url, {"token": person.refresh_token}, timeout=60)
    async with scene(replace(person, token=""), tmp_path) as gmail:
        with pytest.raises(SetupError, match="Google has ended the access") as ended:
            await gmail.call("search", query="x")
    assert "m2agent connect gmail --account u" in ended.value.fix


async def test_a_scope_that_is_too_small_is_said_with_what_the_person_can_do(
    person: Person, tmp_path: Path
) -> None:
    id = await asyncio.to_thread(person.receive, mail("Oak"), "INBOX")
    async with (
        FaultProxy(person.url, Fault("403", 2, lasting=True)) as proxy,
        opened(person, tmp_path, root_url=proxy.url) as gmail,
    ):
        words = await Service(gmail, tmp_path).failure("trash", ids=[id])
    assert "may only read" in words and "m2agent connect gmail --account" in words


async def test_gmail_that_has_a_problem_for_longer_is_said_to_be_worth_another_try_later(
    person: Person, tmp_path: Path
) -> None:
    async with (
        FaultProxy(person.url, Fault("500", 1, lasting=True)) as proxy,
        opened(person, tmp_path, root_url=proxy.url) as gmail,
    ):
        with pytest.raises(Busy, match="a problem of its own"):
            await Service(gmail, tmp_path).call("search", query="x")


async def test_a_thread_of_500_mails_shows_its_older_ones_as_lines(
    person: Person, tmp_path: Path
) -> None:
    def fill() -> str:
        first = person.receive(mail("Oak", "First.", id="0"), "INBOX")
        thread = str(person.ask("GET", f"messages/{first}?format=minimal")["threadId"])
        for number in range(1, 500):
            answer = mail(
                "Re: Oak", f"Number {number}.", id=f"{number}", references="<0@x.example>"
            )
            person.receive(answer, "INBOX", thread=thread)
        return thread

    thread = await asyncio.to_thread(fill)
    async with scene(person, tmp_path) as gmail:
        read = await gmail.call("read", thread=thread, max_chars=7_000)
        assert read.text.startswith(f"{thread}: 500 mails\n")
        assert len(read.text) < 7_200
        assert len(read.data["items"]) == 50
        last = await gmail.call("read", thread=thread, offset=10**6)
        assert last.data["next_offset"] is None
        found = await gmail.call("search", query="subject:oak", limit=50)
        assert len(found.text) < 8_000


async def test_a_later_send_is_refused_before_anything_is_sent(
    person: Person, tmp_path: Path
) -> None:
    async with scene(person, tmp_path) as gmail:
        draft = await gmail.call("draft", to=["ann@x.example"], body="x")
        words = await gmail.failure("send", draft_id=draft.data["draft_id"], at="2026-12-01")
        assert "there is no such argument" in words
        assert "there is no schedule" in gmail.check("send", draft_id="x").tool.description
    assert await asyncio.to_thread(person.sent) == []


# What the emulator would take too long for


@dataclass
class Canned:
    """A Gmail that gives the same answer to all requests whose path ends so."""

    answers: dict[str, dict[str, Any]]
    url: str = ""

    @property
    def owner(self) -> Person:
        return Person(self.url, "mia@office.example", "token", "refresh")


@pytest.fixture
def canned() -> Generator[Canned]:
    me = {"sendAsEmail": "mia@office.example", "isDefault": True}
    canned = Canned({"/sendAs": {"sendAs": [me]}, "/labels": {}})

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            fitting = [a for end, a in canned.answers.items() if path.endswith(end)]
            data = json.dumps(fitting[0] if fitting else {}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: Any) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    canned.url = f"http://127.0.0.1:{server.server_address[1]}"
    yield canned
    server.shutdown()
    server.server_close()


async def test_an_attachment_of_30_megabytes_is_listed_and_saved(
    canned: Canned, tmp_path: Path
) -> None:
    big = bytes(range(256)) * 120_000
    raw = mail("Drawings", attachments={"a.bin": ("application/octet-stream", big)})
    message = {"id": "1a", "threadId": "1a", "raw": urlsafe_b64encode(raw).decode()}
    canned.answers["/messages/1a"] = message
    async with scene(canned.owner, tmp_path) as gmail:
        read = await gmail.call("read", id="1a")
        assert "1  a.bin  application/octet-stream  30.7 MB" in read.text
        assert len(read.text) < 500
        save = gmail.check("save_attachment", id="1a", name_or_index="a.bin")
        saved = await save.run(gmail.op())
    assert len(saved.text) < 100
    assert (tmp_path / "a.bin").read_bytes() == big


async def test_ten_thousand_labels_are_listed_and_a_wrong_one_gets_a_hint(
    canned: Canned, tmp_path: Path
) -> None:
    every = [{"id": "INBOX", "name": "INBOX"}]
    every += [{"id": f"Label_{n}", "name": f"Customers/{n:05}"} for n in range(10_000)]
    canned.answers["/labels"] = {"labels": every}
    canned.answers["/INBOX"] = {"messagesTotal": 3, "messagesUnread": 1}
    async with scene(canned.owner, tmp_path) as gmail:
        listed = await gmail.call("labels")
        assert len(listed.data["items"]) == 10_001
        assert listed.text.startswith("INBOX  3 mails, 1 unread\n")
        words = await gmail.failure("label", ids=["m"], add=["Customer/00012"])
        assert "Did you mean Customers/00012" in words
        assert len(words) < 300
