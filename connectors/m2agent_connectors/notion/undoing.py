"""How each change is taken back, unless somebody has changed the same thing since."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any, cast

from m2agent.errors import ToolFailed
from m2agent.events import Origin
from m2agent.tool import Result
from m2agent_connectors.notion.changing import replace, version
from m2agent_connectors.notion.ids import short
from m2agent_connectors.notion.outcome import text_before
from m2agent_connectors.notion.values import kept, simple
from m2agent_connectors.notion.wire import NotThere
from m2agent_connectors.notion.workspace import Workspace


async def remove(space: Workspace, data: Any) -> Result:
    """Undo a creation, by the trash."""
    page = await space.page(_id(data))
    if page["in_trash"]:
        return _done(f"{_id(data)} is in the trash already.", data)
    if page["last_edited_by"]["id"] != await space.bot():
        raise ToolFailed(f"{_id(data)} was changed by somebody since, so this is not undone.")
    await space.wire.write(lambda notion: notion.pages.update(page["id"], in_trash=True))
    return _done(f"Moved {_id(data)} to the trash again.", data)


async def put_back(space: Workspace, before: Mapping[str, Any], data: Any) -> Result:
    """Undo an update."""
    page = await space.page(_id(data))
    properties = page["properties"]
    left = data.get("props", {})
    back = {
        name
        for name in before["props"].keys() & properties
        if _is(before["props"], properties, name)
    }
    now = {name: simple(properties[name]) for name in left if name in properties}
    if any(now.get(name) != left[name] for name in left if name not in back):
        raise ToolFailed(f"{_id(data)} was changed by somebody since, so this is not undone.")
    if "version" in data:
        text = str((await space.markdown(page["id"]))["markdown"])
        old = text_before(before)
        if text != old and version(text) != data["version"]:
            raise ToolFailed(f"The text of {_id(data)} was changed since, so this is not undone.")
        if text != old:
            await replace(space, page["id"], [difference(text, old)])
    props = {name: before["props"][name] for name in now.keys() - back if before["props"].get(name)}
    if props:
        await space.wire.write(lambda notion: notion.pages.update(page["id"], properties=props))
    return _done(f"Put {_id(data)} back as it was.", data)


async def delete_comment(space: Workspace, data: Any) -> Result:
    _id(data)
    with suppress(NotThere):
        await space.wire.write(lambda notion: notion.comments.delete(data["comment"]))
    return _done(f"Deleted the comment on {_id(data)}.", data)


async def move_back(space: Workspace, data: Any) -> Result:
    """Undo a move into the trash or out of it."""
    page = await space.page(_id(data))
    was = bool(data["restored"])
    if page["in_trash"] != was:
        await space.wire.write(lambda notion: notion.pages.update(page["id"], in_trash=was))
    return _done(f"Moved {_id(data)} back.", data)


def _is(before: Mapping[str, Any], properties: Mapping[str, Any], name: str) -> bool:
    """Whether a property has the value again that it had before."""
    return kept(properties[name]) == before[name]


def difference(now: str, old: str) -> dict[str, str]:
    """The one edit of whole lines that makes `old` of `now`: what is replaced occurs once."""
    new_lines, old_lines = now.split("\n"), old.split("\n")
    start = 0
    while start < min(len(new_lines), len(old_lines)) and new_lines[start] == old_lines[start]:
        start += 1
    end = 0
    while (
        end < min(len(new_lines), len(old_lines)) - start
        and new_lines[len(new_lines) - 1 - end] == old_lines[len(old_lines) - 1 - end]
    ):
        end += 1
    while True:
        found = "\n".join(new_lines[start : len(new_lines) - end])
        if found.strip() and now.count(found) == 1:
            put = "\n".join(old_lines[start : len(old_lines) - end])
            return {"old_str": found, "new_str": put}
        if not start and not end:
            raise ToolFailed("The page is empty now, so its text cannot be put back by itself.")
        start, end = max(0, start - 1), max(0, end - 1)


def _id(data: Any) -> str:
    if not isinstance(data, dict):
        raise ToolFailed("It is not known which page this changed. Look for it by hand.")
    return short(cast(dict[str, str], data)["id"])


def _done(text: str, data: Any) -> Result:
    return Result(text, {"id": _id(data)}, origin=[Origin("own", f"page {_id(data)}")])
