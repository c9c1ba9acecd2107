"""A service as a contract's cases see it: its tools, called the way the loop calls them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

from m2agent.connector import Connector
from m2agent.errors import ToolFailed
from m2agent.events import Called, Returned
from m2agent.tool import Operation, Result
from m2agent.toolbox import Call, Toolbox


@dataclass
class Done:
    """A call that was carried out, with what a journal keeps of it."""

    call: Call
    op: Operation
    before: Mapping[str, Any]
    result: Result


@dataclass
class Service:
    """An opened connector. `folder` is the work folder, and where artifacts go."""

    connector: Connector
    folder: Path
    _numbers: "count[int]" = field(default_factory=count, init=False)

    def __post_init__(self) -> None:
        self.toolbox = Toolbox({self.connector.kind: self.connector})

    def op(self, key: str = "") -> Operation:
        return Operation(key or f"run.{next(self._numbers)}", self.folder, self.folder)

    def check(self, tool: str, **arguments: Any) -> Call:
        """A checked call of the tool, by the second half of its name."""
        return self.toolbox.check(Called("1.1", f"{self.connector.kind}_{tool}", arguments))

    async def do(self, tool: str, **arguments: Any) -> Done:
        """Call a tool as the loop does."""
        call, op = self.check(tool, **arguments), self.op()
        before = await call.before(op)
        return Done(call, op, before, await call.run(op))

    async def call(self, tool: str, **arguments: Any) -> Result:
        return (await self.do(tool, **arguments)).result

    async def failure(self, tool: str, **arguments: Any) -> str:
        """The words of a call that must fail."""
        try:
            done = await self.call(tool, **arguments)
        except ToolFailed as failure:
            return str(failure)
        raise AssertionError(f"{tool} did not fail: {done.text}")

    async def undo(self, done: Done) -> Result:
        returned = Returned("1.1", data=done.result.data)
        return await done.call.undo(self.op(), done.before, returned)
