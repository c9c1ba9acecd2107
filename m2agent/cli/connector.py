"""`m2agent connector new NAME`: a connector that works, with its tests, to make one's own of."""

import keyword
import re
from importlib.metadata import entry_points
from importlib.resources import files
from pathlib import Path

import click

from m2agent.errors import UsageError
from m2agent.printable import printable

_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_LONGEST = 20
_OURS = ("agent", "mail", "notes", "plan", "read", "shell")
"""First halves of names that tools of m2agent's own have."""


@click.group
def connector() -> None:
    """Write a connector of one's own."""


@connector.command
@click.argument("name")
@click.option(
    "--in",
    "folder",
    type=click.Path(path_type=Path),
    default=Path(),
    help="Where its folder is made; here, if nothing is said.",
)
def new(name: str, folder: Path) -> None:
    """Write the connector NAME into a folder of that name, with its tests.

    It works as it stands: it notifies you on your phone through ntfy, a public HTTP API that needs
    no account. Make your own of it, tool by tool.
    """
    _check(name)
    target = folder.expanduser() / name
    if target.exists():
        raise UsageError(f"{target} exists already. Choose another name, or a place with --in.")
    module = f"m2agent_{name.replace('-', '_')}"
    words = {
        "name": name.replace("-", "_"),
        "Name": "".join(part.capitalize() for part in name.split("-")),
        "module": module,
    }
    written = {
        "pyproject.toml": "pyproject.toml.txt",
        "README.md": "README.md.txt",
        f"{module}.py": "connector.py.txt",
        "tests/ntfy.py": "ntfy.py.txt",
        f"tests/test_{words['name']}.py": "test_connector.py.txt",
    }
    kit = files("m2agent.cli") / "kit"
    try:
        (target / "tests").mkdir(parents=True)
        for path, template in written.items():
            text = (kit / template).read_text("utf-8")
            for word, value in words.items():
                text = text.replace(f"{{{{{word}}}}}", value)
            (target / path).write_text(text, "utf-8")
    except OSError as error:
        raise UsageError(f"{target} cannot be written: {error.strerror}.") from error
    click.echo(printable(f"The connector {words['name']} is in {target}:"), err=True)
    for path in written:
        click.echo(printable(str(target / path)))
    click.echo(
        printable(
            f"Next: pip install -e '{target}[test]'; pytest {target}. README.md has the rest."
        ),
        err=True,
    )


def _check(name: str) -> None:
    """Raises UsageError for a name that clashes, or that no module can have."""
    if not _NAME.fullmatch(name) or len(name) > _LONGEST or keyword.iskeyword(name):
        raise UsageError(
            f"{name!r} cannot be the name of a connector: up to {_LONGEST} small letters and "
            "digits, with - between words."
        )
    taken = {*entry_points(group="m2agent.connectors").names, *_OURS}
    if name in taken or name.replace("-", "_") in taken:
        raise UsageError(f"There is a connector {name!r} already, or tools of that name.")
