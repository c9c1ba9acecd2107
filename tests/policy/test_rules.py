"""A person's rules: which one fits, what none can do, and "always", listed and taken back."""

import os
import stat
import subprocess
import sys
from contextlib import suppress
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from policy_scene import Scene

from m2agent.errors import UsageError
from m2agent.policy import Call, Rule, Rules, read_rules
from m2agent.policy.always import Always, Scope, known, revoke
from m2agent_connectors.shell.sandbox import probe

MONDAY = datetime(2026, 11, 23, 10)
LETTER = "From: me@office.example\nTo: Ann <ann@x.example>\nSubject: Hi\n\nWrite to bob@y.example"


def rules(folder: Path, text: str) -> Rules:
    (folder / "rules.toml").write_text(text)
    return read_rules(folder / "rules.toml")


def test_the_first_rule_that_fits_decides(tmp_path: Path) -> None:
    read = rules(
        tmp_path,
        """
        [[rule]]
        decision = "deny"
        tool = "mail_*"
        account = "work"
        arguments = { draft_id = "d1*" }
        reason = "Not this one."

        [[rule]]
        decision = "allow"
        tool = "mail_send"
        """,
    )
    scene = Scene("Send it.", rules=read)

    assert scene.judge("mail_send", "send", draft_id="d12").decision == "allow"
    call = Call("mail_send", "send", {"draft_id": "d12"}, "work")
    assert read.rule[0].fits(call, "own")


def test_a_rule_can_look_at_where_an_argument_came_from(tmp_path: Path) -> None:
    read = rules(tmp_path, '[[rule]]\ndecision = "deny"\ntool = "notes_*"\nfrom = "outside"')
    scene = Scene("Add 'milk' to the note Shopping.", rules=read)
    scene.read("mail_read", {}, ("outside", "mail m1", "Buy a yacht"))

    assert scene.judge("notes_append", "write", id="Shopping", text="yacht").decision == "deny"
    assert scene.judge("notes_append", "write", id="Shopping", text="milk").decision == "allow"


@pytest.mark.parametrize(
    ("rule", "fits"),
    [
        (Rule("allow", hours="9-17"), True),
        (Rule("allow", hours="22-6"), False),
        (Rule("allow", weekdays=["mon"]), True),
        (Rule("allow", weekdays=["sat", "sun"]), False),
        (Rule("allow", unattended=True), False),
        (Rule("allow", unattended=False), True),
        (Rule("allow", effect="write"), False),
        (Rule("allow", run="abc"), True),
        (Rule("allow", run="xyz"), False),
        (Rule("allow", to=["*@x.example"]), True),
        (Rule("allow", to=["*@y.example"]), False),
    ],
)
def test_time_run_and_recipients_narrow_a_rule(rule: Rule, fits: bool) -> None:
    call = Call("mail_send", "send", {"draft_id": "d1"}, content=LETTER, run="abc", at=MONDAY)

    assert rule.fits(call, "own") is fits


def test_every_recipient_must_fit() -> None:
    call = Call("send", "send", {"to": ["ann@x.example", "eve@evil.example"]})

    assert not Rule("allow", to=["ann@x.example"]).fits(call, "own")


def test_one_recipient_that_fits_is_enough_to_deny() -> None:
    call = Call("send", "send", {"to": ["ann@x.example", "eve@evil.example"]})

    for decision in ("ask", "deny"):
        assert Rule(decision, to=["*@evil.example"]).fits(call, "own")
        assert not Rule(decision, to=["*@y.example"]).fits(call, "own")


@pytest.mark.parametrize(
    "to",
    [
        "eve@evil.example@x.example",
        "eve@[192.0.2.7]",
        "ann@x.example, eve@[192.0.2.7]",
        '"ann@x.example" <eve@evil.example>',
        "eve@evil.example,ann@x.example",
        "ann@x.example\nBcc: eve@evil.example",
        "ann@\u0445.example",
        "eve\uff20evil.example ann@x.example",
    ],
)
def test_an_address_that_is_twisted_fits_no_rule_that_allows(to: str) -> None:
    call = Call("send", "send", {"to": [to, "ann@x.example"]})

    assert not Rule("allow", to=["*@x.example"]).fits(call, "own")


def test_a_reply_goes_to_its_recipients_and_not_to_the_ids_of_earlier_mails() -> None:
    ids = "In-Reply-To: <1@mail.y.example>\nReferences: <0@z.example> <1@mail.y.example>"
    head = LETTER.replace("Subject: Hi", f"Subject: About bob@y.example\n{ids}")
    call = Call("mail_send", "send", {"draft_id": "d1"}, content=head)

    assert Rule("allow", to=["*@x.example"]).fits(call, "own")
    copied = Call("mail_send", "send", {}, content=head.replace("Subject:", "Cc: e@y.example\nS:"))
    assert not Rule("allow", to=["*@x.example"]).fits(copied, "own")


@pytest.mark.parametrize(
    "text",
    [
        "[[rule]]\ndecision = 'perhaps'",
        "[[rule]]\ntool = 'x'",
        "[[rule]]\ndecision = 'allow'\ntols = 'x'",
        "[[rule]]\ndecision = 'allow'\nhours = '9 to 5'",
        "[[rule]]\ndecision = 'allow'\nhours = '9-99'",
        "[[rule",
    ],
)
def test_a_wrong_file_is_refused_with_its_name(tmp_path: Path, text: str) -> None:
    with pytest.raises(UsageError, match=r"rules\.toml"):
        rules(tmp_path, text)


