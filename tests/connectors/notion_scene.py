"""Notion's connector on the test server, its tools called as the loop calls them."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from notion_server import TOKEN, Server, running

from m2agent.events import Called, Returned
from m2agent.tool import Operation, Result
from m2agent.toolbox import Call, Toolbox
from m2agent_connectors.notion import Notion
from m2agent_connectors.notion.wire import Wire, client

COLUMNS: dict[str, Any] = {
    "Invoice": {"type": "title", "title": {}},
    "Amount": {"type": "number", "number": {"format": "number"}},
    "Due": {"type": "date", "date": {}},
    "Paid": {"type": "checkbox", "checkbox": {}},
    "Tags": {"type": "multi_select", "multi_select": {"options": []}},
    "Status": {
        "type": "select",
        "select": {
            "options": [
                {"id": name, "name": name, "color": "default", "description": None}
                for name in ("Open", "Paid", "Wrong")
            ]
        },
    },
    "Mail": {"type": "email", "email": {}},
}


@dataclass
class Scene:
    server: Server
    notion: Notion
    folder: Path
    toolbox: Toolbox = field(init=False)

    def __post_init__(self) -> None:
        self.toolbox = Toolbox({"notion": self.notion})

    @property
    def world(self) -> Any:
        return self.server.world

    def check(self, tool: str, **arguments: Any) -> Call:
        return self.toolbox.check(Called("1.1", f"notes_{tool}", arguments))

    def op(self) -> Operation:
        return Operation("run.1.1", self.folder, self.folder)

    async def call(self, tool: str, **arguments: Any) -> Result:
        call = self.check(tool, **arguments)
        await call.before(self.op())
        return await call.run(self.op())

    async def undo(self, call: Call, before: dict[str, Any], result: Result) -> Result:
        hook = call.tool.undo_hook
        assert hook
        given = {"before": before, "returned": Returned("1.1", data=result.data)}
        names = hook.__code__.co_varnames[: hook.__code__.co_argcount]
        return await hook(self.notion, **{k: v for k, v in given.items() if k in names})


@asynccontextmanager
async def scene(folder: Path, token: str = TOKEN) -> AsyncGenerator[Scene]:
    """An empty workspace; quick, and not patient."""
    async with running() as server:
        # Certificates take longer to load than a test to run.
        http = httpx.AsyncClient(verify=False)
        wire = Wire(client(token, server.url, http), per_minute=100_000, patience=0.01)
        http.timeout = 0.4
        notion = Notion(wire, settling=0.0)
        try:
            yield Scene(server, notion, folder)
        finally:
            await notion.close()
