"""Commands in the shell: what is kept between them, how they end, and what is left of them."""

import asyncio
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from shell_scene import Scene, opened, processes

from m2agent.connector import Account
from m2agent.errors import SetupError, ToolFailed, Unclear
from m2agent.events import Called, Receipt
from m2agent.toolbox import Toolbox
from m2agent_connectors.shell import Shell


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    async with opened(tmp_path) as scene:
        yield scene


@pytest.fixture
def token() -> str:
    """Seconds to sleep that no other process sleeps."""
    return f"9{os.getpid()}{time.monotonic_ns() % 10**6:06}"


def gone(token: str) -> bool:
    """Whether no process with this token is left, or soon will be."""
    until = time.monotonic() + 3
    while list(processes(token)):
        if time.monotonic() > until:
            return False
        time.sleep(0.05)
    return True


def present(token: str) -> None:
    """Wait until there is a process with this token."""
    while not list(processes(token)):
        time.sleep(0.02)


async def test_a_command_returns_what_it_printed_and_how_it_ended(scene: Scene) -> None:
    result = await scene.run("echo out; echo err >&2; (exit 3)")
    assert re.fullmatch(r"exit 3 \| \d+\.\d s \| cwd \. \| 2 lines\nout\nerr", result.text)
    assert result.receipts == [Receipt("exit", "run.1", "exit 3")]
    assert {k: v for k, v in result.data.items() if k != "seconds"} == {
        "exit_code": 3,
        "cwd": ".",
        "timed_out": False,
        "lines": 2,
        "output": "out\nerr\n",
    }


async def test_folder_and_variables_last_from_call_to_call(scene: Scene) -> None:
    await scene.run("mkdir -p 'a b/ü'; cd 'a b/ü'; x=5; export Y=6; f() { echo f$1; }")
    result = await scene.run("echo $x $Y $(f 7); pwd")
    assert result.data["cwd"] == "a b/ü"
    assert result.data["output"] == f"5 6 f7\n{scene.work.resolve()}/a b/ü\n"


async def test_each_run_has_a_folder_and_variables_of_its_own(scene: Scene, tmp_path: Path) -> None:
    (tmp_path / "others").mkdir()
    other = Scene(scene.shell, scene.work, tmp_path / "others")
    await scene.run("mkdir sub; cd sub; x=5")
    assert (await other.run("echo [$x]")).data["output"] == "[]\n"
    assert (await scene.run("echo [$x]")).data["cwd"] == "sub"


async def test_many_runs_do_not_keep_a_shell_each(scene: Scene, tmp_path: Path) -> None:
    folders = [tmp_path / f"artifacts-{number}" for number in range(9)]
    for folder in folders:
        folder.mkdir()
    await asyncio.gather(*(Scene(scene.shell, scene.work, f).run("true") for f in folders))
    await scene.run("true")
    shells = [p for p in psutil.Process().children(recursive=True) if "--noediting" in p.cmdline()]
    assert len([p for p in shells if p.name() == "bash"]) == 8


@pytest.mark.parametrize("name", ["with spaces", "ünï-код-文", "quote's \"$(x)`;"])
async def test_any_name_of_the_work_folder_will_do(tmp_path: Path, name: str) -> None:
    async with opened(tmp_path, name) as scene:
        assert await scene.output("pwd; echo x > y; cat y") == f"{scene.work.resolve()}\nx\n"


@pytest.mark.parametrize(
    ("command", "code", "output"),
    [
        ("echo 'abc", 2, "unexpected EOF"),
        ("if true; then", 2, "syntax error"),
        ("nonesuch", 127, "not found"),
        ("kill -KILL $$", 137, ""),
        ("exec false", 1, ""),
        ("exit 3", 3, ""),
        ("echo a; set -e; false; echo b", 1, "a"),
    ],
)
async def test_whatever_a_command_does_to_the_shell_the_next_one_works(
    scene: Scene, command: str, code: int, output: str
) -> None:
    result = await scene.run(command, timeout=20)
    assert result.data["exit_code"] == code
    assert output in result.data["output"]
    assert not result.data["timed_out"]
    assert await scene.output("echo fine") == "fine\n"


