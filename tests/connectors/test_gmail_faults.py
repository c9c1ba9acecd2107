"""Whatever goes wrong at whichever request of a send: one mail leaves, or none and a question.

Each case is a run of the loop with a person's yes; the model sends again what it is told was not
sent. Then the network is well again, the run is taken up once more, and the draft sent again: in
the end there is always exactly one.
"""

import asyncio
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from gmail_scene import opened
from gmail_server import Gmail, Person, running

from m2agent.errors import SetupError, ToolFailed
from m2agent.events import Called, Event, Returned, Unsettled
from m2agent.loop import Answer, Ask, Yes
from m2agent.testing.fault_proxy import KINDS, Fault, FaultProxy
from m2agent.testing.service import Service
from m2agent.testing.stage import Stage
from m2agent_connectors.gmail import Gmail as Connector
from m2agent_models.script import Script

_AT_ONCE = 32
_PATIENCE = 2.0  # seconds that the connector waits for an answer


@dataclass(frozen=True)
class End:
    """How a case ended: what became known of it, and how many mails left, then and later."""

    known: str
    mails: int
    later: int

    def __str__(self) -> str:
        return f"{self.known}, {self.mails} mail"


@pytest.fixture(scope="module")
def gmail() -> Iterator[Gmail]:
    with running() as emulator:
        yield emulator


async def yes(asks: Sequence[Ask]) -> Sequence[Answer]:
    return [Yes("Mia") for _ in asks]


async def drafted(person: Person, folder: Path) -> str:
    async with opened(person, folder) as gmail:
        written = await Service(gmail, folder).call(
            "draft", to=["ann@x.example"], subject="Yes", body="Tuesday."
        )
        return str(written.data["draft_id"])


def stage(folder: Path, gmail: Connector, draft_id: str, sends: int) -> Stage:
    """A model that sends the draft so many times."""
    send = {"calls": [{"tool": "mail_send", "arguments": {"draft_id": draft_id}}]}
    return Stage(folder, Script([send] * sends), {"mail": gmail}, yes)


async def case(emulator: Gmail, fault: Fault, folder: Path) -> End:
    person = await asyncio.to_thread(emulator.person)
    draft_id = await drafted(person, folder)
    try:
        async with (
            FaultProxy(person.url, fault) as proxy,
            opened(person, folder, root_url=proxy.url, patience=_PATIENCE) as gmail,
        ):
            sends = 1 if fault.lasting else 2
            known = outcome(await stage(folder, gmail, draft_id, sends).play("Send it."))
    except SetupError:
        known = "the person is asked to sign in"
    mails = len(await asyncio.to_thread(person.sent))
    async with opened(person, folder) as gmail:
        await stage(folder, gmail, draft_id, 1).go_on()
        with suppress(ToolFailed):
            await Service(gmail, folder).call("send", draft_id=draft_id)
    return End(known, mails, len(await asyncio.to_thread(person.sent)))


def outcome(events: Sequence[Event]) -> str:
    """What the journal knows about the send."""
    answered = {e.id for e in events if isinstance(e, Returned)}
    if any(isinstance(e, Unsettled) and e.id not in answered for e in events):
        return "the person is asked"
    sends = {e.id for e in events if isinstance(e, Called)}
    returned = [e for e in events if isinstance(e, Returned) and e.id in sends]
    return "sent" if any(e.ok for e in returned) else "the model is told that it was not sent"


async def requests_of_a_send(emulator: Gmail, folder: Path) -> list[str]:
    person = await asyncio.to_thread(emulator.person)
    draft_id = await drafted(person, folder)
    async with (
        FaultProxy(person.url) as proxy,
        opened(person, folder, root_url=proxy.url) as gmail,
    ):
        events = await stage(folder, gmail, draft_id, 1).play("Send it.")
        assert outcome(events) == "sent"
    assert len(person.sent()) == 1
    return proxy.seen


@pytest.mark.parametrize("lasting", [False, True], ids=["once", "from then on"])
async def test_any_fault_at_any_request_sends_one_mail_or_none_and_asks(
    gmail: Gmail, tmp_path: Path, lasting: bool
) -> None:
    seen = await requests_of_a_send(gmail, tmp_path / "quiet")
    at = [1, len(seen)] if lasting else range(1, len(seen) + 1)
    faults = [Fault(kind, number, lasting) for kind in KINDS for number in at]
    slots = asyncio.Semaphore(_AT_ONCE)
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(2 * _AT_ONCE))

    async def one(number: int, fault: Fault) -> End:
        async with slots:
            return await case(gmail, fault, tmp_path / str(number))

    ends = await asyncio.gather(*(one(n, fault) for n, fault in enumerate(faults)))

    short = [f"{one.split()[0]} {urlsplit(one.split()[1]).path.split('/')[5]}" for one in seen]
    print(f"\n{len(seen)} requests of a send: {', '.join(short)}")
    for kind in KINDS:
        of_kind = [end for fault, end in zip(faults, ends, strict=True) if fault.kind == kind]
        counted = ", ".join(f"{end} x{n}" for end, n in sorted(Counter(map(str, of_kind)).items()))
        print(f"  {kind:14} {counted}")
    for fault, end in zip(faults, ends, strict=True):
        assert end.mails <= 1, (fault, end)
        assert (end.known == "sent") <= (end.mails == 1), (fault, end)
        assert (end.known == "the model is told that it was not sent") <= (end.mails == 0), fault
        assert end.later == 1, (fault, end)
