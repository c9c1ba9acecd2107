"""A task's office on the disk, with its real tools, and what has changed in it since.

What changed is read through the tools themselves and from the files of the notes and the work
folder, so that it holds for every connector of the kind.
"""

import random
from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

from m2agent.connector import Account, Connector, connector_named
from m2agent.events import Called
from m2agent.home import private
from m2agent.office import cast as casting
from m2agent.office.mail import Mail, compose, mbox
from m2agent.office.tasks.task import Effect, Letter, Task
from m2agent.office.tasks.wording import Person
from m2agent.tool import Operation
from m2agent.toolbox import Toolbox

ME = casting.Person("Una", "Byrne", "una@byrne.example", "Office", "Byrne Joinery")
PERSON = f"{ME.name} <{ME.address}>"
"""Whose office every task plays in."""

_PAGE = 50
_WRAPPED = 0.3


@dataclass(frozen=True)
class World:
    """An opened office. `state` is what was there when it was opened."""

    folder: Path
    connectors: Mapping[str, Connector]
    state: "State"

    @property
    def work(self) -> Path:
        return self.folder / "work"

    async def effects(self) -> list[Effect]:
        """What is otherwise than it was."""
        return list(_changes(self.state, await _state(self.folder, self.connectors)))


@dataclass(frozen=True)
class State:
    mails: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])
    notes: dict[str, str] = field(default_factory=dict[str, str])
    files: dict[str, bytes] = field(default_factory=dict[str, bytes])


@asynccontextmanager
async def opened(task: Task, folder: Path) -> AsyncGenerator[World, None]:
    """Write a task's office into an empty folder and open it."""
    _write(task, folder)
    mail = {"folder": str(folder / "mail"), "address": PERSON}
    async with AsyncExitStack() as stack:
        connectors: dict[str, Connector] = {}
        for name, connector, settings in (
            ("mail", "local-mail", mail),
            ("notes", "local-notes", {"folder": str(folder / "notes")}),
            ("shell", "shell", {}),
        ):
            account = Account(name, folder / "accounts" / name, folder / "work", settings)
            connectors[name] = await connector_named(connector).open(account)
            stack.push_async_callback(connectors[name].close)
        yield World(folder, connectors, await _state(folder, connectors))


def _write(task: Task, folder: Path) -> None:
    for part in ("mail/import", "notes", "work", "artifacts"):
        private(folder / part)
    (folder / "mail/import/office.mbox").write_bytes(mbox(_mails(task)))
    for room, texts in (("notes", task.notes), ("work", task.files)):
        for path, text in texts.items():
            target = folder / room / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, "utf-8")


def _mails(task: Task) -> list[Mail]:
    rng = random.Random(task.seed)
    letters = sorted(task.letters, key=lambda letter: letter.at)
    if missing := set(task.labels) - {label for letter in letters for label in letter.labels}:
        # A mailbox knows a label by the mails that have it.
        old = Letter(_NEWS, "Welcome", "Thank you for signing up.", _LONG_AGO, tuple(missing))
        letters.insert(0, old)
    mails: list[Mail] = []
    last: dict[str, Mail] = {}
    for letter in letters:
        to = _cast(letter.to) if letter.to else ME
        mine = letter.sender.address == ME.address
        place = ("Sent",) if mine else ("Inbox", "Unread")
        mail = compose(
            rng,
            at=letter.at,
            sender=ME if mine else _cast(letter.sender, wraps=rng.random() < _WRAPPED),
            to=(to,),
            subject=letter.subject,
            body=letter.body,
            answers=last.get(letter.thread) if letter.thread else None,
            labels=letter.labels if letter.at == _LONG_AGO else (*place, *letter.labels),
            bare=True,
        )
        if letter.thread:
            last[letter.thread] = mail
        mails.append(mail)
    return mails


def _cast(person: Person, *, wraps: bool = False) -> casting.Person:
    voice = casting.Voice(wrap=wraps)
    return casting.Person(person.first, person.last, person.address, firm=person.firm, voice=voice)


_NEWS = Person("News", "Letter", "Sundry")
_LONG_AGO = datetime(2026, 1, 5, 8, tzinfo=UTC)


async def _state(folder: Path, connectors: Mapping[str, Connector]) -> State:
    toolbox = Toolbox(connectors)
    op = Operation("look", folder / "work", folder / "artifacts")

    async def tool(name: str, **arguments: Any) -> Any:
        return (await toolbox.check(Called("1.1", name, arguments)).run(op)).data

    mails: dict[str, dict[str, Any]] = {}
    page: str | None = None
    while True:
        more = {"page": page} if page else {}
        found = await tool("mail_search", query="in:anywhere", limit=_PAGE, **more)
        for item in cast(list[dict[str, Any]], found["items"]):
            mails[item["id"]] = item
        page = found["next"]
        if not page:
            break
    for id, item in mails.items():
        if "DRAFT" in item["labels"]:
            mails[id] = await tool("mail_read", id=id, quotes=True)
    notes = {
        path.relative_to(folder / "notes").as_posix(): path.read_text("utf-8")
        for path in (folder / "notes").rglob("*.md")
    }
    files = {
        path.relative_to(folder / "work").as_posix(): path.read_bytes()
        for path in (folder / "work").rglob("*")
        if path.is_file()
    }
    return State(mails, notes, files)


def _changes(old: State, new: State):
    for id, mail in new.mails.items():
        was = old.mails.get(id)
        if was is None:
            kind = "draft" if "DRAFT" in mail["labels"] else "sent"
            yield Effect(kind, ", ".join(mail["to"]), mail)
        elif set(was["labels"]) != set(mail["labels"]):
            added = sorted(set(mail["labels"]) - set(was["labels"]))
            removed = sorted(set(was["labels"]) - set(mail["labels"]))
            facts = {"subject": mail["subject"], "from": mail["from"]}
            yield Effect("labels", id, {"added": added, "removed": removed, **facts})
        elif was != mail:
            yield Effect("changed", id, mail)
    for id in old.mails.keys() - new.mails.keys():
        yield Effect("gone", id)
    for path, text in new.notes.items():
        if path not in old.notes:
            yield Effect("note", path.removesuffix(".md"), {"text": text})
        elif text != old.notes[path]:
            facts = {"text": text, "was": old.notes[path]}
            yield Effect("changed", path.removesuffix(".md"), facts)
    for path in old.notes.keys() - new.notes.keys():
        yield Effect("gone", path.removesuffix(".md"))
    for path in new.files.keys() | old.files.keys():
        if new.files.get(path) != old.files.get(path):
            yield Effect("file", path)