async def test_a_shell_that_was_killed_between_two_commands_is_started_anew(scene: Scene) -> None:
    await scene.run("(sleep 0.2; kill -KILL $$) &")
    await asyncio.sleep(0.5)
    assert await scene.output("echo fine") == "fine\n"


async def test_a_terminal_that_was_left_in_a_strange_state_is_put_right(scene: Scene) -> None:
    await scene.run("stty raw echo opost onlcr </dev/tty")
    assert await scene.output("echo fine") == "fine\n"
    assert (await scene.run("sleep 100", timeout=1)).data["exit_code"] == 130


async def test_a_work_folder_that_is_gone_is_an_error_in_words(scene: Scene) -> None:
    scene.work.rmdir()
    with pytest.raises(ToolFailed, match="does not start"):
        await scene.run("ls")


async def test_when_the_shell_ends_the_model_is_told_and_the_folder_stays(scene: Scene) -> None:
    await scene.run("mkdir sub; cd sub; x=5")
    result = await scene.run("exit 3")
    assert "the shell ended, variables are gone" in result.text
    assert (await scene.run("echo [$x]")).data["cwd"] == "sub"


async def test_a_command_that_wants_input_gets_none_unless_it_is_given(scene: Scene) -> None:
    assert await scene.output("cat; read x; echo [$x]", timeout=20) == "[]\n"
    assert await scene.output("cat", stdin="given\n'\"$") == "given\n'\"$"


async def test_a_command_as_long_as_it_likes_is_run_as_it_is(scene: Scene) -> None:
    command = "cat <<'EOF'\n" + "x'\"`$(\\" * 5_000 + "\nEOF\necho done"
    assert (await scene.output(command)).endswith("done\n")


async def test_no_output_is_taken_for_the_end_of_a_command(scene: Scene) -> None:
    fake = r"printf '\036%032d 0 /etc\036\n' 7; printf '\036'; echo after"
    result = await scene.run(fake)
    assert "after" in result.data["output"]
    assert result.data["cwd"] == "."
    assert await scene.output("echo next") == "next\n"


async def test_output_that_is_sent_elsewhere_for_good_comes_back(scene: Scene) -> None:
    await scene.run("exec > /dev/null 2>&1")
    assert await scene.output("echo here") == "here\n"


async def test_colours_bars_and_bad_bytes_are_cleaned(scene: Scene) -> None:
    command = r"printf '\033[31mred\033[0m 1%%\r 2%%\r done\n\377\n'"
    assert await scene.output(command) == " done\n\ufffd\n"


async def test_programs_know_that_nobody_watches(scene: Scene) -> None:
    names = "TERM PAGER GIT_TERMINAL_PROMPT CI LANG"
    assert await scene.output(f"printenv {names}") == "dumb\ncat\n0\ntrue\nC.UTF-8\n"


async def test_no_variable_of_the_person_is_passed_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("M2AGENT_NOTION_TOKEN", "canary-in-the-environment")
    monkeypatch.setenv("LC_ALL", "C")
    async with opened(tmp_path) as scene:
        output = await scene.output("env; echo ü")
    assert "canary" not in output and output.endswith("\nü\n")


async def test_a_pipe_that_closes_ends_its_writer(scene: Scene) -> None:
    assert await scene.output("yes | head -1; echo ${PIPESTATUS[0]}") == "y\n141\n"


async def test_calls_at_the_same_time_wait_for_each_other(scene: Scene) -> None:
    results = await asyncio.gather(*(scene.output(f"x={n}; sleep 0.1; echo $x") for n in range(4)))
    assert results == ["0\n", "1\n", "2\n", "3\n"]


# Time limits, floods, and what is left running.


async def test_at_its_time_limit_a_command_is_interrupted_and_the_shell_lives_on(
    scene: Scene,
) -> None:
    await scene.run("x=5")
    result = await scene.run("echo begun; sleep 100; echo never", timeout=1)
    assert result.text.startswith("exit 130 | 1.")
    assert "stopped after 1 s, its time limit" in result.text
    assert result.data["timed_out"]
    assert result.data["output"].split() == ["begun"]
    assert await scene.output("echo $x") == "5\n"


