"""A folder of notes opened as a connector, its tools called as the loop calls them."""

import tempfile
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from itertools import count
from pathlib import Path
from typing import Any

from m2agent.connector import Account
from m2agent.events import Called, Returned
from m2agent.tool import Operation, Result
from m2agent.toolbox import Call, Toolbox
from m2agent_connectors.local_notes import LocalNotes

INVOICES = """\
Invoice: title
Amount: number
Due: date
Paid: checkbox
Tags: multi_select
Status:
  type: select
  options: [Open, Paid, Wrong]
Mail: email
"""


@dataclass
class Done:
    """A call that was carried out, with what a journal keeps of it."""

    call: Call
    op: Operation
    before: dict[str, Any]
    result: Result


@dataclass
class Notes:
    """`folder` holds the notes; `call` runs a tool as the loop does."""

    folder: Path
    connector: LocalNotes
    _numbers: "count[int]" = field(default_factory=count)

    @cached_property
    def toolbox(self) -> Toolbox:
        return Toolbox({"notes": self.connector})

    def operation(self, key: str = "") -> Operation:
        return Operation(key or f"run.{next(self._numbers)}", self.folder, self.folder)

    async def do(self, tool: str, **arguments: Any) -> Done:
        call = self.toolbox.check(Called("1.1", f"notes_{tool}", arguments))
        op = self.operation()
        before = await call.before(op)
        return Done(call, op, before, await call.run(op))

    async def call(self, tool: str, **arguments: Any) -> Result:
        return (await self.do(tool, **arguments)).result

    async def undo(self, done: Done) -> Result:
        hook = done.call.tool.undo_hook
        assert hook
        given = {
            "op": self.operation(),
            "before": done.before,
            "returned": Returned("1.1", data=done.result.data),
        }
        names = hook.__code__.co_varnames[: hook.__code__.co_argcount]
        return await hook(self.connector, **{k: v for k, v in given.items() if k in names})

    def write(self, id: str, text: str | bytes) -> Path:
        path = self.folder / (id if "." in id.rpartition("/")[2] else f"{id}.md")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    def text(self, id: str) -> str:
        return (self.folder / f"{id}.md").read_bytes().decode()

    def files(self) -> dict[str, bytes]:
        """Every file there is but the connector's own log."""
        return {
            path.relative_to(self.folder).as_posix(): path.read_bytes()
            for path in sorted(self.folder.rglob("*"))
            if path.is_file() and ".m2agent/" not in path.as_posix()
        }


@contextmanager
def quick_disk() -> Generator[Path]:
    """A folder in memory, where there is one: each change of a note waits for its disk."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        yield Path(folder).resolve()


async def opened(folder: Path, **settings: Any) -> Notes:
    """The folder with an empty table `invoices`, opened as an account's own."""
    (folder / "invoices").mkdir(parents=True, exist_ok=True)
    (folder / "invoices/_table.yaml").write_text(INVOICES)
    return Notes(folder, await LocalNotes.open(account(folder, settings)))


def account(folder: Path, settings: Mapping[str, Any]) -> Account:
    return Account("notes", folder, folder, settings)
