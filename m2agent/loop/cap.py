"""Long results: the model sees their beginning, and pages through the rest in an artifact."""

from pathlib import Path
from typing import ClassVar, Self

from m2agent.connector import Account
from m2agent.errors import ToolFailed
from m2agent.events import Origin
from m2agent.tool import Operation, Result, tool

_CHARACTERS = 8_000  # about 2,000 tokens
_PAGE = 7_800  # with the line that says how to go on, a page is never cut again


def capped(result: Result, op: Operation) -> tuple[str, list[str]]:
    """The text for the prompt, and the artifacts; writes the whole text to one if it is cut."""
    if len(result.text) <= _CHARACTERS:
        return result.text, result.artifacts
    name = f"{op.key}.txt"
    path = op.artifacts / name
    path.write_text(result.text, "utf-8", errors="replace")
    return _page(result.text, 0, name), [*result.artifacts, name]


def _page(text: str, offset: int, name: str) -> str:
    page = text[offset : offset + _PAGE]
    end = offset + len(page)
    left = len(text) - end
    if left <= 0:
        return page
    return f'{page}\n[{left:,} more characters: read_artifact name="{name}" offset={end}]'


class Artifacts:
    """The tool by which the model pages through what was too long for the prompt."""

    name: ClassVar[str] = "artifacts"
    kind: ClassVar[str] = "read"

    @classmethod
    async def open(cls, account: Account) -> Self:
        return cls()

    def describe(self) -> str:
        return "long results of this run"

    async def close(self) -> None: ...

    @tool(effect="read")
    async def artifact(self, op: Operation, name: str, offset: int = 0) -> Result:
        """Read on in a long result from character `offset`; `name` as its last line gave it."""
        path = op.artifacts / Path(name).name
        try:
            text = path.read_text("utf-8", errors="replace")
        except OSError as error:
            known = ", ".join(sorted(p.name for p in op.artifacts.iterdir())) or "none"
            raise ToolFailed(f"There is no artifact {name!r}. There are: {known}.") from error
        return Result(_page(text, max(offset, 0), path.name), origin=[Origin("outside", name)])
