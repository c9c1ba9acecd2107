"""`m2agent completion SHELL`: what makes a shell complete commands, options, runs and models."""

import click
from click.shell_completion import BashComplete, CompletionItem, FishComplete, ZshComplete

_SHELLS = {"bash": BashComplete, "zsh": ZshComplete, "fish": FishComplete}
_NEWEST = 20


@click.command
@click.argument("shell", type=click.Choice(list(_SHELLS)))
def completion(shell: str) -> None:
    """Print what makes SHELL complete m2agent's command line. Keep it where the shell looks.

    \b
    m2agent completion bash > ~/.local/share/bash-completion/completions/m2agent
    m2agent completion zsh > ~/.zfunc/_m2agent     # with ~/.zfunc in fpath
    m2agent completion fish > ~/.config/fish/completions/m2agent.fish
    """
    from m2agent.cli import cli

    click.echo(_SHELLS[shell](cli, {}, "m2agent", "_M2AGENT_COMPLETE").source())


def a_run(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The newest runs, each with its state and its task."""
    from m2agent.cli.runs import state
    from m2agent.errors import M2Error
    from m2agent.home import journal_file
    from m2agent.journal import Journal
    from m2agent.printable import one_line

    if not journal_file().exists():
        return []
    try:
        journal = Journal(journal_file())
        found = journal.runs()[:_NEWEST]
    except M2Error:
        return []
    words = [
        CompletionItem(one.id, help=f"{state(one)}: {one_line(one.task, 50)}") for one in found
    ]
    if found:
        words.append(CompletionItem("last", help="the newest"))
    return [word for word in words if str(word.value).startswith(incomplete)]


def a_model(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The names of the catalogue, and how the others begin; a path completes as a file."""
    from m2agent_models.catalogue import CATALOGUE

    words = [CompletionItem("local", help="what [engine] names")]
    words += [CompletionItem(entry.name, help=entry.title) for entry in CATALOGUE]
    words += [
        CompletionItem(start, help=about)
        for start, about in [
            ("server:", "a llama-server, vLLM or SGLang at a URL"),
            ("remote:", "a hosted model, PROVIDER/MODEL"),
            ("script:", "written turns in a file"),
        ]
    ]
    fitting = [word for word in words if str(word.value).startswith(incomplete)]
    return fitting or [CompletionItem(incomplete, type="file")]


def a_recipe(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """A task is anybody's guess, but a recipe is a file."""
    return [CompletionItem(incomplete, type="file")]