@given(st.text())
def test_reading_rules_is_total(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    file = tmp_path_factory.mktemp("rules") / "rules.toml"
    file.write_text(text, "utf-8", errors="replace")
    with suppress(UsageError):
        read_rules(file)


_PATTERNS = st.builds(
    Rule, st.just("allow"), st.sampled_from(["*", "a*", "?_b"]), st.sampled_from(["*", "w"])
)


@given(st.lists(_PATTERNS, max_size=4), st.text(max_size=9))
def test_no_rule_allows_what_cannot_be_undone(found: list[Rule], tool: str) -> None:
    assert Scene("Delete it.", rules=Rules(found)).judge(tool, "destroy").decision == "ask"


def test_always_for_a_recipient_holds_for_nobody_else(tmp_path: Path) -> None:
    file = tmp_path / "always.toml"
    sent = Call("mail_send", "send", {"draft_id": "d1"}, "work", LETTER)
    rule = Always(file).add(sent, "recipient")

    assert known(file).rule == [rule]
    assert rule.to == ["ann@x.example"]
    other = LETTER.replace("ann@x", "eve@evil")
    assert rule.fits(sent, "own")
    assert not rule.fits(Call("mail_send", "send", {"draft_id": "d1"}, "work", other), "own")
    assert not rule.fits(Call("mail_send", "send", {}, "work", LETTER, unattended=True), "own")


@given(st.text(min_size=1), st.integers(-(2**53) + 1, 2**53 - 1))
def test_always_for_a_command_means_exactly_that_call(
    tmp_path_factory: pytest.TempPathFactory, command: str, seconds: int
) -> None:
    file = tmp_path_factory.mktemp("always") / "always.toml"
    call = Call("shell_run", "send", {"command": command, "timeout": seconds}, "shell")
    try:
        command.encode()
    except UnicodeEncodeError:
        return
    Always(file).add(call, "command")
    (rule,) = known(file).rule

    assert rule.fits(call, "own")
    longer = Call("shell_run", "send", {"command": f"{command}x", "timeout": seconds}, "shell")
    assert not rule.fits(longer, "own")
    more = {**call.arguments, "stdin": "other input"}
    assert not rule.fits(Call("shell_run", "send", more, "shell"), "own")


def test_always_for_a_draft_ends_where_the_draft_changes(tmp_path: Path) -> None:
    sent = Call("mail_send", "send", {"draft_id": "d1"}, "work", LETTER)
    rule = Always(tmp_path / "always.toml").add(sent, "command")

    assert rule.fits(sent, "own")
    changed = LETTER.replace("bob@y", "eve@evil")
    assert rule.misfit(Call("mail_send", "send", sent.arguments, "work", changed), "own")


@pytest.mark.parametrize("scope", ["run", "account"])
def test_always_gives_no_power_that_the_call_did_not_have(tmp_path: Path, scope: Scope) -> None:
    file = tmp_path / "always.toml"
    rule = Always(file).add(Call("shell_run", "send", {"command": "make"}, "shell"), scope)
    online = Call("shell_run", "send", {"command": "make", "network": True}, "shell")

    assert known(file).rule == [rule]
    assert rule.fits(Call("shell_run", "send", {"command": "ls", "network": False}, "shell"), "own")
    assert rule.misfit(online, "own") == "powers"
    assert Always().add(online, scope).fits(online, "own")


def test_an_always_is_taken_back_and_kept_private(tmp_path: Path) -> None:
    file = tmp_path / "always.toml"
    call = Call("mail_send", "send", {"draft_id": "d1"}, "work", LETTER, run="abc")
    first, second = Always(file).add(call, "run"), Always(file).add(call, "account")

    assert revoke(file, 1) == first
    assert known(file).rule == [second]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    with pytest.raises(UsageError, match="rules list"):
        revoke(file, 2)


def test_there_is_no_always_for_what_cannot_be_undone(tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        Always(tmp_path / "always.toml").add(Call("burn", "destroy", {}), "account")


def m2agent(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "m2agent", *words]
    return subprocess.run(command, capture_output=True, text=True, env=os.environ, check=False)


def test_check_says_which_rule_decides_and_why(tmp_path: Path) -> None:
    file = tmp_path / "r.toml"
    file.write_text(
        '[[rule]]\ndecision = "allow"\ntool = "x_*"\nto = ["*@f.example"]\n'
        '[[rule]]\ndecision = "deny"\ntool = "x_*"\nreason = "Closed."\n'
        '[[rule]]\ndecision = "ask"\naccount = "work"\n'
    )

    denied = m2agent("rules", "check", "--tool", "x_y", "--rules", str(file))
    asked = m2agent("rules", "check", "--tool", "z", "--arguments", '{"to": "eve@evil.example"}')
    drafted = m2agent("rules", "check", "--tool", "mail_draft", "--task", "What is new?")
    wrong = m2agent("rules", "check", "--tool", "z", "--arguments", "[1]")

    assert denied.stdout.splitlines() == [
        "x_y counts as send.",
        "",
        "deny   yours 2: Closed.",
        "       in every case",
        "",
        'yours 1 does not fit, by its to: decision = "allow", tool = "x_*", to = ["*@f.example"]',
        "",
        'yours 3 does not fit, by its account: decision = "ask", account = "work"',
    ]
    assert "The address eve@evil.example is not in your words" in asked.stdout
    assert drafted.stdout.startswith("mail_draft counts as write.")
    assert [line[:5] for line in drafted.stdout.splitlines()[2::2]] == ["allow", "ask  "]
    assert wrong.returncode == 2


def test_check_knows_a_command_that_only_reads() -> None:
    reads = m2agent("rules", "check", "--tool", "shell_run", "--arguments", '{"command": "ls -l"}')
    makes = m2agent("rules", "check", "--tool", "shell_run", "--arguments", '{"command": "make"}')

    expected = "read" if probe().active else "send"
    assert reads.stdout.startswith(f"shell_run counts as {expected}.")
    assert makes.stdout.startswith("shell_run counts as send.")
