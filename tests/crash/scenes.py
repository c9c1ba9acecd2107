"""The worlds in which runs are killed: one service each, a script that changes all it can change.

A scene is prepared once and copied for each run. `world` tells everything that counts in it, so
that two runs can be compared; `happened` is what a person would find out who is asked.
"""

import asyncio
import json
import os
import re
import signal
import sqlite3
from collections.abc import Mapping
from contextlib import ExitStack, closing
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar, Protocol

import httpx
from gmail_server import Gmail, Person, running
from mail_scene import ME, NOW, mail, mbox
from notes_scene import INVOICES
from notion_scene import COLUMNS
from notion_server import TOKEN, Server

from m2agent.connector import Account, Connector
from m2agent.events import Called
from m2agent_connectors.gmail import Gmail as GmailConnector
from m2agent_connectors.local_mail import LocalMail
from m2agent_connectors.local_notes import LocalNotes
from m2agent_connectors.notion import Notion
from m2agent_connectors.notion.wire import Wire, client
from m2agent_connectors.shell import Shell

Turns = list[dict[str, Any]]


class Scene(Protocol):
    """`turns` is the script; `folder` holds everything of one run, unless the world is `served`."""

    turns: ClassVar[Turns]
    served: ClassVar[bool]

    async def prepare(self, folder: Path) -> None: ...

    def begin(self, folder: Path) -> None:
        """What must stand beside the run, such as a server."""
        ...

    def end(self, folder: Path) -> None: ...

    async def open(self, folder: Path) -> Mapping[str, Connector]: ...

    def world(self, folder: Path) -> Any: ...

    def happened(self, folder: Path, called: Called) -> bool: ...


def call(tool: str, **arguments: Any) -> dict[str, Any]:
    return {"tool": tool, "arguments": arguments}


_PEOPLE = 300
"""How many mailboxes are taken from one emulator, which has a few more."""

_LIE: Turns = [
    {"thinking": "A report too early.", "text": "All is done. [message nothing]"},
    {"thinking": "Only what was done, then.", "text": "All of it is done."},
]
_LONG = "So it goes on, one step after the other, as it was asked. " * 12


class MailScene:
    """The local mailbox: everything that the nine tools change."""

    served: ClassVar[bool] = False
    turns: ClassVar[Turns] = [
        {"thinking": _LONG, "calls": [call("mail_search"), call("mail_read", id="m1")]},
        {
            "thinking": _LONG,
            "calls": [
                call("mail_save_attachment", id="m1", name_or_index="1"),
                call("mail_draft", reply_to="m1", body="The sum is wrong."),
                call("mail_draft", to=["bob@x.example"], subject="Not sent", body="Later."),
            ],
        },
        {
            "thinking": _LONG,
            "calls": [call("mail_draft", draft_id="{{4.draft_id}}", body="It is 8.")],
        },
        {
            "thinking": _LONG,
            "calls": [
                call("mail_label_edit", action="create", name="Wrong"),
                call("mail_label", ids=["m1", "m2"], add=["Wrong"], remove=["INBOX"]),
                call("mail_trash", ids=["m3"]),
            ],
        },
        {"thinking": _LONG, "calls": [call("mail_send", draft_id="{{4.draft_id}}")]},
        *_LIE,
    ]

    async def prepare(self, folder: Path) -> None:
        incoming = folder / "mail" / "import"
        incoming.mkdir(parents=True)
        files = {"invoice.csv": ("text/csv", b"a,b\n")}
        (incoming / "inbox.mbox").write_bytes(
            mbox(
                mail("Invoice 7", "Pay 9.", id="7", attachments=files),
                mail("Oak", "Ten.", id="8", day=21),
                mail("Ash", "Two.", id="9", day=22),
            )
        )
        await (await self.open(folder))["mail"].close()

    def begin(self, folder: Path) -> None: ...

    def end(self, folder: Path) -> None: ...

    async def open(self, folder: Path) -> Mapping[str, Connector]:
        account = Account("mail", folder / "mail", folder / "work", {"address": ME})
        return {"mail": await LocalMail.open(account, NOW.timestamp)}

    def world(self, folder: Path) -> Any:
        mails: list[Any] = []
        with closing(sqlite3.connect(folder / "mail" / "mailbox.db")) as db:
            for number, subject, raw in db.execute(
                "SELECT id, subject, bytes FROM message JOIN raw ON message = id ORDER BY id"
            ):
                labels = db.execute(
                    "SELECT name FROM labelled JOIN label ON label.id = label WHERE message = ?",
                    (number,),
                )
                mails.append([subject, sorted(name for (name,) in labels), raw.decode()])
            names = [name for (name,) in db.execute("SELECT name FROM label ORDER BY id")]
        sent = sorted(path.read_text() for path in (folder / "mail" / "outbox").iterdir())
        world = {"mails": mails, "labels": names, "sent": sent, "work": texts(folder / "work")}
        return json.loads(re.sub(r"m2a-body-[0-9a-f]+", "PARTING", json.dumps(world)))

    def happened(self, folder: Path, called: Called) -> bool:
        raise AssertionError(f"The mailbox knows whether {called.tool} happened.")