@pytest.mark.parametrize(
    "command",
    [
        "trap '' INT TERM HUP; while :; do :; done",
        "python3 -c 'import signal, time; [signal.signal(n, signal.SIG_IGN) for n in (1, 2, 15)];"
        " time.sleep(999)'; echo next > next",
    ],
)
async def test_a_command_that_ignores_every_signal_is_ended_within_five_seconds(
    scene: Scene, command: str
) -> None:
    began = time.monotonic()
    result = await scene.run(command, timeout=1)
    assert result.data["timed_out"]
    assert time.monotonic() - began < 1 + 5
    assert not (scene.work / "next").exists()
    assert await scene.output("echo fine") == "fine\n"


async def test_a_password_prompt_on_the_terminal_ends_at_the_time_limit(scene: Scene) -> None:
    prompt = "python3 -c 'import getpass; getpass.getpass()'"
    result = await scene.run(prompt, timeout=1)
    assert result.data["timed_out"]
    assert "Password" in result.data["output"]
    assert await scene.output("echo fine") == "fine\n"


async def test_a_flood_is_cut_bounded_in_memory_and_on_disk_and_leaves_others_their_turn(
    scene: Scene,
) -> None:
    await scene.run("true")
    before = psutil.Process().memory_info().rss
    flood = asyncio.create_task(scene.run("yes 0123456789abcdef", timeout=1))
    longest = 0.0
    while not flood.done():
        began = time.monotonic()
        await asyncio.sleep(0.01)
        longest = max(longest, time.monotonic() - began)
    result = await flood
    assert longest < 0.5
    assert result.data["timed_out"]
    assert result.data["lines"] > 20_000
    assert len(result.text) < 8_000
    (name,) = result.artifacts
    assert f"(cut; full: {name})" in result.text
    assert (scene.artifacts / name).stat().st_size < 70 * 2**20
    assert psutil.Process().memory_info().rss - before < 50 * 2**20


async def test_a_stopped_call_ends_the_command_and_the_next_one_works(
    scene: Scene, token: str
) -> None:
    call = asyncio.create_task(scene.run(f"sleep {token}"))
    await asyncio.to_thread(present, token)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert gone(token)
    assert await scene.output("echo fine") == "fine\n"


async def test_nothing_is_left_running_when_the_shell_is_closed(tmp_path: Path, token: str) -> None:
    async with opened(tmp_path) as scene:
        await scene.run(
            f"sleep {token} & (setsid nohup sleep {token} &) ;"
            f" trap '' HUP TERM; bash -c 'trap \"\" HUP TERM; sleep {token}' & disown -a"
        )
        await scene.run(f"sleep {token}", background=True)
        assert len(list(processes(token))) >= 4
        folders = set(Path(tempfile.gettempdir()).glob("m2agent-shell-*"))
    assert gone(token)
    assert len(folders - set(Path(tempfile.gettempdir()).glob("m2agent-shell-*"))) >= 1


async def test_a_process_that_escaped_into_the_background_does_not_hold_a_command_up(
    scene: Scene,
) -> None:
    result = await scene.run("(setsid sleep 999 >/dev/null 2>&1 &); sleep 999 & echo now")
    assert result.data["output"].endswith("now\n")
    assert result.data["seconds"] < 5


# Commands in the background.


async def test_a_command_in_the_background_is_watched_typed_to_and_ended(scene: Scene) -> None:
    started = await scene.run("echo ready; while read x; do echo got $x; done", background=True)
    assert started.text.startswith("running in session b1 | ")
    assert started.data["output"] == "ready\n" and started.data["running"]
    await scene.look("b1", "got hi\n", text="hi")
    assert (await scene.input("b1", wait=0)).data["output"] == ""
    ended = await scene.input("b1", key="ctrl-c", wait=5)
    assert ended.text.startswith("exit 130 | session b1 ended | ")
    with pytest.raises(ToolFailed, match="no session 'b1'"):
        await scene.input("b1")


