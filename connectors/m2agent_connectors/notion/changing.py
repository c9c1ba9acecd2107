"""What the four changing tools do: each change checked first, then made by as few requests as go.

The text comes before the properties, because an edit that was made cannot be made again, while
setting a property twice is setting it.
"""

import hashlib
from collections.abc import Mapping
from typing import Any

from m2agent.errors import ToolFailed, Unclear
from m2agent.events import Origin, Receipt
from m2agent.tool import Result
from m2agent_connectors.notes.edits import Edit, edited
from m2agent_connectors.notes.schema import folded
from m2agent_connectors.notion.chunks import chunks
from m2agent_connectors.notion.ids import short
from m2agent_connectors.notion.values import plain, rich_text, simple
from m2agent_connectors.notion.workspace import Object, Workspace


async def create(
    space: Workspace, parent: str, title: str, props: Mapping[str, Any], body: str
) -> Result:
    title = one_title(title)
    into, columns = await space.parent(parent)
    if columns is None:
        if props:
            raise ToolFailed("Only rows of a table have properties. Put this into the body.")
        properties = {"title": {"title": rich_text(title)}}
    else:
        values = columns.checked(props)
        name = columns.schema.title.name
        if values.setdefault(name, title) != title:
            raise ToolFailed(f"{name} is the title of a row here. Give it once, as title.")
        properties = columns.written(values)
    first, *rest = chunks(body) or [""]
    text = {"markdown": first} if first else {}
    page = await space.wire.write(
        lambda notion: notion.pages.create(parent=into, properties=properties, **text)
    )
    for number, part in enumerate(rest, start=2):
        try:
            await _add(space, page["id"], part)
        except Unclear:
            raise
        except ToolFailed as error:
            return result("Created", page, problem=f"its text ends before part {number}: {error}")
    return result("Created", page)


async def update(
    space: Workspace, id: str, props: Mapping[str, Any], edits: list[Edit], append: str
) -> Result:
    if not (props or edits or append):
        raise ToolFailed("Nothing to change was given. Give props, edits or append.")
    page = await space.page(id)
    columns = await space.columns(page) if props else None
    values = columns.written(columns.checked(props)) if columns else {}
    for name in values:
        if page["properties"][name].get("has_more"):
            raise ToolFailed(f"{name} leads to so many rows that it cannot be set here.")
    text = str((await space.markdown(page["id"]))["markdown"]) if edits or append else ""
    edited(text, edits)
    done: list[str] = []
    problem = ""
    try:
        if edits:
            changes = [{"old_str": one.old, "new_str": one.new} for one in edits]
            text = await replace(space, page["id"], changes)
            done.append("edits")
        for part in chunks(append):
            text = await _add(space, page["id"], part)
            done.append("append")
        if values:
            page = await space.wire.write(
                lambda notion: notion.pages.update(page["id"], properties=values)
            )
    except Unclear:
        raise
    except ToolFailed as error:
        if not done:
            raise
        problem = f"only {' and '.join(dict.fromkeys(done))} could be made: {error}"
    return updated(page, props if not problem else {}, text if edits or append else None, problem)


async def comment(space: Workspace, id: str, text: str) -> Result:
    if not text.strip():
        raise ToolFailed("The comment is empty.")
    page = await space.page(id)
    made = await space.wire.write(
        lambda notion: notion.comments.create(
            parent={"page_id": page["id"]}, rich_text=rich_text(text)
        )
    )
    return commented(page, made)


async def trash(space: Workspace, id: str, restore: bool) -> Result:
    page = await space.page(id)
    if page["in_trash"] == (not restore):
        where = "not in the trash" if restore else "in the trash already"
        raise ToolFailed(f"{short(page['id'])} is {where}.")
    page = await space.wire.write(
        lambda notion: notion.pages.update(page["id"], in_trash=not restore)
    )
    return trashed(page, restore)


def one_title(title: str) -> str:
    """The title on one line. Raises ToolFailed if there is none."""
    title = " ".join(title.split())
    if not title:
        raise ToolFailed("The title is empty. Give the note a title.")
    return title


def updated(page: Object, props: Mapping[str, Any], text: str | None, problem: str = "") -> Result:
    """`text` is the page's text as it was left, None if nothing was done to it."""
    left = {name: one for name, one in page["properties"].items() if name_in(props, name)}
    more = {} if text is None else {"version": version(text)}
    values = {name: simple(one) for name, one in left.items()}
    return result("Updated", page, problem=problem, props=values, **more)


def name_in(props: Mapping[str, Any], name: str) -> bool:
    """Whether the props set that property, in whatever case they name it."""
    return any(folded(one) == folded(name) for one in props)


def commented(page: Object, made: Object) -> Result:
    done = result("Commented on", page, comment=short(made["id"]), text=plain(made["rich_text"]))
    receipts = [Receipt("comment", short(made["id"])), *done.receipts]
    return Result(done.text, done.data, receipts, done.origin)


def trashed(page: Object, restore: bool) -> Result:
    if restore:
        return result("Brought back", page, restored=True)
    done = result("Moved to the trash", page, restored=False)
    back = f'notes_trash with id="{short(page["id"])}" and restore=true brings it back.'
    return Result(f"{done.text}; {back}", done.data, done.receipts, done.origin)


def result(done: str, page: Object, problem: str = "", **more: Any) -> Result:
    """The result of a change of a page; with a problem it was made in part."""
    id = short(page["id"])
    kind = "row" if "data_source_id" in page["parent"] else "page"
    data = {"id": id, "kind": kind, "url": page.get("url", ""), **more}
    text = f"{done} {id}, but {problem}" if problem else f"{done} {id}"
    return Result(text, data, [Receipt(kind, id)], [Origin("own", f"page {id}")])


def version(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


async def replace(space: Workspace, id: str, changes: list[dict[str, str]]) -> str:
    """The page's text with these edits made, all or none."""
    answer = await space.wire.write(
        lambda notion: notion.pages.update_markdown(
            id, type="update_content", update_content={"content_updates": changes}
        )
    )
    return str(answer["markdown"])


async def _add(space: Workspace, id: str, text: str) -> str:
    """The page's text with this at its end."""
    answer = await space.wire.write(
        lambda notion: notion.pages.update_markdown(
            id,
            type="insert_content",
            insert_content={"content": text, "position": {"type": "end"}},
        )
    )
    return str(answer["markdown"])