class NotesScene:
    """A folder of notes: pages and rows made, changed, commented on, thrown away."""

    served: ClassVar[bool] = False
    turns: ClassVar[Turns] = [
        {
            "thinking": _LONG,
            "calls": [call("notes_search", query=""), call("notes_read", id="Plan")],
        },
        {
            "thinking": _LONG,
            "calls": [
                call("notes_create", parent="invoices", title="R7", props={"Amount": 8}),
                call("notes_create", parent="", title="Letter", body="To Ann."),
            ],
        },
        {
            "thinking": _LONG,
            "calls": [
                call(
                    "notes_update",
                    id="Plan",
                    edits=[{"old": "One.", "new": "Two."}],
                    append="Three.",
                ),
                call("notes_comment", id="Letter", text="Short."),
                call("notes_trash", id="Old"),
            ],
        },
        {
            "thinking": _LONG,
            "calls": [call("notes_update", id="invoices/R7", props={"Paid": True})],
        },
        *_LIE,
    ]

    async def prepare(self, folder: Path) -> None:
        notes = folder / "notes"
        (notes / "invoices").mkdir(parents=True)
        (notes / "invoices" / "_table.yaml").write_text(INVOICES)
        (notes / "Plan.md").write_text("One.\n")
        (notes / "Old.md").write_text("Gone soon.\n")

    def begin(self, folder: Path) -> None: ...

    def end(self, folder: Path) -> None: ...

    async def open(self, folder: Path) -> Mapping[str, Connector]:
        account = Account("notes", folder / "state", folder / "work", {"folder": folder / "notes"})
        return {"notes": await LocalNotes.open(account)}

    def world(self, folder: Path) -> Any:
        return texts(folder / "notes")

    def happened(self, folder: Path, called: Called) -> bool:
        raise AssertionError(f"The folder knows whether {called.tool} happened.")


class ShellScene:
    """Commands: what may have run when the process died is asked, never run again."""

    served: ClassVar[bool] = False
    turns: ClassVar[Turns] = [
        {"thinking": _LONG, "calls": [call("shell_run", command="cat log; echo one >> log")]},
        {"thinking": _LONG, "calls": [call("shell_run", command="cat log; echo two >> log")]},
        *_LIE,
    ]

    async def prepare(self, folder: Path) -> None:
        (folder / "work").mkdir(parents=True)
        (folder / "work" / "log").write_text("begun\n")

    def begin(self, folder: Path) -> None: ...

    def end(self, folder: Path) -> None: ...

    async def open(self, folder: Path) -> Mapping[str, Connector]:
        return {"shell": await Shell.open(Account("shell", folder / "state", folder / "work"))}

    def world(self, folder: Path) -> Any:
        return texts(folder / "work")

    def happened(self, folder: Path, called: Called) -> bool:
        word = called.arguments["command"].split()[3]
        return word in (folder / "work" / "log").read_text().split()


