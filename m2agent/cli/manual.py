"""`m2agent manual`: the man page, written from the commands themselves, so that it is never old."""

import inspect
import subprocess
import sys
from collections.abc import Iterable, Iterator
from importlib.metadata import version
from shutil import which

import click

from m2agent.printable import printable

_EXITS = (
    ("0", "Done, and the report holds against the receipts."),
    ("1", "A bug; standard error has the traceback."),
    ("2", "Wrong usage."),
    ("3", "Something must be set up; the fix is printed as a command."),
    ("4", "It waits for a person: m2agent show RUN, then approve, decline or settle."),
    ("5", "A limit was reached: m2agent resume RUN goes on."),
    ("6", "The model failed: m2agent resume RUN goes on."),
    ("7", "It ended, and not everything is proven."),
    ("130", "It was interrupted: m2agent resume RUN goes on."),
)
_ENVIRONMENT = (
    ("M2AGENT_HOME", "Where all state is kept: configuration, journal, artifacts, models."),
    ("M2AGENT_GMAIL_TOKEN_FILE", "A sign-in for Gmail, as Google's authorized-user JSON."),
    ("M2AGENT_NOTION_TOKEN", "A token for Notion."),
    ("MINIMAX_API_KEY and its like", "Keys of hosted models; else they come from the keyring."),
)
_EXAMPLES = (
    ("m2agent --office sample", "The terminal UI on a sample office."),
    ('m2agent run "Enter the invoices of this week." --json', "A task, unattended."),
    ("m2agent run invoices.toml --set week=47", "A task that is kept in a file."),
    ("m2agent show last; m2agent approve last", "See what it waits for, and say yes."),
)


@click.command
def manual() -> None:
    """Show the man page; where standard output is no terminal, print its source.

    \b
    m2agent manual > ~/.local/share/man/man1/m2agent.1
    """
    source = page()
    if sys.stdout.isatty() and which("man"):
        subprocess.run(["man", "-l", "-"], input=source, text=True, check=False)
    else:
        click.echo(source, nl=False)


def page() -> str:
    """The man page as roff."""
    from m2agent.cli import cli

    context = click.Context(cli, info_name="m2agent")
    lines = [
        f'.TH M2AGENT 1 "" "m2agent {version("m2agent")}"',
        ".SH NAME",
        r"m2agent \- finishes long office work by itself, on your own machine",
        ".SH SYNOPSIS",
        ".B m2agent",
        r"[\fIOPTIONS\fR] [\fICOMMAND\fR ...]",
        ".SH DESCRIPTION",
        *_text(cli.help or ""),
        *_options(cli, context),
        ".SH COMMANDS",
        *_commands(cli, context),
        ".SH EXIT STATUS",
        *_terms(_EXITS),
        ".SH ENVIRONMENT",
        *_terms(_ENVIRONMENT),
        ".SH FILES",
        *_text("m2agent doctor shows where the configuration, config.toml, is; "
               "m2agent doctor --settings prints every key of it."),
        ".SH EXAMPLES",
        *_terms(_EXAMPLES),
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


def _commands(group: click.Group, context: click.Context) -> Iterator[str]:
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if command is None or command.hidden:
            continue
        inner = click.Context(command, info_name=name, parent=context)
        if isinstance(command, click.Group):
            yield from _commands(command, inner)
            continue
        usage = [inner.command_path, *command.collect_usage_pieces(inner)]
        yield f".SS {_escaped(' '.join(usage))}"
        yield from _text(command.help or "")
        yield from _options(command, inner)


def _options(command: click.Command, context: click.Context) -> Iterator[str]:
    for parameter in command.params:
        if isinstance(parameter, click.Option) and (record := parameter.get_help_record(context)):
            yield from _terms([record])


def _terms(terms: Iterable[tuple[str, str]]) -> Iterator[str]:
    for term, words in terms:
        yield from (".TP", f".B {_escaped(term)}", _escaped(words))


def _text(words: str) -> Iterator[str]:
    """Paragraphs; one that begins with \\b stands as it is."""
    for paragraph in inspect.cleandoc(words).split("\n\n"):
        if paragraph.startswith("\b"):
            lines = paragraph.splitlines()[1:]
            yield from (".PP", ".nf", *map(_escaped, lines), ".fi")
        else:
            yield from (".PP", _escaped(" ".join(paragraph.split())))


def _escaped(text: str) -> str:
    plain = printable(text).replace("\\", r"\e").replace("-", r"\-").replace('"', r"\(dq")
    plain = "".join(c if c.isascii() else rf"\[u{ord(c):04X}]" for c in plain)
    return rf"\&{plain}" if plain.startswith((".", "'")) else plain
