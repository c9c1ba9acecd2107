"""Long results: the model sees their beginning, and pages through the rest in an artifact."""

from contextlib import suppress
from pathlib import Path
from typing import ClassVar, Self

from m2agent.connector import Account
from m2agent.durable import sync
from m2agent.errors import ToolFailed
from m2agent.events import Origin
from m2agent.tool import Operation, Result, tool

_PAGE = 7_800  # characters, about 2,000 tokens
_LEAST = 400
_DENSE = "\u2e7f"  # after this come Chinese, Japanese and Korean, of about a token each
_LINE = 200  # room for the line that says how to go on, so that a page is never cut again


def page_size(context: int | None) -> int:
    """Characters of a result that the prompt takes: a sixth of a small context, at most."""
    return min(_PAGE, context // 2) if context else _PAGE


def share(page: int, calls: int) -> int:
    """Characters that each result of a turn with so many calls may take: three pages together."""
    return max(min(page, 3 * page // max(calls, 1)), _LEAST)


def capped(result: Result, op: Operation, page: int = _PAGE) -> tuple[str, list[str]]:
    """The text for the prompt, and the artifacts, on the disk; a text that is cut is one whole."""
    text, artifacts = result.text, result.artifacts
    if len(text) > page + _LINE:
        name = f"{op.key}.txt"
        (op.artifacts / name).write_text(text, "utf-8", errors="replace")
        text, artifacts = _cut(text, 0, page, name), [*artifacts, name]
    for kept in [op.artifacts / name for name in artifacts] + [op.artifacts][: len(artifacts)]:
        with suppress(OSError):
            sync(kept)
    return text, artifacts


def _cut(text: str, offset: int, page: int, name: str) -> str:
    shown = text[offset : offset + page]
    shown = shown[: len(shown) * page // max(_weight(shown), page)]
    end = offset + len(shown)
    left = len(text) - end
    if left <= 0:
        return shown
    return f'{shown}\n[{left:,} more characters: read_artifact name="{name}" offset={end}]'


def _weight(text: str) -> int:
    """Characters of Latin text that would take as many tokens, near enough."""
    return len(text) + 2 * sum(character > _DENSE for character in text)


def _found(op: Operation, name: str) -> Path:
    """An artifact of this run, or of one that belongs to the same task: its sub-agents, its own."""
    run = op.key.partition(".")[0].partition("-")[0]
    for folder in (op.artifacts, *op.artifacts.parent.parent.glob(f"{run}*/artifacts")):
        if (folder / name).is_file():
            return folder / name
    return op.artifacts / name


class Artifacts:
    """The tool by which the model pages through what was too long for the prompt."""

    name: ClassVar[str] = "artifacts"
    kind: ClassVar[str] = "read"

    def __init__(self, page: int = _PAGE) -> None:
        self._characters = page

    @classmethod
    async def open(cls, account: Account) -> Self:
        return cls()

    def describe(self) -> str:
        return "long results of this run"

    async def close(self) -> None: ...

    @tool(effect="read")
    async def artifact(self, op: Operation, name: str, offset: int = 0) -> Result:
        """Read on in a long result from character `offset`; `name` as its last line gave it."""
        path = _found(op, Path(name).name)
        try:
            text = path.read_text("utf-8", errors="replace")
        except OSError as error:
            known = ", ".join(sorted(p.name for p in op.artifacts.iterdir())) or "none"
            raise ToolFailed(f"There is no artifact {name!r}. There are: {known}.") from error
        page = _cut(text, max(offset, 0), self._characters, path.name)
        return Result(page, origin=[Origin("outside", name)])
