"""The command line as scripts rely on it: exit codes, streams, and words for what is wrong."""

import json
import random
import re
import signal
import time

import pytest
from command import Command, call

from m2agent.journal import Journal
from m2agent.settings import LimitSettings, RoleSettings, ScreenSettings, Settings
from m2agent_models.engine.placement import Wishes
from m2agent_models.remote.settings import RemoteSettings

_DRAFT = call("mail_draft", to=["ann@supplier.example"], subject="Hello", body="Dear Ann,\n\nHi.")
_SEND = call("mail_send", draft_id="{{1.draft_id}}")


def test_plain_output_is_the_answer_and_nothing_else(m2agent: Command) -> None:
    done = m2agent("run", "Say hello.", "--model", m2agent.script({"text": "Hello, Niamh."}))

    assert (done.code, done.out) == (0, "Hello, Niamh.\n")


def test_the_task_comes_from_standard_input_for_a_dash(m2agent: Command) -> None:
    done = m2agent("run", "-", "--model", m2agent.script(), "--events", stdin="Say hello.\n")

    assert done.events[1]["text"] == "Say hello.\n"
    assert done.code == 0


def test_events_are_one_object_a_line_from_beginning_to_end(m2agent: Command) -> None:
    model = m2agent.script({"thinking": "Look.", "calls": [call("notes_search", query="x")]})
    done = m2agent("run", "Look.", "--model", model, "--events")

    assert [event["seq"] for event in done.events] == list(range(1, len(done.events) + 1))
    kinds = [event["type"] for event in done.events]
    assert kinds[:3] == ["began", "asked", "thought"]
    assert kinds[-2:] == ["judged", "ended"]
    assert {"called", "decided", "started", "returned", "turned"} < set(kinds)
    assert all(event["run"] == done.events[0]["run"] for event in done.events)
    assert done.events[-1]["exit_code"] == done.code == 0
    exported = m2agent("export", done.events[0]["run"])
    assert exported.events == done.events


def test_json_is_only_the_final_object(m2agent: Command) -> None:
    done = m2agent("run", "Hello.", "--model", m2agent.script({"text": "Hi."}), "--json")

    final = done.final
    assert set(final) == {"run", "status", "exit_code", "answer", "receipts", "usage"}
    assert (final["status"], final["answer"], final["usage"]["turns"]) == ("done", "Hi.", 1)


def test_a_send_parks_and_approve_sends_exactly_those_bytes(m2agent: Command) -> None:
    model = m2agent.script({"calls": [_DRAFT]}, {"calls": [_SEND]}, {"text": "I sent it."})
    parked = m2agent("run", "Write to Ann.", "--model", model, "--events")
    run = parked.events[0]["run"]
    assert parked.code == 4
    assert not list(m2agent.home.rglob("outbox/*.eml"))

    shown = m2agent("show", run)
    assert "Dear Ann," in shown.out
    assert f"m2agent approve {run}" in shown.out

    done = m2agent("approve", run, "--events")
    assert done.code == 0
    (sent,) = m2agent.home.rglob("outbox/*.eml")
    assert b"To: ann@supplier.example" in sent.read_bytes()
    asked = next(e for e in parked.events if e["type"] == "decided" and e["decision"] == "ask")
    approved = next(e for e in done.events if e["type"] == "approved")
    started = next(e for e in done.events if e["type"] == "started")
    assert asked["hash"] == approved["hash"] == started["hash"]
    assert asked["content"] == approved["content"] == started["content"] != ""
    assert m2agent("approve", run).code == 2


def test_a_declined_send_is_told_to_the_model_and_not_called_done(m2agent: Command) -> None:
    model = m2agent.script({"calls": [_DRAFT]}, {"calls": [_SEND]}, {"text": "It stays unsent."})
    run = m2agent("run", "Write to Ann.", "--model", model, "--json").final["run"]

    done = m2agent("decline", run, "--reason", "Not today.", "--events")

    assert done.code == 7
    returned = next(e for e in done.events if e["type"] == "returned")
    assert "Not today." in returned["text"]
    assert not list(m2agent.home.rglob("outbox/*.eml"))


@pytest.mark.parametrize(("answer", "code", "mails"), [("allow", 0, 1), ("deny", 7, 0)])
def test_an_unattended_run_answers_as_it_was_told(
    m2agent: Command, answer: str, code: int, mails: int
) -> None:
    model = m2agent.script({"calls": [_DRAFT]}, {"calls": [_SEND]}, {"text": "That is all."})

    done = m2agent("run", "Write to Ann.", "--model", model, "--on-ask", answer)

    assert done.code == code
    assert len(list(m2agent.home.rglob("outbox/*.eml"))) == mails