async def test_ctrl_c_reaches_the_program_and_not_the_sandbox(scene: Scene) -> None:
    await scene.run("python3 -iqu", background=True)
    await scene.input("b1", text="while not print('endless'): pass", wait=0)
    await scene.look("b1", "endless", text="")
    await scene.look("b1", "KeyboardInterrupt", key="ctrl-c")
    await scene.look("b1", "42", text="print(6 * 7)")
    assert (await scene.input("b1", text="exit(4)", wait=5)).data["exit_code"] == 4


async def test_ctrl_c_works_even_where_m2agent_was_started_to_ignore_it(tmp_path: Path) -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        async with opened(tmp_path) as scene:
            await scene.run("x=5")
            stopped = await scene.run("sleep 100", timeout=1)
            assert stopped.data["exit_code"] == 130
            assert await scene.output("echo $x") == "5\n"
    finally:
        signal.signal(signal.SIGINT, before)


async def test_a_command_in_the_background_may_have_input_and_end_at_once(scene: Scene) -> None:
    result = await scene.run("cat; exit 5", stdin="given", background=True)
    assert (result.data["exit_code"], result.data["output"]) == (5, "given")


async def test_what_a_program_does_not_read_is_refused_and_does_not_hang(scene: Scene) -> None:
    await scene.run("sleep 100", background=True)
    with pytest.raises(ToolFailed, match="does not read"):
        for _ in range(100):
            await scene.input("b1", text="x" * 3_000, wait=0)
    with pytest.raises(ToolFailed, match="4,000 bytes"):
        await scene.input("b1", text="ü" * 3_000, wait=0)


async def test_there_are_only_so_many_commands_in_the_background(scene: Scene) -> None:
    await asyncio.gather(*(scene.run("sleep 100", background=True) for _ in range(4)))
    with pytest.raises(ToolFailed, match="b1, b2, b3, b4"):
        await scene.run("sleep 100", background=True)


# What it tells the loop.


def effect(shell: Shell, tool: str, **arguments: Any) -> str:
    return Toolbox({"shell": shell}).check(Called("1", tool, arguments)).effect


async def test_only_readers_and_looking_run_unasked(scene: Scene) -> None:
    assert scene.shell.sandbox.active
    assert effect(scene.shell, "shell_run", command="cat a | wc -l") == "read"
    assert effect(scene.shell, "shell_run", command="echo a > b") == "send"
    assert effect(scene.shell, "shell_run", command="cat a", network=True) == "send"
    assert effect(scene.shell, "shell_input", session="b1") == "read"
    assert effect(scene.shell, "shell_input", session="b1", key="ctrl-c") == "read"
    assert effect(scene.shell, "shell_input", session="b1", key="ctrl-d") == "send"
    assert effect(scene.shell, "shell_input", session="b1", text="y") == "send"


async def test_a_yes_holds_for_the_folder_the_command_was_to_run_in(scene: Scene) -> None:
    def call() -> Any:
        return Toolbox({"shell": scene.shell}).check(
            Called("1", "shell_run", {"command": "rm *", "stdin": "y"})
        )

    here = await call().content(scene.operation())
    await scene.run("mkdir sub; cd sub")
    there = await call().content(scene.operation())
    assert here.body != there.body
    assert there.preview == "In sub:\nrm *\nIts input:\ny"


async def test_wrong_arguments_are_refused_in_words(scene: Scene) -> None:
    toolbox = Toolbox({"shell": scene.shell})
    for arguments in (
        {},
        {"command": ""},
        {"command": "ls", "timeout": 0},
        {"command": "ls", "x": 1},
    ):
        with pytest.raises(ToolFailed, match="shell_run was not run"):
            toolbox.check(Called("1", "shell_run", arguments))
    with pytest.raises(ToolFailed, match="NUL"):
        await scene.run("echo \0")
    with pytest.raises(ToolFailed, match="Unicode"):
        await scene.run("echo \ud800")


