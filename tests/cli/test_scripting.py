"""docs/scripting.md, held against the program: recipes, answers over standard input, cron."""

import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from command import Command, call

from m2agent.cli.recipe import pairs, read_recipe
from m2agent.errors import UsageError

_DOCS = Path(__file__).parents[2] / "docs"
_DRAFT = call("mail_draft", to=["ann@supplier.example"], subject="Hello", body="Dear Ann.")
_SEND = call("mail_send", draft_id="{{1.draft_id}}")
_RECIPE = """
task = "Look at week {{week}} in {{table}}."
accounts = ["notes"]
[parameters.week]
description = "The number of the week."
[parameters.table]
default = "Invoices"
[limits]
turns = 1
"""


@pytest.fixture
def recipe(m2agent: Command) -> Path:
    path = m2agent.folder / "look.toml"
    path.write_text(_RECIPE)
    return path


def test_a_recipe_is_a_task_with_its_parameters_accounts_and_limits(
    m2agent: Command, recipe: Path
) -> None:
    look = {"calls": [call("notes_search", query="x")]}
    model = m2agent.script(look, look)
    done = m2agent("run", recipe.name, "--set", "week=47", "--model", model, "--events")
    assert done.code == 5
    began, asked = done.events[:2]
    assert asked["text"] == "Look at week 47 in Invoices."
    assert list(began["accounts"]) == ["notes"]
    over = ("--set", "table=A {{week}}", "--max-turns", "2", "--events", "--model", model)
    wider = m2agent("run", recipe.name, "--set", "week=47", *over)
    assert wider.events[1]["text"] == "Look at week 47 in A {{week}}."
    assert sum(event["type"] == "turned" for event in wider.events) == 2


@pytest.mark.parametrize(
    ("text", "given", "words"),
    [
        (_RECIPE, [], "--set week=…  The number of the week."),
        (_RECIPE, ["wek=47"], "did you mean week?"),
        (_RECIPE, ["week"], "is not written NAME=VALUE"),
        (_RECIPE, ["week=1", "week=2"], "is given twice"),
        (_RECIPE + "[limit]\n", [], "there is no key limit, did you mean limits?"),
        (_RECIPE.replace("turns", "turn"), [], "did you mean turns?"),
        (_RECIPE.replace("{{week}}", "{{wek}}"), [], "there is no [parameters.wek]"),
        (_RECIPE.replace("{{week}}", ""), [], "its task has no {{week}}"),
        ("task = [", [], "is no TOML"),
        ("on_ask = 'park'", [], "task: Field required"),
    ],
)
def test_a_recipe_that_makes_no_sense_is_said_in_a_sentence(
    recipe: Path, text: str, given: list[str], words: str
) -> None:
    recipe.write_text(text)
    with pytest.raises(UsageError) as caught:
        read_recipe(str(recipe)).task(pairs(given))
    assert words in str(caught.value)


def test_a_recipe_that_wants_what_there_is_not_is_exit_2(m2agent: Command, recipe: Path) -> None:
    recipe.write_text(_RECIPE.replace('"notes"', '"post"'))
    done = m2agent("run", recipe.name, "--set", "week=1", "--model", m2agent.script())
    assert (done.code, done.out) == (2, "")
    assert "wants the account 'post'" in done.err


def test_a_task_comes_from_a_file_and_must_be_text(m2agent: Command) -> None:
    (m2agent.folder / "task.txt").write_text("Say hello.\n")
    (m2agent.folder / "bad.txt").write_bytes(b"\xff\xfe")
    model = m2agent.script()
    done = m2agent("run", "--file", "task.txt", "--model", model, "--events")
    assert done.events[1]["text"] == "Say hello.\n"
    for wrong in (["--file", "nosuch"], ["--file", "bad.txt"], ["a", "--file", "task.txt"]):
        assert m2agent("run", *wrong, "--model", model).code == 2


def test_every_event_of_a_run_fits_the_schema_that_ships(m2agent: Command) -> None:
    schema = json.loads(m2agent("export", "--schema").out)
    model = m2agent.script({"thinking": "x", "calls": [_DRAFT]}, {"calls": [_SEND]}, {"text": "S."})
    done = m2agent("run", "Write to Ann.", "--model", model, "--events", "--on-ask", "deny")
    validator: Any = jsonschema.Draft202012Validator(schema)
    for event in done.events:
        validator.validate(event)
    assert len({event["type"] for event in done.events}) > 9
    assert not validator.is_valid({**done.events[-1], "exit_code": "0"})
    assert m2agent("export").code == 2