def test_a_rule_decides_before_the_effect_does(m2agent: Command) -> None:
    rules = m2agent.folder / "rules.toml"
    rules.write_text('[[rule]]\ndecision = "deny"\ntool = "mail_draft"\nreason = "No mail."\n')
    model = m2agent.script({"calls": [_DRAFT]})

    done = m2agent("run", "Write.", "--model", model, "--rules", str(rules), "--events")

    assert next(e for e in done.events if e["type"] == "decided")["rule"] == "rule 1"
    assert "No mail." in next(e for e in done.events if e["type"] == "returned")["text"]


def test_a_limit_ends_with_its_own_code_and_resume_goes_on(m2agent: Command) -> None:
    look = [{"calls": [call("notes_search", query=f"x{n}")]} for n in range(4)]
    model = m2agent.script(*look, {"text": "Looked."})

    done = m2agent("run", "Look.", "--model", model, "--max-turns", "2", "--json")
    assert done.code == 5
    assert "--max-turns" in done.err
    assert f"m2agent resume {done.final['run']}" in done.err

    again = m2agent("resume", "last", "--json")
    assert again.code == 0
    assert again.final["usage"]["turns"] == 5


def test_a_fork_takes_another_way_and_leaves_the_old_run_alone(m2agent: Command) -> None:
    model = m2agent.script({"calls": [call("notes_search", query="x")]}, {"text": "One."})
    run = m2agent("run", "Look.", "--model", model, "--json").final["run"]
    other = m2agent.script({}, {"text": "Two."})

    done = m2agent("fork", run, "--turn", "1", "--model", other, "--json")

    assert done.final["answer"] == "Two."
    assert done.final["run"] != run
    assert m2agent("export", run).events[-1]["answer"] == "One."


def test_runs_lists_what_was_asked_and_how_it_ended(m2agent: Command) -> None:
    assert "no runs yet" in m2agent("runs").err
    m2agent("run", "Say hello.", "--model", m2agent.script({"text": "Hello."}))

    assert "done" in m2agent("runs").out
    row = json.loads(m2agent("runs", "--json").out)
    assert (row["task"], row["status"]) == ("Say hello.", "done")


def test_what_a_person_typed_wrong_is_exit_2_and_a_sentence(m2agent: Command) -> None:
    (m2agent.folder / "bad.jsonl").write_text('{"thinking": 1}\n')
    wrong = [
        ("run",),
        ("run", "  "),
        ("run", "x", "--bogus"),
        ("bogus",),
        ("rnu", "x"),
        ("show", "nosuch"),
        ("resume", "nosuch"),
        ("run", "x", "--model", "script:bad.jsonl"),
        ("run", "x", "--model", "script:nosuch.jsonl"),
        ("run", "x", "--rules", "nosuch.toml"),
        ("run", "x", "--office", "nosuch"),
        ("run", "x", "--events", "--json"),
    ]
    for arguments in wrong:
        done = m2agent(*arguments)
        assert (done.code, done.out) == (2, ""), (arguments, done)
        assert "Traceback" not in done.err, (arguments, done.err)
        assert done.err.strip(), arguments


def test_a_command_typed_wrong_names_the_nearest_and_a_task_the_command_for_it(
    m2agent: Command,
) -> None:
    assert "Did you mean run?" in m2agent("rnu", "x").err
    assert "m2agent run 'Sort my mail.'" in m2agent("Sort my mail.").err


def test_what_must_be_set_up_is_exit_3_with_the_command_that_does_it(m2agent: Command) -> None:
    (m2agent.folder / "broken.gguf").write_bytes(b"GGUF" + b"\xff" * 100)
    (m2agent.folder / "other.gguf").write_bytes(b"not a model at all")
    cases = [
        (("run", "x"), "m2agent models pull starter"),
        (("run", "x", "--model", "nosuch-model"), "m2agent models"),
        (("run", "x", "--model", "./nosuch.gguf"), "nosuch.gguf"),
        (("run", "x", "--model", "./broken.gguf"), "broken.gguf"),
        (("run", "x", "--model", "./other.gguf"), "other.gguf"),
    ]
    for arguments, words in cases:
        done = m2agent(*arguments)
        assert (done.code, done.out) == (3, ""), (arguments, done)
        assert words in done.err, (arguments, done.err)
        assert "Traceback" not in done.err


def test_an_unknown_key_is_refused_with_the_nearest_known_one(m2agent: Command) -> None:
    m2agent.home.mkdir()
    (m2agent.home / "config.toml").write_text('modle = "local"\n')

    done = m2agent("run", "x", "--model", m2agent.script())

    assert done.code == 3
    assert "perhaps model was meant" in done.err