async def test_the_tools_describe_themselves_in_few_words(scene: Scene) -> None:
    specs = Toolbox({"shell": scene.shell}).specs
    assert [spec.name for spec in specs] == ["shell_run", "shell_input"]
    assert sum(len(str(spec)) for spec in specs) < 2_000


# Crashes.


async def test_a_finished_command_is_found_again_and_one_that_never_began_is_not(
    scene: Scene,
) -> None:
    op = scene.operation()
    assert await reconciled(scene, op) is None
    result = await scene.shell.run(op, "echo done > file; seq 5000")
    assert await reconciled(scene, op) == result


async def reconciled(scene: Scene, op: Any) -> Any:
    call = Toolbox({"shell": scene.shell}).check(Called("1", "shell_run", {"command": "x"}))
    return await call.reconcile(op)


KILLED = """
import asyncio, sys
from pathlib import Path
sys.path.insert(0, {tests!r})
from shell_scene import opened

async def main():
    async with opened(Path({folder!r})) as scene:
        await scene.run("cd /; (setsid nohup sleep {token} &); cd ~; mkdir -p sub; cd sub")
        await scene.run("mkdir -p x; sleep {token}", background=True)
        await scene.run("trap '' HUP TERM INT; touch begun; while :; do sleep {token}; done")

asyncio.run(main())
"""


def crash_in_a_command(folder: Path, token: str) -> None:
    """Kill a process that has a shell, as soon as its last command has begun."""
    code = KILLED.format(tests=str(Path(__file__).parent), folder=str(folder), token=token)
    agent = subprocess.Popen([sys.executable, "-c", code])
    until = time.monotonic() + 60
    while not (folder / "work" / "sub" / "begun").exists():
        assert agent.poll() is None and time.monotonic() < until
        time.sleep(0.05)
    agent.kill()
    agent.wait()


async def test_after_a_crash_nothing_runs_on_and_the_doubt_is_put_into_words(
    tmp_path: Path, token: str
) -> None:
    (tmp_path / "work" / "sub").mkdir(parents=True)
    await asyncio.to_thread(crash_in_a_command, tmp_path, token)
    assert gone(token)
    async with opened(tmp_path) as scene:
        first, second, third, fourth = (scene.operation() for _ in range(4))
        assert (await reconciled(scene, first)).text.startswith("exit 0")
        assert (await reconciled(scene, second)).text.startswith("running in session b1")
        with pytest.raises(Unclear, match="may have run"):
            await reconciled(scene, third)
        assert await reconciled(scene, fourth) is None
        assert (await scene.run("pwd")).data["cwd"] == "sub"


# Set-up.


async def test_a_work_folder_that_holds_what_must_stay_hidden_is_refused(
    own_home: Path, tmp_path: Path
) -> None:
    for work in (own_home, own_home.parent, Path("/")):
        with pytest.raises(SetupError, match="your home folder"):
            await Shell.open(Account("shell", tmp_path, work))


async def test_it_has_no_settings(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="no setting 'sandbox'"):
        await Shell.open(Account("shell", tmp_path, tmp_path, {"sandbox": "none"}))


async def test_on_windows_the_way_out_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    with pytest.raises(SetupError, match="wsl --install"):
        await Shell.open(Account("shell", tmp_path, tmp_path))


async def test_a_command_with_the_network_starts_where_the_shell_is_and_leaves_it_alone(
    scene: Scene,
) -> None:
    await scene.run("mkdir sub; cd sub; x=1")
    with socket.create_server(("127.0.0.1", 0)) as server:
        reach = f"exec 3<>/dev/tcp/127.0.0.1/{server.getsockname()[1]} && echo $PWD $x; cd /"
        online = await scene.run(reach, network=True)
        offline = await scene.run(reach)

    assert online.data["output"].split() == [str(scene.work / "sub")]
    assert "refused" in offline.data["output"] or "unreachable" in offline.data["output"]
    assert (await scene.run("echo $PWD $x")).data["output"].split()[1] == "1"
