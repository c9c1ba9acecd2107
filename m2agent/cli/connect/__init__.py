"""`m2agent connect SERVICE`: the ways in, one file a service, loaded when it is used."""

import importlib

import click

_SERVICES = {
    "gmail": ("m2agent.cli.connect.gmail:gmail", "Mail, through a Google account of yours."),
    "notion": ("m2agent.cli.connect.notion:notion", "Pages and tables of your Notion workspace."),
}


class _Services(click.Group):
    """A group whose commands are imported one at a time."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_SERVICES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _SERVICES:
            return None
        module, _, name = _SERVICES[cmd_name][0].partition(":")
        return getattr(importlib.import_module(module), name)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Services"):
            formatter.write_dl([(name, words) for name, (_, words) in _SERVICES.items()])


@click.group(cls=_Services)
def connect() -> None:
    """Connect a service, step by step."""
