"""`m2agent models`: what can think here, to be fetched, added and measured."""

import sys
import time
from pathlib import Path

import click
import msgspec

from m2agent.home import config_file
from m2agent.home import models as models_folder
from m2agent.printable import one_line
from m2agent.settings import read_settings


@click.group(invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per model.")
@click.pass_context
def models(ctx: click.Context, as_json: bool) -> None:
    """List models: how large they are, and whether this machine can run them."""
    if ctx.invoked_subcommand:
        return
    from m2agent_models.catalogue import CATALOGUE, recommended
    from m2agent_models.engine.machine import this_machine
    from m2agent_models.own import own

    machine = this_machine()
    if not as_json:
        click.echo(
            f"This machine: {machine}. Recommended: {recommended(machine).name}.\n", err=True
        )
    for entry in (*own(), *CATALOGUE):
        row = {
            "name": entry.name,
            "title": entry.title,
            "bytes": round(entry.size),
            "verdict": entry.verdict(machine),
            "here": entry.path.exists(),
            "note": entry.note,
        }
        if as_json:
            click.echo(msgspec.json.encode(row).decode())
            continue
        state = f"here, {row['verdict']}" if row["here"] else row["verdict"]
        size = f"{entry.size / 1e9:7.1f} GB"
        click.echo(
            f"{entry.name:<18} {size}  {state:<23}  {one_line(entry.title)}. {entry.note}".rstrip(
                ". "
            )
        )
    if not as_json:
        click.echo("\nFetch one:  m2agent models pull NAME", err=True)
        click.echo("Your own:   m2agent models add FILE.gguf", err=True)


@models.command
@click.argument("name")
def pull(name: str) -> None:
    """Fetch the model NAME; goes on where an interrupted pull stopped."""
    from m2agent_models.catalogue import find
    from m2agent_models.pull import is_here
    from m2agent_models.pull import pull as fetch

    entry = find(name)
    if is_here(entry):
        click.echo(f"{entry.name} is here: {entry.path}", err=True)
        return
    bar = _Bar(entry.name)
    path = fetch(name, models_folder(), bar.show)
    bar.end()
    click.echo(path)


@models.command
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--name", default="", help="What to call it; without this, as the file.")
def add(path: Path, name: str) -> None:
    """Give your own GGUF, where it lies, a name; of one in parts the first."""
    from m2agent_models.engine.machine import this_machine
    from m2agent_models.own import add as give_name

    entry = give_name(path, name)
    click.echo(
        f"{entry.title}, {entry.size / 1e9:.1f} GB: {entry.verdict(this_machine())}.", err=True
    )
    click.echo(f"Use it:  m2agent --model {entry.name}", err=True)
    click.echo(entry.path)


@models.command
@click.argument("name", default="")
@click.option("--tokens", default=1024, show_default=True, help="How long a prompt it reads.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def bench(name: str, tokens: int, as_json: bool) -> None:
    """Measure the model NAME, or a GGUF's path: what it reads and writes in a second.

    Its speed is held against a bare loop over llama.cpp with the same file and placement.
    """
    import asyncio
    from dataclasses import asdict

    from m2agent_models.engine.bench import bench as measure
    from m2agent_models.engine.placement import wishes
    from m2agent_models.local import model_file

    wish = wishes(read_settings(config_file()).engine)
    path = model_file(name or wish.model)
    click.echo(f"Measuring {path.name}, twice loaded: this takes a while.", err=True)
    found = asyncio.run(measure(path, wish, reading=tokens, writing=128))
    if as_json:
        click.echo(msgspec.json.encode(asdict(found)).decode())
        return
    gain = found.looked_up / found.repeating
    click.echo(found.plan)
    for what, ours, bare in (
        ("reads ", found.engine.reading, found.bare.reading),
        ("writes", found.engine.writing, found.bare.writing),
    ):
        share = f"of which it reaches {ours / bare:.2f}"
        click.echo(f"{what}  {ours:9,.1f} tokens/s   bare loop {bare:9,.1f}, {share}")
    advice = "it pays: speculate = true in [engine] turns it on" if gain > 1.1 else "not worth it"
    click.echo(f"looking up what repeats: {gain:.2f} times as fast in a text that does; {advice}.")


@models.command
@click.argument("provider")
@click.option(
    "--store",
    type=click.Choice(["keyring", "file"]),
    default="keyring",
    show_default=True,
    help="Where the key is kept; a file only you can read.",
)
def key(provider: str, store: str) -> None:
    """Keep the key of a PROVIDER of hosted models, or of a server by its URL.

    It is typed hidden, or read from standard input.
    """
    from m2agent import vault

    name = _secret_name(provider)
    if sys.stdin.isatty():
        given = click.prompt(f"Key of {provider}", hide_input=True, err=True).strip()
    else:
        given = sys.stdin.readline().strip()
    if not given or not given.isascii() or not given.isprintable():
        raise click.UsageError("That is no key: it is one line of plain characters.")
    kept = vault.keep(name, given, in_file=store == "file")
    click.echo(f"The key of {provider} is kept in {kept}.", err=True)


def _secret_name(provider: str) -> str:
    if "://" not in provider:
        from m2agent_models.remote.keys import secret_name

        return secret_name(provider)
    from m2agent_models.server import key
    from m2agent_models.server.probe import address

    return key.secret_name(address(provider.removeprefix("server:")))


class _Bar:
    """One line of progress on standard error, where that is a terminal."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._began = time.monotonic()
        self._shown = 0.0
        self._live = sys.stderr.isatty()

    def show(self, done: int, total: int) -> None:
        now = time.monotonic()
        if not self._live or not total or now - self._shown < 0.2:
            return
        self._shown = now
        rate = done / max(now - self._began, 0.1)
        left = (total - done) / max(rate, 1)
        click.echo(
            f"\r{self._name}: {done / 1e6:,.0f} of {total / 1e6:,.0f} MB, "
            f"{rate / 1e6:.1f} MB/s, {left:,.0f} s left   ",
            nl=False,
            err=True,
        )

    def end(self) -> None:
        if self._live:
            click.echo(err=True)