def test_a_home_that_cannot_be_written_is_said_plainly(m2agent: Command) -> None:
    (m2agent.folder / "home").write_text("a file where the folder should be")

    done = m2agent("run", "x", "--model", m2agent.script())

    assert done.code == 3
    assert "M2AGENT_HOME" in done.err


def test_a_full_disk_ends_the_run_with_words_and_keeps_what_was_done(m2agent: Command) -> None:
    m2agent("run", "Warm up.", "--model", m2agent.script({"text": "Warm."}))
    thoughts = random.Random(1).randbytes(800_000).hex()
    turns = [
        {
            "thinking": thoughts[n * 40_000 : (n + 1) * 40_000],
            "calls": [call("notes_search", query=f"x{n}")],
        }
        for n in range(40)
    ]
    model = m2agent.script(*turns)

    done = m2agent("run", "Fill it.", "--model", model, shell="ulimit -f 400; {}")

    assert done.code == 3
    assert "disk" in done.err
    listed = m2agent("runs", shell="ulimit -f 0; {}")
    assert (listed.code, listed.out.count("\n")) == (0, 2), listed.err
    assert m2agent("resume", "last", "--max-turns", "1").code == 5


def test_a_run_that_another_process_works_on_is_exit_4(m2agent: Command) -> None:
    model = m2agent.script({"calls": [_DRAFT]}, {"calls": [_SEND]})
    run = m2agent("run", "Write.", "--model", model, "--json").final["run"]
    journal = Journal(m2agent.home / "journal.db")
    journal.open(run)

    done = m2agent("resume", run)
    journal.close()

    assert done.code == 4
    assert "is being worked on by process" in done.err


def test_a_damaged_journal_is_named_with_what_to_do(m2agent: Command) -> None:
    m2agent.home.mkdir()
    (m2agent.home / "journal.db").write_bytes(b"junk" * 2_000)

    done = m2agent("runs")

    assert done.code == 3
    assert "m2agent doctor --repair" in done.err


def test_a_reader_that_goes_away_is_no_traceback(m2agent: Command) -> None:
    turns = [{"text": "", "calls": [call("notes_search", query=f"x{n}")]} for n in range(60)]
    m2agent("run", "Look.", "--model", m2agent.script(*turns), "--max-turns", "60")

    done = m2agent("export", "last", shell="{} | head -n 1")

    assert len(done.out.splitlines()) == 1
    assert "Traceback" not in done.err


def test_interrupting_once_finishes_the_step_and_twice_stops_at_once(
    m2agent: Command,
) -> None:
    slow = call("shell_run", command="echo begun; tail -f /dev/null", timeout=60)
    model = m2agent.script({"calls": [slow]}, {"text": "Done."})
    process = m2agent.start("run", "Wait.", "--model", model, "--events", "--on-ask", "allow")
    assert process.stdout and process.stderr
    for line in process.stdout:
        if json.loads(line)["type"] == "started":
            break
    process.send_signal(signal.SIGINT)
    assert "Once more stops at once." in process.stderr.readline()
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=30)

    assert process.returncode == 130
    assert json.loads(out.splitlines()[-1])["status"] == "interrupted"
    assert m2agent("export", "last").events[-1]["status"] == "interrupted"


def test_doctor_finds_what_is_wrong_and_says_how_to_mend_it(m2agent: Command) -> None:
    done = m2agent("doctor")

    assert done.code == 3
    assert "m2agent models pull starter" in done.out
    found = [json.loads(line) for line in m2agent("doctor", "--json").out.splitlines()]
    assert {f["what"]: f["state"] for f in found}["journal"] == "ok"


def test_a_sub_agents_send_is_shown_and_approved_through_its_run(m2agent: Command) -> None:
    model = m2agent.script(
        {"calls": [{"tool": "delegate", "arguments": {"task": "Write to Ann."}}]},
        {"agent": "Ann", "calls": [_DRAFT]},
        {"agent": "Ann", "calls": [_SEND]},
        {"agent": "Ann", "text": "I sent it."},
        {"text": "I sent it."},
    )
    parked = m2agent("run", "Have Ann written to.", "--model", model, "--events")
    run = parked.events[0]["run"]
    assert (parked.code, parked.events[-1]["run"]) == (4, run)
    assert {event["run"] for event in parked.events} == {run, f"{run}-1.1"}
    assert m2agent("runs", "--json").out.count("\n") == 1, "sub-agents are no runs of their own"

    shown = m2agent("show", "last")
    assert "1.1/2.1  mail_send" in shown.out and "Dear Ann," in shown.out
    assert m2agent("approve", run, "--step", "1.1/2.1", "--json").final["status"] == "done"
    assert len(list(m2agent.home.rglob("outbox/*.eml"))) == 1

    exported = m2agent("export", run).events
    kinds = [event["type"] for event in exported if event["run"] != run]
    assert kinds[:2] == ["began", "asked"] and kinds[-1] == "ended"