def test_a_program_answers_over_standard_input(m2agent: Command) -> None:
    model = m2agent.script({"calls": [_DRAFT]}, {"calls": [_SEND]}, {"text": "I sent it."})
    arguments = ("run", "Write to Ann.", "--model", model, "--events", "--on-ask", "stdio")
    process = subprocess.Popen(
        m2agent.argv(*arguments),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=m2agent.folder,
        env=m2agent.environment(),
    )
    assert process.stdin and process.stdout
    events: list[dict[str, Any]] = []
    for line in process.stdout:
        events.append(json.loads(line))
        if events[-1]["type"] == "decided" and events[-1]["decision"] == "ask":
            id = events[-1]["id"]
            process.stdin.write("not JSON\n")
            process.stdin.write(json.dumps({"id": id, "answer": "yes", "hash": "0"}) + "\n")
            yes = {"id": id, "answer": "yes", "hash": events[-1]["hash"]}
            process.stdin.write(json.dumps({"say": "Be quick."}) + "\n" + json.dumps(yes) + "\n")
            process.stdin.flush()
    _, said = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "is no answer" in said
    approved = next(event for event in events if event["type"] == "approved")
    assert approved["by"] == "--on-ask stdio"
    assert [e["text"] for e in events if e["type"] == "asked"] == ["Write to Ann.", "Be quick."]
    assert len(list(m2agent.home.rglob("outbox/*.eml"))) == 1


def test_where_standard_input_ends_the_run_waits_and_the_question_is_on_standard_error(
    m2agent: Command,
) -> None:
    model = m2agent.script({"calls": [_DRAFT]}, {"calls": [_SEND]})
    done = m2agent("run", "Write.", "--model", model, "--on-ask", "stdio", "--json")
    assert (done.code, done.final["status"]) == (4, "waiting")
    (question,) = [json.loads(line) for line in done.err.splitlines() if line.startswith("{")]
    assert question["question"]["tool"] == "mail_send"
    other = json.dumps({"id": "2.1", "answer": "yes", "hash": "0"})
    stale = m2agent("resume", "last", "--on-ask", "stdio", stdin=other)
    assert (stale.code, "This is no yes to 2.1" in stale.err) == (4, True)
    shown = {"id": "2.1", "answer": "yes", "hash": question["question"]["hash"]}
    changed = json.dumps({**shown, "content": "other bytes"})
    assert m2agent("resume", "last", "--on-ask", "stdio", stdin=changed).code == 4
    no = json.dumps({"id": "2.1", "answer": "no", "reason": "Not today."}) + "\n"
    declined = m2agent("resume", "last", "--on-ask", "stdio", "--events", stdin=no)
    assert "Not today." in next(e for e in declined.events if e["type"] == "returned")["text"]
    assert m2agent("run", "-", "--model", model, "--on-ask", "stdio", stdin="x").code == 2


def test_a_reader_that_goes_away_interrupts_a_run_that_can_be_resumed(m2agent: Command) -> None:
    turns = [{"calls": [call("notes_search", query=f"x{n}")]} for n in range(200)]
    model = m2agent.script(*turns)
    code = "; echo ${{PIPESTATUS[0]}} >&2"
    arguments = ("run", "Look.", "--model", model, "--events", "--max-turns", "200")
    done = m2agent(*arguments, shell="{} | head -n 3" + code)
    assert len(done.out.splitlines()) == 3
    assert done.err.split() == ["130"]
    assert m2agent("export", "last").events[-1]["status"] == "interrupted"
    assert m2agent("resume", "last", "--max-turns", "1").code == 5


# From cron


@contextmanager
def failing_server() -> Generator[str, None, None]:
    """A model's server that lists a model, and breaks at every question."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            listed = {"data": [{"id": "box", "owned_by": "vllm", "max_model_len": 100_000}]}
            found = self.path == "/v1/models"
            self._answer(200 if found else 404, listed)

        def do_POST(self) -> None:
            self._answer(500, {"error": {"message": "The GPU is on fire."}})

        def _answer(self, code: int, body: Any) -> None:
            data = json.dumps(body).encode()
            self.send_response(code)
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: Any) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


_BUG = """
from m2agent.tool import tool
class Buggy:
    name, kind = "buggy", "buggy"
    @classmethod
    async def open(cls, account): return cls()
    def describe(self): return ""
    async def close(self): ...
    @tool(effect="read")
    async def look(self):
        "Look."
        return 1 / 0
