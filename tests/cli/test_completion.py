"""Shells complete commands, runs and models; the man page holds every command and option."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest
from command import Command

SHARES = Path(__file__).parents[2] / "packaging/shares.sh"


@pytest.fixture
def prefix(m2agent: Command) -> Path:
    """Where m2agent is installed, as by make, with what belongs beside it."""
    prefix = m2agent.folder / "prefix"
    program = prefix / "bin/m2agent"
    program.parent.mkdir(parents=True)
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m m2agent "$@"\n')
    program.chmod(0o755)
    subprocess.run([SHARES, prefix], env=m2agent.environment(), check=True)
    return prefix


def test_bash_completes_commands_runs_and_models(m2agent: Command, prefix: Path) -> None:
    model = m2agent.script()
    run = json.loads(m2agent("run", "Say hello.", "--model", model, "--json").out)["run"]
    lines = ["m2agent re", "m2agent show ", "m2agent run --model s", "m2agent mcp "]
    script = f"source {prefix}/share/bash-completion/completions/m2agent\n" + "".join(
        f"COMP_WORDS=({line} {'' if line[-1] != ' ' else chr(39) * 2}); "
        "COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); COMPREPLY=(); "
        "_m2agent_completion m2agent 2> /dev/null; echo ${COMPREPLY[*]}\n"
        for line in lines
    )
    environment = {**m2agent.environment(), "PATH": f"{prefix}/bin:{os.environ['PATH']}"}
    done = subprocess.run(
        ["bash", "--norc", "-c", script], env=environment, capture_output=True, text=True
    )
    commands, runs, models, groups = (line.split() for line in done.stdout.splitlines())
    assert commands == ["resume", "replay"]
    assert runs == [run, "last"]
    assert {"server:", "script:", "starter"} <= set(models)
    assert {"add", "list", "test", "serve"} <= set(groups)


def completed(m2agent: Command, shell: str, words: str, current: str) -> str:
    """What the program tells a shell that completes."""
    asked = {"_M2AGENT_COMPLETE": f"{shell}_complete", "COMP_WORDS": words, "COMP_CWORD": current}
    done = subprocess.run(
        m2agent.argv(), env={**m2agent.environment(), **asked}, capture_output=True, text=True
    )
    return (done.stdout + done.stderr).strip()


@pytest.mark.parametrize(("shell", "current"), [("zsh", "1"), ("fish", "un")])
def test_other_shells_are_told_what_each_word_is_for(
    m2agent: Command, shell: str, current: str
) -> None:
    assert "_M2AGENT_COMPLETE" in m2agent("completion", shell).out
    assert "Take back what a run did" in completed(m2agent, shell, "m2agent un", current)


def test_without_runs_or_with_a_broken_journal_nothing_is_completed(m2agent: Command) -> None:
    assert completed(m2agent, "bash", "m2agent show ", "2") == ""
    assert not m2agent.home.exists()
    m2agent.home.mkdir()
    (m2agent.home / "journal.db").write_bytes(b"no journal" * 1000)
    assert completed(m2agent, "bash", "m2agent show ", "2") == ""


def test_the_man_page_holds_every_command_and_option(m2agent: Command, prefix: Path) -> None:
    from m2agent.cli import cli

    page = (prefix / "share/man/man1/m2agent.1").read_text()
    plain = page.replace("\\-", "-")

    def check(group: click.Group, context: click.Context) -> int:
        count = 0
        for name in group.list_commands(context):
            command = group.get_command(context, name)
            assert command
            inner = click.Context(command, info_name=name, parent=context)
            if isinstance(command, click.Group):
                count += check(command, inner)
                continue
            assert f".SS {inner.command_path} [OPTIONS]" in plain, name
            for option in command.params:
                if isinstance(option, click.Option) and not option.hidden:
                    assert option.opts[0] in plain, (name, option.name)
            count += 1
        return count

    assert check(cli, click.Context(cli, info_name="m2agent")) > 30
    assert page.isascii()
    if groff := shutil.which("groff"):
        done = subprocess.run(
            [groff, "-man", "-ww", "-Tutf8"], input=page, capture_output=True, text=True
        )
        assert (done.returncode, done.stderr) == (0, "")