def test_a_role_of_the_configuration_is_told_to_the_model_and_narrows_its_sub_agents(
    m2agent: Command,
) -> None:
    m2agent.home.mkdir()
    (m2agent.home / "config.toml").write_text(
        '[roles.scout]\nabout = "You look at mail."\ntools = ["mail_*"]\neffects = ["read"]\n'
    )
    task = {"task": "Look for Ann.", "role": "scout"}
    model = m2agent.script({"calls": [{"tool": "delegate", "arguments": task}]})
    events = m2agent("run", "Who is Ann?", "--model", model, "--events").events

    assert "scout: You look at mail." in events[0]["system"]
    (spawned,) = [event for event in events if event["type"] == "spawned"]
    assert "mail_search" in spawned["tools"] and "mail_send" not in spawned["tools"]
    assert all(tool.startswith("mail_") for tool in spawned["tools"])


def test_every_key_of_the_configuration_is_printed_with_what_it_means(m2agent: Command) -> None:
    tables: dict[str, dict[str, str]] = {"": {}}
    table = tables[""]
    for line in m2agent("doctor", "--settings").out.splitlines():
        if heading := re.fullmatch(r"# \[(\S+)\]", line):
            table = tables.setdefault(heading[1], {})
        elif key := re.fullmatch(r"# (\w+) = (.*)", line):
            table[key[1]] = key[2]
    of_its_own = {"accounts", "engine", "limits", "mcp", "remote", "roles", "screen"}
    assert set(tables[""]) == set(Settings.model_fields) - of_its_own
    assert of_its_own <= {name.partition(".")[0] for name in tables}
    for name, keys in {
        "engine": set(Wishes.__struct_fields__),
        "limits": set(LimitSettings.model_fields),
        "remote": set(RemoteSettings.model_fields),
        "roles.NAME": set(RoleSettings.model_fields),
        "screen": set(ScreenSettings.model_fields),
    }.items():
        assert set(tables[name]) >= keys, name
        assert all("  # " in tables[name][key] for key in keys), name


def test_the_end_says_what_is_proven_what_is_only_claimed_and_what_is_open(
    m2agent: Command,
) -> None:
    plan = [
        {"text": "Draft it", "state": "done", "proof": "[draft {{1.draft_id}}]"},
        {"text": "Think it over", "state": "done"},
        {"text": "Send it", "state": "open"},
    ]
    model = m2agent.script(
        {"calls": [_DRAFT]},
        {"calls": [call("plan_update", items=plan)]},
        *[{"text": "It is drafted."}] * 3,
    )
    done = m2agent("run", "Write to Ann.", "--model", model)

    assert done.code == 7
    assert "Checked: 1 of 4 proven by receipts." in done.err
    assert "Claimed only: Think it over" in done.err
    assert "Open: Send it (the plan does not say that it is done)" in done.err


def test_a_plan_is_shown_changed_and_read_by_the_model_when_it_goes_on(m2agent: Command) -> None:
    plan = [{"text": "Draft it", "state": "open"}]
    model = m2agent.script(
        {"calls": [call("plan_update", items=plan, notes=["Ann is late"]), _DRAFT]},
        {"calls": [{"tool": "mail_send", "arguments": {"draft_id": "{{2.draft_id}}"}}]},
        {"text": "It is drafted."},
    )
    m2agent("run", "Write to Ann.", "--model", model)
    assert m2agent("plan", "last").out == "[open] Draft it\nnote: Ann is late\n"

    changed = m2agent("plan", "last", "--set", "-", stdin="[done] Draft it\n[dropped] Sing\n")
    assert changed.code == 0 and "0 to do" in changed.err
    assert m2agent("runs", "--json").out.count('"waiting"') == 1, "it still waits"
    assert m2agent("plan", "last", "--edit").code == 2, "there is no terminal here"

    done = m2agent("decline", "last", "--done", "--reason", "By phone.", "--events")
    assert done.code == 0
    assert [e["done"] for e in done.events if e["type"] == "declined"] == [True]
    (asked,) = [e for e in m2agent("export", "last").events if e["type"] == "planned" and e["by"]]
    assert [item["state"] for item in asked["items"]] == ["done", "dropped"]
    assert m2agent("plan", "last", "--set", "-", stdin="x").code == 2, "it is over"
