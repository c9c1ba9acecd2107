"""MCP from the command line: two official servers in a run, and m2agent as a server itself."""

import json
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest
from command import Command, call
from mcp.client import Client
from mcp.client.stdio import StdioServerParameters

_BY_HAND = Path(__file__).parents[1] / "connectors" / "mcp_server.py"


def configure(m2agent: Command, **servers: list[str]) -> None:
    m2agent.home.mkdir(exist_ok=True)
    tables = [f"[mcp.{name}]\ncommand = {json.dumps(words)}\n" for name, words in servers.items()]
    (m2agent.home / "config.toml").write_text("\n".join(tables))


def test_two_official_servers_work_in_a_run_and_one_is_killed_in_the_middle(
    m2agent: Command,
) -> None:
    work = m2agent.home / "work"
    configure(
        m2agent,
        time=[sys.executable, "-m", "mcp_server_time"],
        git=[sys.executable, "-m", "mcp_server_git"],
    )
    wait = "git init -q repo; touch ready; until [ -e killed ]; do sleep 0.05; done"
    status = call("git_git_status", repo_path=str(work / "repo"))
    branch = call("git_git_branch", repo_path=str(work / "repo"), branch_type="local")
    now = call("time_get_current_time", timezone="Europe/Dublin")
    model = m2agent.script(
        {"calls": [now, call("shell_run", command=wait)]},
        {"calls": [status]},
        {"calls": [branch, now]},
        {"text": "It was looked at."},
    )
    task = ("run", "Look at the repository.", "--model", model)
    run = m2agent.start(*task, "--events", "--on-ask", "allow")
    assert run.stdout
    events: list[dict[str, Any]] = []
    for line in run.stdout:
        events.append(json.loads(line))
        if events[-1]["type"] == "started" and events[-1]["id"] == "1.2":
            for child in psutil.Process(run.pid).children(recursive=True):
                with suppress(psutil.Error):
                    if "mcp_server_git" in child.cmdline():
                        child.kill()
            (work / "killed").touch()
    _, said = run.communicate(timeout=60)
    assert run.returncode == 0, said

    tools = [tool["name"] for tool in events[0]["tools"]]
    assert "time_convert_time" in tools
    assert "git_git_commit" in tools
    returned = {event["id"]: event for event in events if event["type"] == "returned"}
    assert returned["1.1"]["data"]["timezone"] == "Europe/Dublin"
    assert not returned["2.1"]["ok"]
    assert "is started again with the next call" in returned["2.1"]["text"]
    assert (returned["3.1"]["ok"], returned["3.2"]["ok"]) == (True, True)


def test_add_test_list_and_remove(m2agent: Command) -> None:
    added = m2agent("mcp", "add", "desk", sys.executable, str(_BY_HAND), "did.txt")
    assert added.code == 0, added.err
    assert "send" in next(line for line in added.out.splitlines() if "desk_note " in line)
    assert m2agent("mcp", "list").out.startswith("desk ")
    assert m2agent("mcp", "add", "desk", "other").code == 2
    assert m2agent("mcp", "test", "nosuch").code == 2

    assert m2agent("mcp", "remove", "desk").code == 0
    assert m2agent("mcp", "list").out == ""


def test_a_secret_is_kept_and_reaches_the_server_and_nothing_else(m2agent: Command) -> None:
    added = m2agent(
        *("mcp", "add", "--secret", "DESK_KEY", "--store", "file", "desk"),
        *(sys.executable, str(_BY_HAND), "did.txt"),
        stdin="very-secret-key\n",
    )
    assert added.code == 0, added.err
    model = m2agent.script({"calls": [call("desk_environment", name="DESK_KEY")]})
    done = m2agent("run", "Look.", "--model", model, "--events")
    returned = next(event for event in done.events if event["type"] == "returned")
    assert returned["text"] == "DESK_KEY is [secret]"
    assert "very-secret-key" not in done.out + done.err
    assert "very-secret-key" not in (m2agent.home / "config.toml").read_text()
    assert b"very-secret-key" not in (m2agent.home / "journal.db").read_bytes()


def test_a_wrong_table_is_refused_with_the_nearest_key(m2agent: Command) -> None:
    m2agent.home.mkdir()
    (m2agent.home / "config.toml").write_text('[mcp.tickets]\ncomand = ["uvx"]\n')
    done = m2agent("run", "x", "--model", m2agent.script())
    assert done.code == 3
    assert "perhaps command was meant" in done.err


def test_a_server_that_does_not_start_is_exit_3_with_the_fix(m2agent: Command) -> None:
    configure(m2agent, tickets=["/nonexistent/tickets-mcp"])
    done = m2agent("run", "x", "--model", m2agent.script())
    assert (done.code, done.out) == (3, "")
    assert "m2agent mcp test tickets" in done.err


@pytest.fixture
def serving(m2agent: Command) -> StdioServerParameters:
    draft = call("mail_draft", to=["ann@supplier.example"], subject="Hi", body="Hello.")
    model = m2agent.script(
        {"calls": [draft]},
        {"calls": [call("mail_send", draft_id="{{1.draft_id}}")]},
        {"text": "Sent."},
    )
    return StdioServerParameters(
        command=sys.executable,
        args=["-m", "m2agent", "mcp", "serve", "--model", model],
        env={**os.environ, **m2agent.environment()},
        cwd=m2agent.folder,
    )


async def test_another_agent_runs_a_task_and_a_person_approves(
    m2agent: Command, serving: StdioServerParameters
) -> None:
    steps: list[str | None] = []

    async def told(progress: float, total: float | None, message: str | None) -> None:
        steps.append(message)

    # Words that name everything would do if they were the person's own.
    task = "Send ann@supplier.example the mail with subject Hi and text Hello."
    async with Client(serving) as client:
        tools = {tool.name for tool in (await client.list_tools()).tools}
        run = await client.call_tool("run_task", {"task": task}, progress_callback=told)
        assert run.structured_content
        waiting = run.structured_content
        assert (waiting["status"], waiting["exit_code"]) == ("waiting", 4)
        assert [one["tool"] for one in waiting["waiting"]] == ["mail_send"]
        assert not list(m2agent.home.rglob("outbox/*.eml"))

        assert m2agent("approve", waiting["run"]).code == 0
        shown = await client.call_tool("show_run", {"run": waiting["run"]})
        wrong = await client.call_tool("show_run", {"run": "nosuch"})
    assert tools == {"run_task", "resume_run", "list_runs", "show_run"}
    assert shown.structured_content
    assert (shown.structured_content["status"], shown.structured_content["answer"]) == (
        "done", "Sent.",
    )  # fmt: skip
    assert wrong.is_error
    assert "mail_send" in steps
    assert len(list(m2agent.home.rglob("outbox/*.eml"))) == 1
