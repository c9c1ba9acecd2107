"""The command line, and the only place that turns errors into exit codes.

Commands are loaded when they are used: `m2agent --help` imports click and this file, no more.
"""

import importlib
import os
import shlex
import sys
import traceback
from typing import Any

import click
from click.shell_completion import CompletionItem

from m2agent.errors import M2Error

_COMMANDS = {
    "run": "Do a task, and print what comes of it.",
    "resume": "Go on with a run that was stopped, or met a limit.",
    "approve": "Say yes to what a run waits for, and go on.",
    "decline": "Say no to what a run waits for, and go on.",
    "settle": "Say whether a step happened whose outcome is unknown, and go on.",
    "undo": "Take back what a run did, as far as that can be done.",
    "replay": "Play a run again on its recorded results, with something changed.",
    "fork": "Take another way from a turn of a run on, as a new run.",
    "runs": "List all runs.",
    "show": "Show a run, and what it waits for.",
    "plan": "Show a run's plan, or change it.",
    "export": "Print every event of a run, or a report.",
    "connect": "Connect Gmail or Notion, step by step.",
    "connections": "List what is connected, test it, or cut it off.",
    "selftest": "Try everything out on a real account, and clean up again.",
    "mcp": "Use the tools of MCP servers, or offer runs to other agents.",
    "connector": "Write a connector of your own.",
    "rules": "List rules, take one back, or see which one decides a call.",
    "models": "List models, and pull them.",
    "eval": "See how well a model does office tasks.",
    "mail": "Import mail into the local mailbox.",
    "manual": "Show the man page.",
    "completion": "Print what makes a shell complete the command line.",
    "doctor": "Check that everything works, and say how to mend what does not.",
}


class _ReaderGone(Exception):
    """Whoever read our output is gone; a run that this stopped can be resumed."""


class _Commands(click.Group):
    """A group whose commands are modules of this package, imported one at a time."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except BrokenPipeError as error:  # click would call it a bug
            raise _ReaderGone from error

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        return getattr(importlib.import_module(f"m2agent.cli.{cmd_name}"), cmd_name)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if name not in _COMMANDS and name[:1].isalpha():
            if " " in name:
                ctx.fail(f"There is no such command. Is it a task? m2agent run {shlex.quote(name)}")
            import difflib

            near = difflib.get_close_matches(name, _COMMANDS, n=1)
            ctx.fail(
                f"There is no command {name!r}." + "".join(f" Did you mean {n}?" for n in near)
            )
        return super().resolve_command(ctx, args)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        names = [name for name in _COMMANDS if name.startswith(incomplete)]
        options = click.Command.shell_complete(self, ctx, incomplete)
        return [*(CompletionItem(name, help=_COMMANDS[name]) for name in names), *options]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))


@click.group(cls=_Commands, invoke_without_command=True)
@click.version_option(package_name="m2agent")
@click.option(
    "--model", help="What thinks: local, a name, a GGUF's path, server:URL, remote:PROVIDER/MODEL."
)
@click.option("--office", help="'sample' for a fresh sample office, or the folder of a kept one.")
@click.option("--linear", is_flag=True, help="Plain lines, for screen readers and old terminals.")
@click.pass_context
def cli(ctx: click.Context, model: str | None, office: str | None, linear: bool) -> None:
    """m2agent finishes long office work by itself, on your own machine.

    Without a command it opens the terminal UI.
    """
    if ctx.invoked_subcommand is None:
        from m2agent.cli.tui import tui

        ctx.exit(tui(model, office, linear))
    if model or office:
        raise click.UsageError("Give --model and --office after the command.")


def main() -> None:
    """Run the command line; ends the process with one of the documented exit codes."""
    sys.exit(_exit_code())


def _masked(text: str) -> str:
    from m2agent.secrets import Secrets

    return Secrets.known().mask(text)


def _exit_code() -> int:
    try:
        result: Any = cli.main(prog_name="m2agent", standalone_mode=False)
        sys.stdout.flush()
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        return 130
    except (BrokenPipeError, _ReaderGone):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 130
    except M2Error as error:
        click.echo(_masked(f"m2agent: {error}"), err=True)
        return error.exit_code
    except Exception:  # a bug: told in full, but for secrets
        click.echo(_masked(traceback.format_exc()), err=True)
        return 1
    return result if isinstance(result, int) else 0
