"""What is written down before a change, and how it tells afterwards whether the change happened.

Notion keeps no key of ours. But what was there before is known, so a page or comment that is new,
of m2agent's own making and the same as the one asked for is the one; and a text that is still as
it was before was not changed. Search is never asked: what was just made is not in it yet. Clocks
are not compared either.
"""

import base64
import zlib
from collections.abc import Mapping
from typing import Any

from m2agent.errors import Unclear
from m2agent.tool import Result
from m2agent_connectors.notes.edits import Edit, edited
from m2agent_connectors.notes.query import Where, select
from m2agent_connectors.notes.schema import empty
from m2agent_connectors.notion.changing import (
    commented,
    name_in,
    one_title,
    result,
    trashed,
    updated,
)
from m2agent_connectors.notion.ids import short
from m2agent_connectors.notion.values import kept, plain, simple
from m2agent_connectors.notion.workspace import Object, Workspace


async def before_create(space: Workspace, parent: str, title: str) -> dict[str, Any]:
    """Where the page goes, and which pages of that title are there already."""
    title = one_title(title)
    into, columns = await space.parent(parent)
    name = columns.schema.title.name if columns else ""
    there = [short(one["id"]) for one in await _titled(space, into, name, title)]
    return {"parent": into, "name": name, "there": there}


async def created(
    space: Workspace, before: Mapping[str, Any], title: str, body: str
) -> Result | None:
    into = before["parent"]
    if into["type"] == "workspace":
        raise Unclear(
            f"Notion cannot list the pages at the top, so look there for {one_title(title)!r}."
        )
    bot = await space.bot()
    pages = await _titled(space, into, before["name"], one_title(title))
    new = [
        one
        for one in pages
        if short(one["id"]) not in before["there"] and one["created_by"]["id"] == bot
    ]
    if not new:
        return None
    if len(new) > 1:
        ids = ", ".join(short(one["id"]) for one in new)
        raise Unclear(f"Several pages may be the one: {ids}.")
    page = await space.page(new[0]["id"])
    last = _words(body.rstrip().rpartition("\n")[2])
    if last not in _words(str((await space.markdown(page["id"]))["markdown"])):
        raise Unclear(f"{short(page['id'])} was created, but the end of its text is not there.")
    return result("Created", page)


async def before_update(space: Workspace, id: str, props: Mapping[str, Any]) -> dict[str, Any]:
    """The page's text, and what it has in the properties that are to be set."""
    page = await space.page(id)
    text = str((await space.markdown(page["id"]))["markdown"])
    values = {n: kept(one) for n, one in page["properties"].items() if name_in(props, n)}
    packed = base64.b85encode(zlib.compress(text.encode())).decode()
    return {"id": short(page["id"]), "text": packed, "props": values}


def text_before(before: Mapping[str, Any]) -> str:
    return zlib.decompress(base64.b85decode(before["text"])).decode()


async def was_updated(
    space: Workspace,
    before: Mapping[str, Any],
    props: Mapping[str, Any],
    edits: list[Edit],
    append: str,
) -> Result | None:
    page = await space.page(before["id"])
    text = str((await space.markdown(page["id"]))["markdown"])
    text_made = _text_made(text_before(before), text, edits, append)
    made, unmade = await _props_made(space, page, before["props"], props)
    if text_made is not False and made:
        return updated(page, props, text if edits or append else None)
    if not text_made and unmade:
        return None
    if text_made:
        raise Unclear(f"The text of {before['id']} was changed, its properties were not.")
    raise Unclear(f"{before['id']} was changed otherwise since.")


async def before_comment(space: Workspace, id: str, text: str) -> dict[str, Any]:
    page = await space.page(id)
    there = [short(one["id"]) for one in await _same_comments(space, page["id"], text)]
    return {"id": short(page["id"]), "there": there}


async def was_commented(space: Workspace, before: Mapping[str, Any], text: str) -> Result | None:
    page = await space.page(before["id"])
    same = await _same_comments(space, page["id"], text)
    new = [one for one in same if short(one["id"]) not in before["there"]]
    if len(new) > 1:
        raise Unclear(f"The comment is there {len(new)} times.")
    return commented(page, new[0]) if new else None


async def before_trash(space: Workspace, id: str) -> dict[str, Any]:
    return {"id": short((await space.page(id))["id"])}


async def was_trashed(space: Workspace, before: Mapping[str, Any], restore: bool) -> Result | None:
    page = await space.page(before["id"])
    return trashed(page, restore) if page["in_trash"] == (not restore) else None


async def _titled(space: Workspace, into: Mapping[str, Any], name: str, title: str) -> list[Object]:
    """The pages of that title right under a parent."""
    if into["type"] == "data_source_id":
        return await space.rows_titled(into["data_source_id"], name, title)
    if into["type"] == "workspace":
        return []
    return [
        block
        async for block in space.blocks(into["page_id"])
        if block["type"] == "child_page" and block["child_page"]["title"] == title
    ]


async def _same_comments(space: Workspace, id: str, text: str) -> list[Object]:
    bot = await space.bot()
    return [
        one
        async for one in space.comments(id)
        if one["created_by"]["id"] == bot and plain(one["rich_text"]).strip() == text.strip()
    ]


def _text_made(was: str, now: str, edits: list[Edit], append: str) -> bool | None:
    """Whether the text was changed as asked; None if nothing was asked. Raises Unclear."""
    if not (edits or append):
        return None
    if now == was:
        return False
    if append and edits and now == edited(was, edits):
        raise Unclear("The edits were made, but the text at the end was not added.")
    added = not append or _words(now).count(_words(append)) > _words(was).count(_words(append))
    if added and all(_edit_made(one, now) for one in edits):
        return True
    raise Unclear("The text was changed, and not only in the way that was asked for.")


def _edit_made(edit: Edit, now: str) -> bool:
    return edit.new in now and (edit.old not in now or edit.old in edit.new)


async def _props_made(
    space: Workspace, page: Object, before: Mapping[str, Any], props: Mapping[str, Any]
) -> tuple[bool, bool]:
    """Whether the properties are as asked, and whether they are as they were."""
    if not props:
        return True, True
    columns = await space.columns(page)
    row = {name: simple(one) for name, one in page["properties"].items()}
    wanted = [
        Where(prop=name, op="empty") if empty(value) else Where(prop=name, value=value)
        for name, value in columns.checked(props).items()
    ]
    unmade = all(kept(page["properties"][name]) == value for name, value in before.items())
    return bool(select([row], columns.schema, wanted)), unmade


def _words(text: str) -> str:
    """The text as it is left by a service that sets spaces and marks of lists its own way."""
    return " ".join("".join(c if c.isalnum() else " " for c in text).split())
