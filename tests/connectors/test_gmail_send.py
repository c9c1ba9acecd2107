"""Every fault at every request of a send: the mail leaves once, or not at all and somebody is told.

The run is real: the loop, the journal, the connector, and Gmail's emulator behind the proxy.
"""

import asyncio
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from gmail_scene import ADDRESS, Emulator, running, token_file
from mail_scene import mail

from m2agent.connector import Account
from m2agent.errors import SetupError
from m2agent.events import Approved, Returned, Settled, Unsettled
from m2agent.loop import Ask, Yes
from m2agent.testing import Stage
from m2agent.testing.fault_proxy import KINDS, Fault, FaultProxy, Kind
from m2agent_connectors.gmail import Gmail
from m2agent_models.script import Script

PATIENCE = 1.5  # seconds that the connector waits for an answer here
AT_ONCE = 40
HONEST = {
    "1 sent",  # and the model was told that it was
    "0 told",  # the model was told that nothing was sent
    "0 asked",  # nobody knows, so a person is asked
    "1 asked",
    "0 set-up",  # the person must sign in again, and then the run goes on
    "0 waits",  # it was looked up: nothing was sent; the run goes on when the person says so
}


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    with running() as emulator:
        yield emulator


@pytest.fixture(autouse=True)
def token(emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    emulator.clear()
    monkeypatch.setenv("M2AGENT_GMAIL_TOKEN_FILE", str(token_file(tmp_path, emulator.url)))


async def yes(asks: Sequence[Ask]) -> Sequence[Yes]:
    return [Yes("test") for _ in asks]


async def gmail(folder: Path, url: str) -> Gmail:
    account = Account("mail", folder / "gmail", folder / "work", {"root_url": url})
    return await Gmail.open(account, patience=PATIENCE)


def draft(emulator: Emulator, subject: str) -> str:
    return emulator.draft(mail(subject, "Yes.", id=subject, sender=ADDRESS, to="ann@x.example"))


async def send(folder: Path, url: str, draft_id: str) -> str:
    """A run that sends the draft, approved; how it ended, in a word."""
    connector = await gmail(folder, url)
    call = {"tool": "mail_send", "arguments": {"draft_id": draft_id}}
    stage = Stage(folder, Script([{"calls": [call]}]), {"mail": connector}, approve=yes)
    try:
        events = await stage.play("Send it.")
    except SetupError:
        return "set-up"
    finally:
        await connector.close()
    returned = [event for event in events if isinstance(event, Returned)]
    if returned:
        assert not returned[0].ok or any(isinstance(event, Approved) for event in events)
        return "sent" if returned[0].ok else "told"
    if any(isinstance(event, Unsettled) for event in events):
        return "asked"
    return "waits" if any(isinstance(event, Settled) for event in events) else "nothing"


async def everything(
    emulator: Emulator, folder: Path, lasting: bool
) -> tuple[list[str], dict[tuple[int, Kind], str]]:
    """The requests of a send, and for each of them under each fault what came of it."""
    slots = asyncio.Semaphore(AT_ONCE)

    async def meet(at: int, kind: Kind) -> tuple[str, str]:
        async with slots:
            subject = f"{at}-{kind}".replace(" ", "-")
            id = await asyncio.to_thread(draft, emulator, subject)
            async with FaultProxy(emulator.url, Fault(kind, at, lasting)) as proxy:
                return subject, await send(folder / subject, proxy.url, id)

    async with FaultProxy(emulator.url) as proxy:
        id = await asyncio.to_thread(draft, emulator, "Plain")
        assert await send(folder / "plain", proxy.url, id) == "sent"
        seen = proxy.seen
    cases = [(at, kind) for at in range(1, len(seen) + 1) for kind in KINDS]
    met = await asyncio.gather(*(meet(at, kind) for at, kind in cases))
    left = Counter(await asyncio.to_thread(emulator.sent))
    outcomes = [f"{left[subject]} {word}" for subject, word in met]
    return seen, dict(zip(cases, outcomes, strict=True))


@pytest.mark.parametrize("lasting", [False, True], ids=["struck-once", "struck-from-then-on"])
async def test_under_every_fault_a_mail_leaves_once_or_not_and_somebody_is_told(
    emulator: Emulator,
    tmp_path: Path,
    lasting: bool,
    capsys: pytest.CaptureFixture[str],
) -> None:
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(2 * AT_ONCE))
    seen, table = await everything(emulator, tmp_path, lasting)
    with capsys.disabled():
        show(seen, table, lasting)
    assert {outcome.split()[0] for outcome in table.values()} <= {"0", "1"}, "never twice"
    assert set(table.values()) <= HONEST


def show(seen: list[str], table: dict[tuple[int, Kind], str], lasting: bool) -> None:
    strikes = "from then on" if lasting else "once"
    print(f"\n\nMails sent, and what was said, when a fault strikes {strikes}:")
    print(f"{'':44}" + "".join(f"{kind:>14}" for kind in KINDS))
    for at, request in enumerate(seen, 1):
        name = request.split("?")[0].replace("/gmail/v1/users/me", "")[:40]
        print(f"{at:>2} {name:<41}" + "".join(f"{table[at, kind]:>14}" for kind in KINDS))
