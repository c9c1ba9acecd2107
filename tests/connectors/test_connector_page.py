"""The page for authors of connectors: what it shows works as it stands there."""

import asyncio
import importlib
import inspect
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, get_args

import pytest

from m2agent.connector import Account, Connector
from m2agent.errors import SetupError, ToolFailed
from m2agent.events import Called, Returned, ToolSpec
from m2agent.tool import Effect, Operation, Tool
from m2agent.toolbox import Toolbox

PAGE = Path(__file__).parents[2] / "docs/connector.md"


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE.read_text("utf-8"), re.M | re.S)


@pytest.fixture
def example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The page's connector, imported from a file as an author's would be."""
    (tmp_path / "todo.py").write_text(blocks("python")[0])
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    importlib.invalidate_caches()
    yield importlib.import_module("todo")
    del sys.modules["todo"]


@pytest.fixture
async def todo(example: ModuleType, tmp_path: Path) -> Connector:
    return await example.Todo.open(Account("chores", tmp_path, tmp_path))


async def test_the_example_runs_through_a_toolbox(todo: Connector, tmp_path: Path) -> None:
    box = Toolbox({"chores": todo})
    op = Operation("run.1.1", tmp_path, tmp_path)
    text = {"text": {"type": "string"}}
    words = {"words": {"default": "", "type": "string"}}
    assert [(spec.name, spec.parameters["properties"]) for spec in box.specs] == [
        ("todo_find", words),
        ("todo_add", text),
    ]
    assert isinstance(box.specs[0], ToolSpec)
    add = box.check(Called("1.1", "todo_add", {"text": "Call Ann"}))
    assert add.effect == "write"
    done = await add.run(op)
    found = await box.check(Called("1.2", "todo_find", {"words": "ANN"})).run(op)
    assert found.data == {"items": [{"id": "run.1.1", "text": "Call Ann"}]}
    hook: Any = add.tool.undo_hook
    await hook(todo, returned=Returned("1.1", data=done.data))
    assert await add.reconcile(op) is None
    with pytest.raises(ToolFailed, match="is gone already"):
        await hook(todo, returned=Returned("1.1", data=done.data))
    with pytest.raises(ToolFailed, match="one line of text"):
        await box.check(Called("1.3", "todo_add", {"text": "a\nb"})).run(op)


async def test_the_example_says_what_the_person_must_put_right(
    example: ModuleType, tmp_path: Path
) -> None:
    account = Account("chores", tmp_path, tmp_path, {"file": str(tmp_path / "no/chores.txt")})
    with pytest.raises(SetupError, match="does not exist"):
        await example.Todo.open(account)
    with pytest.raises(SetupError, match="unknown setting fil"):
        await example.Todo.open(Account("chores", tmp_path, tmp_path, {"fil": "x"}))


def test_the_pages_own_test_passes(example: ModuleType, tmp_path: Path) -> None:
    module: dict[str, Any] = {}
    exec(compile(blocks("python")[1], str(PAGE), "exec"), module)
    tests = [value for name, value in module.items() if name.startswith("test_")]
    assert tests
    for one in tests:
        asyncio.run(one(tmp_path))


def test_the_pages_entry_point_and_configuration_are_toml() -> None:
    _, package, configuration = (tomllib.loads(block) for block in blocks("toml"))
    (group,) = package["project"]["entry-points"]
    assert group == "m2agent.connectors"
    (entry,) = package["project"]["entry-points"][group].items()
    assert entry == ("todo-file", "my_package.todo:Todo")
    assert configuration["accounts"]["chores"]["connector"] == entry[0]


def test_every_effect_and_every_hook_stands_on_the_page() -> None:
    page = PAGE.read_text("utf-8")
    hooks = [
        name
        for name, member in vars(Tool).items()
        if inspect.isfunction(member) and "hook" in inspect.signature(member).parameters
    ]
    assert "reconcile" in hooks
    for word in (*hooks, *get_args(Effect)):
        assert f"| `{word}` |" in page
