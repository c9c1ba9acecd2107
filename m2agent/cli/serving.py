"""m2agent as an MCP server: runs are tools of other agents, under the same policy.

A task that comes from another program is not a person's own words, so nothing goes out on its
account alone: a send waits for a person, unless a rule of theirs allows it.
"""

from contextlib import aclosing
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from mcp.server.mcpserver import Context, MCPServer
from mcp_types import ToolAnnotations

from m2agent.cli.choose import choose
from m2agent.cli.output import Output
from m2agent.cli.runs import state
from m2agent.desk import Desk, setup_of
from m2agent.errors import M2Error, UsageError
from m2agent.events import Called, Record
from m2agent.home import journal_file
from m2agent.journal import Journal, Run
from m2agent.loop.ask import park
from m2agent.loop.steps import last_turn
from m2agent.policy import Rules
from m2agent.policy.rules import Rule

_WORDS = """\
m2agent finishes long office work over a person's mail, notes and shell. run_task does a task and
returns how it ended. What needs the person's yes waits: tell them to run `m2agent approve RUN`,
and go on with resume_run when they did.
"""
_ASK = Rule("ask", effect="send", reason="The task came from another program, not from you.")


async def serve_runs(model: str | None, office: str | None, rules: str | None) -> None:
    """Serve over standard input and output until the other side leaves."""
    chosen = choose(model, office, rules)
    own = chosen.rules or Rules()
    setup = replace(chosen, rules=Rules([*own.rule, _ASK]))
    server = MCPServer("m2agent", instructions=_WORDS, log_level="CRITICAL")

    @server.tool(annotations=ToolAnnotations(destructive_hint=True, open_world_hint=True))
    async def run_task(task: str, ctx: Context) -> dict[str, Any]:
        """Do a task, however long it takes, and return how it ended."""
        journal = Journal(journal_file())
        try:
            async with await Desk.open(setup, journal) as desk:
                return await _carry(desk, desk.begin(task), ctx)
        except M2Error as error:
            raise ValueError(str(error)) from error
        finally:
            journal.close()

    @server.tool(annotations=ToolAnnotations(destructive_hint=True, open_world_hint=True))
    async def resume_run(run: str, ctx: Context) -> dict[str, Any]:
        """Go on with a run that waited, met a limit or was stopped."""
        journal = Journal(journal_file())
        try:
            records = journal.read(journal.find(run))
            if not records:
                raise UsageError(f"Run {run} never began.")
            async with await Desk.open(setup_of(records, setup), journal) as desk:
                return await _carry(desk, desk.open_run(run), ctx)
        except M2Error as error:
            raise ValueError(str(error)) from error
        finally:
            journal.close()

    @server.tool(annotations=ToolAnnotations(read_only_hint=True, open_world_hint=False))
    async def list_runs(limit: int = 20) -> list[dict[str, Any]]:
        """List the newest runs."""
        journal = Journal(journal_file())
        try:
            return [
                {
                    "run": info.id,
                    "created": datetime.fromtimestamp(info.created, UTC).isoformat(),
                    "status": state(info),
                    "task": info.task,
                }
                for info in journal.runs()[:limit]
            ]
        finally:
            journal.close()

    @server.tool(annotations=ToolAnnotations(read_only_hint=True, open_world_hint=False))
    async def show_run(run: str) -> dict[str, Any]:
        """Show how a run stands, its answer, and what it waits for."""
        journal = Journal(journal_file())
        try:
            return _summed_up(journal.read(journal.find(run)))
        except M2Error as error:
            raise ValueError(str(error)) from error
        finally:
            journal.close()

    await server.run_stdio_async()


async def _carry(desk: Desk, run: Run, ctx: Context) -> dict[str, Any]:
    """Carry a run as far as it goes without a person, telling of its steps."""
    steps = 0
    try:
        async with aclosing(desk.carry_on(run, approve=park)) as pieces:
            async for piece in pieces:
                if isinstance(piece, Record) and isinstance(piece.event, Called):
                    steps += 1
                    await ctx.report_progress(steps, message=piece.event.tool)
    finally:
        run.close()
    return _summed_up(desk.journal.read(run.id))


def _summed_up(records: list[Record]) -> dict[str, Any]:
    output = Output("quiet")
    for record in records:
        output.count(record)
    turn = last_turn([record.event for record in records])
    waiting = [
        {
            "id": step.called.id,
            "tool": step.called.tool,
            "arguments": step.called.arguments,
            "reason": step.decided.reason,
        }
        for step in (turn.open if turn else [])
        if step.decided and step.decided.decision == "ask" and step.answer is None
    ]
    return {**output.final(), "waiting": waiting}