class NotionScene:
    """Notion, on the strict test server, which goes on when the process that asked it dies."""

    served: ClassVar[bool] = True
    _PLAN, _OLD, _TABLE = (f"c0ffee00-0000-4000-8000-{n:012x}" for n in (1, 2, 4))

    turns: ClassVar[Turns] = [
        {"thinking": _LONG, "calls": [call("notes_read", id=_PLAN)]},
        {
            "thinking": _LONG,
            "calls": [
                call("notes_create", parent=_TABLE, title="R7", props={"Amount": 8}),
                call("notes_create", parent=_PLAN, title="Letter", body="To Ann."),
            ],
        },
        {
            "thinking": _LONG,
            "calls": [
                call("notes_update", id=_PLAN, edits=[{"old": "One.", "new": "Two."}]),
                call("notes_comment", id=_PLAN, text="Short."),
                call("notes_trash", id=_OLD),
            ],
        },
        {"thinking": _LONG, "calls": [call("notes_update", id="{{2.id}}", props={"Paid": True})]},
        *_LIE,
    ]

    async def prepare(self, folder: Path) -> None: ...

    def begin(self, folder: Path) -> None:
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reading)
            asyncio.run(_serve(folder, writing))
            os._exit(0)
        os.close(writing)
        with os.fdopen(reading) as told:
            (folder / "server").write_text(f"{child} {told.readline()}")

    def end(self, folder: Path) -> None:
        child = int((folder / "server").read_text().split()[0])
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)

    async def open(self, folder: Path) -> Mapping[str, Connector]:
        url = (folder / "server").read_text().split()[1]
        http = httpx.AsyncClient(verify=False)  # certificates take longer to load than a run
        wire = Wire(client(TOKEN, url, http), per_minute=100_000, patience=0.01)
        return {"notion": Notion(wire, settling=0.3)}

    def world(self, folder: Path) -> Any:
        return json.loads((folder / "world.json").read_text())

    def happened(self, folder: Path, called: Called) -> bool:
        raise AssertionError(f"Notion knows whether {called.tool} happened.")


@dataclass
class _Kept(Server):
    """A server that keeps its world in a file, which is never half written."""

    folder: Path = Path()

    def answer(
        self, method: str, target: str, headers: dict[str, str], body: dict[str, Any]
    ) -> tuple[int, dict[str, Any]]:
        said = super().answer(method, target, headers, body)
        self.keep()
        return said

    def keep(self) -> None:
        world = {
            "pages": [asdict(page) for page in self.world.pages.values()],
            "comments": [
                {name: one[name] for name in ("parent", "rich_text")} for one in self.world.comments
            ],
            "problems": self.problems,
        }
        (self.folder / "world.new").write_text(json.dumps(world))
        (self.folder / "world.new").replace(self.folder / "world.json")


