"""A run from Python, for programs that embed m2agent; the command line does the same.

async for event in m2agent.run("Count them.", model="script:turns.jsonl", connectors={...}):
    match event:
        case Said(text): print(text)
"""

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from datetime import datetime
from pathlib import Path
from typing import Any

from m2agent.connector import Connector
from m2agent.desk import open_model
from m2agent.events import Event, Record
from m2agent.home import always_file, home, journal_file, private
from m2agent.journal import Journal
from m2agent.loop import Limits, begin, carry_on
from m2agent.loop.ask import Approve, park
from m2agent.loop.crew import Crew
from m2agent.loop.judge.structured import check_schema
from m2agent.loop.own_tools import own_tools
from m2agent.loop.prompt import system_prompt
from m2agent.model import Model, Progress, Token
from m2agent.policy import Always, Rules
from m2agent.toolbox import Toolbox


async def run(
    task: str,
    *,
    model: str | Model = "local",
    connectors: Mapping[str, Connector],
    approve: Approve = park,
    work: Path | None = None,
    rules: Rules | None = None,
    limits: Limits | None = None,
    schema: Mapping[str, Any] | None = None,
) -> AsyncGenerator[Event | Token | Progress, None]:
    """Do a task with opened connectors, by account name, and yield everything that happens.

    The run is kept in the journal under M2AGENT_HOME. `approve` is asked before effects that need
    a person; without it the run waits, ending with status "waiting". With a JSON `schema` the
    closing report is a JSON value that fits it. Connectors, and a model
    that was opened by the caller, stay the caller's to close.
    """
    if schema:
        check_schema(schema)
    opened = await open_model(model, {}) if isinstance(model, str) else model
    journal = Journal(journal_file())
    try:
        work = private(work or home() / "work")
        toolbox = Toolbox({**connectors, **own_tools(opened.context)})
        always = Always(always_file())
        bounds = limits or Limits()
        crew = Crew(opened, toolbox, work, approve, rules or Rules(), bounds, always=always)
        owned = journal.create()
        for record in begin(
            owned,
            task,
            model=opened.name,
            system=system_prompt(datetime.now()),
            tools=toolbox.specs,
            work=work,
            accounts={name: {"connector": c.name} for name, c in connectors.items()},
            schema=schema,
        ):
            yield record.event
        async with aclosing(carry_on(owned, crew)) as pieces:
            async for piece in pieces:
                if not isinstance(piece, Record):
                    yield piece
                elif piece.run == owned.id:  # what its sub-agents do is told by their reports
                    yield piece.event
    finally:
        journal.close()
        if isinstance(model, str):
            await opened.close()
