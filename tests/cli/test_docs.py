"""What the pages tell a person to type exists: every command, and every option of it."""

import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from m2agent.cli import cli
from m2agent.settings import Settings

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])


def code(page: Path) -> Iterator[str]:
    """The lines of indented and of fenced blocks, and what stands in backticks."""
    text = page.read_text("utf-8").replace("\\\n", " ")
    for block in re.findall(r"^```(?:sh|bash)?\n(.*?)^```$", text, re.M | re.S):
        yield from block.splitlines()
    plain = re.sub(r"^```.*?^```$", "", text, flags=re.M | re.S)
    yield from re.findall(r"^    (\S.*)$", plain, re.M)
    yield from re.findall(r"`(m2agent [^`\n]+)`", plain)


def commands(page: Path) -> list[list[str]]:
    found = [shlex.split(line, comments=True) for line in code(page) if "m2agent " in line]
    return [words[words.index("m2agent") + 1 :] for words in found if "m2agent" in words[:1]]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_and_option_on_a_page_exists(page: Path) -> None:
    for words in commands(page):
        assert wrong(words) == "", f"{page.name}: m2agent {' '.join(words)}"


def wrong(words: list[str]) -> str:
    """The first of the words that nothing understands."""
    command: click.Command = cli
    rest = list(words)
    while isinstance(command, click.Group) and rest and not rest[0].startswith("-"):
        inner = command.get_command(click.Context(command), rest[0])
        if inner is None:
            return rest[0]
        command = inner
        rest.pop(0)
    known = {option for p in command.params for option in [*p.opts, *p.secondary_opts]}
    options = [word.partition("=")[0] for word in rest if word.startswith("--")]
    return next((option for option in options if option not in {*known, "--help"}), "")


def test_a_command_or_an_option_that_is_none_is_found() -> None:
    assert wrong(["run", "x", "--modle", "y"]) == "--modle"
    assert wrong(["mcp", "lst"]) == "lst"
    assert sum(len(commands(page)) for page in PAGES) > 50


@pytest.mark.parametrize("name", ["other-models.md", "mcp.md"])
def test_what_a_page_configures_is_a_configuration(name: str) -> None:
    text = (ROOT / "docs" / name).read_text("utf-8")
    blocks = re.findall(r"^```toml\n(.*?)^```$", text, re.M | re.S)
    assert blocks
    for block in blocks:
        Settings.model_validate(tomllib.loads(block))
