"""Everything that is opened once and serves every run: the model, the accounts, the journal.

A desk takes a person's intentions (begin, go on, settle) and gives back what happens. The command
line and the screen both sit at one; neither knows more of back ends and connectors than this.
"""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass, field
from datetime import datetime
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Self, cast

from m2agent.connector import Account, Connector, connector_named
from m2agent.errors import SetupError, UsageError
from m2agent.events import Asked, Began, Record
from m2agent.home import always_file, home, private
from m2agent.journal import Journal, Run
from m2agent.loop import Limits, Steering, begin, carry_on
from m2agent.loop.ask import Absent, Approve, Yes
from m2agent.loop.crew import Crew
from m2agent.loop.own_tools import own_tools
from m2agent.loop.prompt import system_prompt
from m2agent.loop.rehearsal import Rehearsal
from m2agent.loop.roles import ROLES, Role
from m2agent.model import Model, ModelFactory, Progress, ReadsAhead, Token
from m2agent.policy import Always, Rules
from m2agent.toolbox import Toolbox


@dataclass(frozen=True)
class Setup:
    """What a desk is made of, before anything is opened.

    `accounts` maps a name to a table as in the configuration, `connector` among it; `model` is
    what `--model` takes. `engine` or `remote` goes to the back end as it is.
    """

    model: str
    work: Path
    accounts: Mapping[str, Mapping[str, Any]]
    person: str = ""
    engine: Mapping[str, Any] | None = None
    remote: Mapping[str, Any] | None = None
    rules: Rules | None = None
    limits: Limits | None = None
    roles: Mapping[str, Role] = field(default_factory=dict[str, Role])
    schema: Mapping[str, Any] | None = None
    dry_run: bool = False


class Desk:
    """An opened setup. Use it as an async context manager."""

    def __init__(
        self, setup: Setup, journal: Journal, model: Model, toolbox: Toolbox, stack: AsyncExitStack
    ) -> None:
        self.setup = setup
        self.journal = journal
        self.model = model
        self.toolbox = toolbox
        self._stack = stack

    @classmethod
    async def open(cls, setup: Setup, journal: Journal) -> Self:
        """Open the model and every account. Raises SetupError, and leaves nothing open then."""
        async with AsyncExitStack() as stack:
            model = await open_model(setup.model, back_end_settings(setup))
            stack.push_async_callback(model.close)
            toolbox = await open_toolbox(setup, stack, model.context)
            return cls(setup, journal, model, toolbox, stack.pop_all())
        raise AssertionError("unreachable: the stack swallows nothing")

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._stack.aclose()

    def describe(self) -> dict[str, str]:
        """What the accounts say of themselves, and the model under an empty name."""
        told = self.toolbox.describe()
        return {"": self.model.describe(), **{name: told[name] for name in self.setup.accounts}}

    def begin(self, task: str) -> Run:
        """Write down a new run. Raises UsageError for an empty task."""
        if not task.strip():
            raise UsageError("The task is empty. Say what should be done.")
        run = self.journal.create()
        begin(
            run,
            task,
            model=self.setup.model,
            system=self._system(),
            tools=self.toolbox.specs,
            work=self.setup.work,
            accounts={name: dict(table) for name, table in self.setup.accounts.items()},
            schema=self.setup.schema,
            dry_run=self.setup.dry_run,
        )
        return run

    async def read_ahead(self) -> None:
        """Let the model read how every run begins, so that the first need not wait for that."""
        if isinstance(self.model, ReadsAhead):
            await self.model.read_ahead(self._system(), self.toolbox.specs)

    def _system(self) -> str:
        return system_prompt(datetime.now(), self.setup.person, self.setup.roles)

    def open_run(self, name: str) -> Run:
        """Own an earlier run. Raises UsageError if there is none, RunBusy if it is another's."""
        return self.journal.open(self.journal.find(name))

    async def carry_on(
        self,
        run: Run,
        *,
        approve: Approve,
        steering: Steering | None = None,
        ask: str = "",
    ) -> AsyncGenerator[Record | Token | Progress, None]:
        """Go on with a run and yield what happens; `ask` is something new to do in it."""
        began = run.events[0]
        assert isinstance(began, Began)
        if began.dry_run != isinstance(self.toolbox, Rehearsal):
            raise UsageError(f"Go on with a dry run by itself: m2agent resume {run.id}")
        if isinstance(self.toolbox, Rehearsal):
            self.toolbox.remember(run.events)
            approve = Absent(Yes("--dry-run"))
        if ask:
            yield run.add(Asked(ask))[0]
        crew = Crew(
            self.model,
            self.toolbox,
            self.setup.work,
            approve,
            self.setup.rules or Rules(),
            self.setup.limits or Limits(),
            always=Always(always_file()),
            steering=steering or Steering(),
            roles={**ROLES, **self.setup.roles},
        )
        async with aclosing(carry_on(run, crew)) as pieces:
            async for piece in pieces:
                yield piece


def setup_of(run: list[Record], setup: Setup) -> Setup:
    """The setup in which a run was begun, with today's rules, limits and engine numbers."""
    began = run[0].event
    assert isinstance(began, Began)
    if began.replay_of:
        raise UsageError(
            f"A replay does not go on. Play it again: m2agent replay {began.replay_of}"
        )
    return Setup(
        model=began.model,
        work=Path(began.work),
        accounts=began.accounts,
        person=setup.person,
        engine=setup.engine,
        remote=setup.remote,
        rules=setup.rules,
        limits=setup.limits,
        roles=setup.roles,
        dry_run=began.dry_run,
    )


def back_end_settings(setup: Setup) -> Mapping[str, Any]:
    """The table of the configuration that is about the setup's back end."""
    return (setup.remote if setup.model.startswith("remote:") else setup.engine) or {}


async def open_model(name: str, engine: Mapping[str, Any]) -> Model:
    """The back end that `--model NAME` means: `local`, `script:FILE`, a name, or a path."""
    kind, colon, rest = name.partition(":")
    known = entry_points(group="m2agent.models")
    if kind not in known.names:
        kind, rest = "local", name
    elif not colon:
        rest = ""
    (entry,) = entry_points(group="m2agent.models", name=kind)
    try:
        factory = cast(type[ModelFactory], entry.load())
    except ModuleNotFoundError as error:
        raise SetupError(
            f"The back end {kind!r} needs the package {error.name!r}.",
            fix=f"Run: pip install 'm2agent[{kind}]'",
        ) from error
    return await factory.open(rest, dict(engine))


async def open_toolbox(setup: Setup, stack: AsyncExitStack, context: int | None = None) -> Toolbox:
    """The tools of every account, which are opened side by side and closed with the stack."""
    opening = [open_account(name, table, setup.work) for name, table in setup.accounts.items()]
    opened = await asyncio.gather(*opening, return_exceptions=True)
    connectors = {
        name: one
        for name, one in zip(setup.accounts, opened, strict=True)
        if not isinstance(one, BaseException)
    }

    async def close() -> None:
        await asyncio.gather(*(connector.close() for connector in connectors.values()))

    stack.push_async_callback(close)
    for one in opened:
        if isinstance(one, BaseException):
            raise one
    kind = Rehearsal if setup.dry_run else Toolbox
    return kind({**connectors, **own_tools(context)})


async def open_account(name: str, settings: Mapping[str, Any], work: Path) -> Connector:
    """Open one account with a folder of its own to keep state in."""
    table = dict(settings)
    connector = connector_named(str(table.pop("connector", "")))
    folder = home() / "accounts" / name
    private(work)
    return await connector.open(Account(name, folder, work, table))
