"""A dry run: reads are real, and what would change or send something is only written down.

The model is told what each effect would have been, and goes on as if it had been done. A thing
that was only written down has a name, under which later calls can mean it: they are shown what it
would have been, and nothing at a service is ever asked for it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, cast

import msgspec

from m2agent.connector import Connector
from m2agent.errors import ToolFailed
from m2agent.events import Event, Receipt, Returned
from m2agent.tool import Content, Operation, Result
from m2agent.toolbox import Call, Toolbox

WORDS = (
    "\n\nThis is a dry run: reading is real, but what would change or send something is only"
    " written down. Go on as if it had been done, and report what would be done."
)
"""The end of the system prompt of a dry run."""


class Rehearsal(Toolbox):
    """The same tools, of which only those act that read."""

    def __init__(self, connectors: Mapping[str, Connector]) -> None:
        super().__init__(connectors)
        self._made: dict[str, str] = {}

    def remember(self, history: Sequence[Event]) -> None:
        """Know again what an earlier process wrote down."""
        for event in history:
            data = event.data if isinstance(event, Returned) else None
            name = cast(dict[str, Any], data).get("dry_run") if isinstance(data, dict) else None
            if name and isinstance(event, Returned):
                self._made[name] = event.text.partition("\n")[2]

    def _within(self, call: Call) -> Call:
        call = super()._within(call)
        meant = [v for v in call.arguments.values() if isinstance(v, str) and v in self._made]
        if call.effect == "read" and not meant:
            return call
        same = {field.name: getattr(call, field.name) for field in fields(call)}
        return _Rehearsed(**same, made=self._made, meant=meant[0] if meant else "")


@dataclass(frozen=True)
class _Rehearsed(Call):
    """A call that does nothing. `made` is what was written down, `meant` the name in this call."""

    made: dict[str, str]
    meant: str

    async def run(self, op: Operation) -> Result:
        if self.effect == "read":
            return Result(self.made[self.meant])
        content = await self.content(op)
        shown = content.preview if content else _pretty(self.called.arguments)
        name = self.meant or f"dry-{self.called.id}"
        self.made[name] = shown
        text = f"Dry run: not done. Go on as if it were; it is called {name} here. It would be:"
        data = {**self.called.arguments, "id": name, "draft_id": name, "dry_run": name}
        return Result(f"{text}\n{shown}", data, [Receipt("dry-run", name)])

    async def content(self, op: Operation) -> Content | None:
        if self.meant:
            shown = self.made[self.meant]
            return Content(shown.encode(), shown)
        if self.tool.rehearse_hook:
            return cast(Content, await self._bind(self.tool.rehearse_hook, op)())
        return await super().content(op)

    async def before(self, op: Operation) -> dict[str, Any]:
        return {}

    async def reconcile(
        self, op: Operation, before: Mapping[str, Any] | None = None
    ) -> Result | None:
        return None

    async def edit(self, op: Operation, text: str) -> None:
        raise ToolFailed("This is a dry run; there is nothing to change.")


def _pretty(value: object) -> str:
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()