"""


class Cron:
    """The folder of docs/every-morning.sh, and cron, which starts it with hardly a variable."""

    def __init__(self, m2agent: Command) -> None:
        self.m2agent = m2agent
        self.folder = m2agent.folder
        for name in ("every-morning.sh", "every-morning.toml"):
            shutil.copy(_DOCS / name, self.folder)
        program = self.folder / "bin" / "m2agent"
        program.parent.mkdir()
        program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m m2agent "$@"\n')
        program.chmod(0o755)
        m2agent.home.mkdir()

    def starts(self, model: str, more: str = "") -> int:
        """Let cron start it; `model` is what the configuration names then."""
        (self.m2agent.home / "config.toml").write_text(f"model = {json.dumps(model)}\n{more}")
        environment = {
            name: self.m2agent.environment()[name]
            for name in ("HOME", "M2AGENT_HOME", "PYTHON_KEYRING_BACKEND")
        }
        environment["PATH"] = f"{self.folder / 'bin'}:/usr/bin:/bin"
        environment["PYTHONPATH"] = str(self.folder)
        done = subprocess.run(
            ["sh", str(self.folder / "every-morning.sh")],
            env=environment,
            cwd="/",
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert (done.stdout, done.stderr) == ("", "")
        return done.returncode

    @property
    def told(self) -> str:
        return (self.folder / "told.txt").read_text()

    @property
    def pending(self) -> bool:
        return (self.folder / "pending").exists()


@pytest.fixture
def cron(m2agent: Command) -> Cron:
    return Cron(m2agent)


def script(m2agent: Command, *turns: dict[str, Any]) -> str:
    return f"script:{m2agent.folder / m2agent.script(*turns).removeprefix('script:')}"


def test_cron_parks_is_approved_from_another_shell_and_goes_on(
    m2agent: Command, cron: Cron
) -> None:
    send = {"calls": [_SEND]}
    model = script(m2agent, {"calls": [_DRAFT]}, send, {"text": "I sent it."})
    assert cron.starts(model) == 4
    assert "waits for you: m2agent show" in cron.told
    assert cron.starts(model) == 4  # the next morning nobody has answered yet
    assert not list(m2agent.home.rglob("outbox/*.eml"))

    assert m2agent("approve", "last", "--json").code == 0
    assert cron.starts(model) == 0
    assert not cron.pending
    assert len(list(m2agent.home.rglob("outbox/*.eml"))) == 1
    assert len(m2agent("runs", "--json").out.splitlines()) == 1


def test_cron_meets_every_other_exit_code(m2agent: Command, cron: Cron) -> None:
    look = call("notes_search", query="x")
    limits = "[limits]\nturns = 1\n"
    recipe = cron.folder / "every-morning.toml"
    whole = recipe.read_text()

    recipe.write_text(whole.replace("turns = 150", "turns = 1"))
    assert cron.starts(script(m2agent, {"calls": [look]}, {"text": "Looked."})) == 5
    assert cron.pending
    recipe.write_text(whole)
    assert cron.starts("local", limits.replace("1", "9")) == 0  # the same run, to its end
    assert not cron.pending

    assert cron.starts("no-such-model") == 3
    assert "m2agent models" in cron.told
    with failing_server() as address:
        assert cron.starts(f"server:{address}") == 6
        assert cron.pending
    (cron.folder / "pending").unlink()

    assert cron.starts(script(m2agent, *[{"text": "I sent the mails."}] * 4)) == 7
    assert "not all of it is proven" in cron.told

    recipe.write_text("tusk = 1")
    assert cron.starts("local") == 2
    assert "went wrong (2)" in cron.told
    recipe.write_text(whole.replace('"shell"]', '"shell", "odd"]'))
    (cron.folder / "buggy.py").write_text(_BUG)
    info = cron.folder / "buggy-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Name: buggy\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[m2agent.connectors]\nbuggy = buggy:Buggy\n")
    accounts = "".join(
        f'[accounts.{name}]\nconnector = "{connector}"\n'
        for name, connector in [
            ("mail", "local-mail"), ("notes", "local-notes"), ("shell", "shell"), ("odd", "buggy"),
        ]
    )  # fmt: skip
    assert cron.starts(script(m2agent, {"calls": [call("buggy_look")]}), accounts) == 1
    assert "went wrong (1)" in cron.told
    assert "ZeroDivisionError" in (cron.folder / "said.txt").read_text()


def test_cron_is_interrupted_and_goes_on_the_next_day(m2agent: Command, cron: Cron) -> None:
    slow = {"calls": [call("shell_run", command="touch begun; sleep 600", timeout=900)]}
    model = script(m2agent, slow, {"text": "Done."})
    ends = threading.Thread(target=end_when_begun, args=(m2agent.home / "work" / "begun",))
    rules = m2agent.folder / "rules.toml"
    rules.write_text('[[rule]]\ndecision = "allow"\ntool = "shell_run"\n')
    ends.start()
    assert cron.starts(model, f"rules = {json.dumps(str(rules))}\n") == 130
    ends.join()
    assert cron.pending
    assert "was stopped" in cron.told


def end_when_begun(sign: Path) -> None:
    """SIGTERM, as a shutdown sends it, for the run whose command has begun."""
    import signal
    import time

    import psutil

    while not sign.exists():
        time.sleep(0.05)
    for process in psutil.process_iter():
        try:
            inside = process.environ().get("M2AGENT_HOME", "")
            if inside == str(sign.parents[1]) and "m2agent" in process.cmdline()[1:3]:
                os.kill(process.pid, signal.SIGTERM)
        except (psutil.Error, OSError):
            continue
