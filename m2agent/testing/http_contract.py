"""What every connector of a service over HTTP must do: cases for pytest.

class TestAlerts(HttpContract):
    @pytest.fixture
    async def http(self, tmp_path: Path) -> AsyncIterator[Http]:
        async with serving() as server:
            sent = Change("send", {"text": "Hello."}, times=lambda: len(server.messages))
            reads = [("sent", {})]
            yield Http(Alerts, server.url, lambda url: {"url": url}, tmp_path, [sent], reads)

`server` is a stand-in for the service, in the same process or not. Between it and the connector
stands a proxy that fails on purpose, in every way that it knows, at every request.
"""

import asyncio
import re
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any, Literal

import jsonschema
import msgspec

from m2agent.connector import Account, Connector, tools_of
from m2agent.errors import SetupError, ToolFailed, Unclear
from m2agent.events import Returned
from m2agent.testing.fault_proxy import KINDS, Fault, FaultProxy
from m2agent.testing.service import Service
from m2agent.tool import Operation
from m2agent.toolbox import Call

_MOST_CHARACTERS = 6_000
_AT_A_TIME = 8
_NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
Outcome = Literal["done", "failed", "question"]


@dataclass(frozen=True)
class Change:
    """A call that changes something; `times` counts how often such an effect is there."""

    tool: str
    arguments: Mapping[str, Any]
    times: Callable[[], int]


@dataclass
class Http:
    """A connector and its test server. `settings` are those of an account that uses the address.

    Let them make the connector impatient: two of the faults are an answer that never comes.
    """

    connector: type[Connector]
    url: str
    settings: Callable[[str], Mapping[str, Any]]
    folder: Path
    changes: Sequence[Change] = ()
    reads: Sequence[tuple[str, Mapping[str, Any]]] = ()
    _numbers: "count[int]" = field(default_factory=lambda: count(1), init=False)

    @asynccontextmanager
    async def opened(self, url: str = "", **more: Any) -> AsyncGenerator[Service, None]:
        settings = {**self.settings(url or self.url), **more}
        account = Account("it", self.folder / "account", self.folder, settings)
        connector = await self.connector.open(account)
        try:
            yield Service(connector, self.folder)
        finally:
            await connector.close()

    def op(self) -> Operation:
        """An operation that was never before."""
        return Operation(f"20260101-000000-abcd.{next(self._numbers)}.1", self.folder, self.folder)


class HttpContract:
    """The cases. A subclass gives the fixture `http`."""

    async def test_the_tools_tell_the_model_of_themselves_in_few_words(self, http: Http) -> None:
        async with http.opened() as service:
            specs = service.toolbox.specs
            assert specs, "it has no tools"
            assert len(msgspec.json.encode(specs)) < _MOST_CHARACTERS
            for spec in specs:
                assert _NAME.fullmatch(spec.name), spec.name
                assert spec.description.strip(), f"{spec.name} has no docstring"
                jsonschema.Draft202012Validator.check_schema(spec.parameters)
            assert service.connector.describe().strip()

    async def test_a_setting_that_nobody_knows_is_refused_with_the_fix(self, http: Http) -> None:
        try:
            async with http.opened(no_such_setting=1):
                pass
        except SetupError as error:
            assert "no_such_setting" in error.problem
            assert error.fix.strip()
        else:
            raise AssertionError("an unknown setting was taken")

    async def test_what_changes_something_can_be_looked_up_and_taken_back(self, http: Http) -> None:
        tried = {change.tool for change in http.changes}
        async with http.opened() as service:
            for name, tool in tools_of(service.connector):
                if tool.effect == "read":
                    continue
                assert tool.reconcile_hook, f"after a crash nobody can know whether {name} happened"
                assert tool.undo_hook or tool.no_undo, f"{name} has no undo, and no reason why not"
                assert tool.name in tried, f"{name} changes something, and no case tries it"

    async def test_a_change_happens_once_leaves_a_receipt_and_is_found(self, http: Http) -> None:
        async with http.opened() as service:
            for change in http.changes:
                call, op = service.check(change.tool, **change.arguments), http.op()
                there = change.times()
                before = await call.before(op)
                assert await call.reconcile(op, before) is None
                done = await call.run(op)
                assert change.times() == there + 1
                assert done.receipts, f"{change.tool} leaves no receipt for a report to cite"
                found = await call.reconcile(op, before)
                assert found and found.receipts == done.receipts
                assert await call.reconcile(http.op(), before) is None

    async def test_what_is_taken_back_is_gone_however_often(self, http: Http) -> None:
        async with http.opened() as service:
            for change in http.changes:
                call, op = service.check(change.tool, **change.arguments), http.op()
                there = change.times()
                before = await call.before(op)
                done = await call.run(op)
                returned, undoing = Returned("1.1", data=done.data), http.op()
                if call.tool.undo_hook:
                    for _ in range(2):  # a second time, as after a crash in the first
                        await call.undo(undoing, before, returned)
                        assert change.times() == there
                else:
                    assert change.times() == there + 1

    async def test_any_fault_at_any_request_leaves_one_effect_or_a_question(
        self, http: Http
    ) -> None:
        for change in http.changes:
            requests, end = await _changed(http, change, None)
            assert end == ("done", 1)
            for at in range(1, requests + 1):
                for kind in KINDS:
                    _, end = await _changed(http, change, Fault(kind, at))
                    safe = end in {("done", 1), ("failed", 0), ("question", 0), ("question", 1)}
                    assert safe, f"{change.tool}, {kind} at request {at}: {end}"

    async def test_a_read_under_any_fault_is_an_answer_or_words_for_the_model(
        self, http: Http
    ) -> None:
        free = asyncio.Semaphore(_AT_A_TIME)

        async def one(tool: str, arguments: Mapping[str, Any], fault: Fault) -> None:
            async with (
                free,
                FaultProxy(http.url, fault) as proxy,
                http.opened(proxy.url) as service,
            ):
                try:
                    await service.check(tool, **arguments).run(http.op())
                except ToolFailed as failure:
                    assert str(failure).strip()

        cases: list[Awaitable[None]] = []
        for tool, arguments in http.reads:
            async with FaultProxy(http.url) as proxy, http.opened(proxy.url) as service:
                await service.check(tool, **arguments).run(http.op())
                numbers = range(1, len(proxy.seen) + 1)
            cases += [one(tool, arguments, Fault(kind, at)) for kind in KINDS for at in numbers]
        await asyncio.gather(*cases)


async def _changed(
    http: Http, change: Change, fault: Fault | None
) -> tuple[int, tuple[Outcome, int]]:
    """How many requests a change took under a fault, how it ended, and how often it happened."""
    there = change.times()
    async with FaultProxy(http.url, fault) as proxy, http.opened(proxy.url) as service:
        outcome = await _carried(service.check(change.tool, **change.arguments), http.op())
        return len(proxy.seen), (outcome, change.times() - there)


async def _carried(call: Call, op: Operation) -> Outcome:
    """A call as a run carries it: what is unclear is looked up, what did not happen is done."""
    while True:
        try:
            before = await call.before(op)
        except ToolFailed:
            return "failed"
        try:
            await call.run(op)
            return "done"
        except Unclear:
            try:
                if await call.reconcile(op, before):
                    return "done"
            except ToolFailed:
                return "question"
        except ToolFailed:
            return "failed"