class GmailScene:
    """Gmail's own client library, on the emulator, which one process keeps for all runs."""

    served: ClassVar[bool] = True
    turns: ClassVar[Turns] = [
        {
            "thinking": _LONG,
            "calls": [
                call("mail_search", query="subject:Invoice"),
                call("mail_search", query="subject:Oak"),
            ],
        },
        {
            "thinking": _LONG,
            "calls": [
                call("mail_save_attachment", id="{{1.items.0.id}}", name_or_index="1"),
                call("mail_draft", reply_to="{{1.items.0.id}}", body="The sum is wrong."),
                call("mail_draft", to=["bob@x.example"], subject="Not sent", body="Later."),
            ],
        },
        {"calls": [call("mail_draft", draft_id="{{4.draft_id}}", body="It is 8.")]},
        {
            "thinking": _LONG,
            "calls": [
                call("mail_label_edit", action="create", name="Wrong"),
                call("mail_label", ids=["{{1.items.0.id}}"], add=["Wrong"], remove=["INBOX"]),
                call("mail_trash", ids=["{{2.items.0.id}}"]),
            ],
        },
        {"thinking": _LONG, "calls": [call("mail_send", draft_id="{{4.draft_id}}")]},
        *_LIE,
    ]

    def __init__(self) -> None:
        self._running = ExitStack()
        self._gmail: Gmail | None = None
        self._people = 0

    async def prepare(self, folder: Path) -> None: ...

    def begin(self, folder: Path) -> None:
        import_module("googleapiclient.discovery")  # once, and not in each fork
        if self._gmail is None or self._people == _PEOPLE:
            self._running.close()
            self._gmail, self._people = self._running.enter_context(running()), 0
        self._people += 1
        person = self._gmail.person()
        files = {"invoice.csv": ("text/csv", b"a,b\n")}
        person.receive(mail("Invoice 7", "Pay 9.", id="7", attachments=files), "INBOX")
        person.receive(mail("Oak", "Ten.", id="8", day=21), "INBOX")
        (folder / "person.json").write_text(json.dumps(asdict(person)))

    def end(self, folder: Path) -> None: ...

    async def open(self, folder: Path) -> Mapping[str, Connector]:
        person = self._person(folder)
        person.connect("gmail")
        account = Account("gmail", folder / "state", folder / "work", {"root_url": person.url})
        return {"gmail": await GmailConnector.open(account, patience=60.0)}

    def world(self, folder: Path) -> Any:
        person = self._person(folder)
        names = {one["id"]: one["name"] for one in person.ask("GET", "labels")["labels"]}
        mails: list[Any] = []
        for one in person.ask("GET", "messages?maxResults=500&includeSpamTrash=true")["messages"]:
            labels = person.ask("GET", f"messages/{one['id']}?format=minimal")["labelIds"]
            text = re.sub(r"(?m)^Date: .*$", "Date: NOW", person.raw(one["id"]).decode())
            mails.append([sorted(names.get(label, label) for label in labels), text])
        world = {
            "mails": sorted(mails, key=str),
            "labels": sorted(names.values()),
            "drafts": len(person.ask("GET", "drafts").get("drafts") or ()),
            "work": texts(folder / "work"),
        }
        parting = r"m2a-body-[0-9a-f]+|=+\d+==|u\d+(?=@office)"
        return json.loads(re.sub(parting, "SOMETHING", json.dumps(world)))

    def happened(self, folder: Path, called: Called) -> bool:
        """Whether the mail is among those sent: nobody can look up what Gmail does not say."""
        assert called.tool == "mail_send", called
        return bool(self._person(folder).sent())

    def _person(self, folder: Path) -> Person:
        return Person(**json.loads((folder / "person.json").read_text()))


async def _serve(folder: Path, ready: int) -> None:
    """Serve one workspace until the process is killed."""
    server = _Kept(folder=folder)
    plan = server.world.page("Plan", "One.")
    server.world.page("Old", "Gone soon.")
    server.world.table("Invoices", COLUMNS)
    assert plan.id.endswith("1")

    server.keep()
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    os.write(ready, f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}\n".encode())
    os.close(ready)
    await listening.serve_forever()


def texts(folder: Path) -> dict[str, str]:
    """All files with their text, the time of comments left out."""
    return {
        str(path.relative_to(folder)): re.sub(
            r"\d{4}-\d\d-\d\d \d\d:\d\d", "TIME", path.read_text()
        )
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


SCENES: dict[str, Scene] = {
    "local-mail": MailScene(),
    "local-notes": NotesScene(),
    "shell": ShellScene(),
    "notion": NotionScene(),
    "gmail": GmailScene(),
}
