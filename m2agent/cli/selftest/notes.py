"""The selftest of notes: one page, changed in every way and put back, on whatever service it is."""

import secrets
from collections.abc import AsyncGenerator
from contextlib import suppress

from m2agent.cli.selftest.proof import expect
from m2agent.errors import SetupError, ToolFailed
from m2agent.testing.service import Service


async def notes(space: Service, parent: str) -> AsyncGenerator[str]:
    """Sentences, as they are proven. Closing it cleans up. Raises NotProven and ToolFailed."""
    parent = parent or await _any_page(space)
    title = f"m2agent selftest {secrets.token_hex(4)}"
    body = "# One\n\nTotal: 3\n\n- a\n- b"
    create, op = space.check("create", parent=parent, title=title, body=body), space.op()
    before = await create.before(op)
    expect(await create.reconcile(op, before) is None, "nothing counts as made before it is")
    made = await create.run(op)
    id = str(made.data["id"])
    try:
        again = await create.reconcile(op, before)
        expect(again and again.data["id"] == id, "the page is found after it was made")
        yield "before a page is made it is known that it was not, afterwards that it was"
        text = await _body(space, id)
        expect("Total: 3" in text and "- b" in text, "the text is there as Markdown")
        yield "its text is kept as Markdown"

        edit = [{"old": "Total: 3", "new": "Total: 4"}]
        changed = await space.do("update", id=id, edits=edit, append="Checked.")
        now = await _body(space, id)
        expect("Total: 4" in now and now.rstrip().endswith("Checked."), "text is replaced, added")
        found = await changed.call.reconcile(changed.op, changed.before)
        expect(found, "the change is found after it was made")
        yield "text is replaced and added, and it is known afterwards"
        wrong = [{"old": "Total: 99", "new": "x"}]
        expect(await _fails(space, "update", id=id, edits=wrong), "a wrong edit is refused")
        expect(await _body(space, id) == now, "a wrong edit changes nothing")
        yield "an edit whose old text is not there is refused, and changes nothing"
        await space.undo(changed)
        expect(await _body(space, id) == text, "undoing puts the text back")
        yield "undoing puts the text back as it was"

        try:
            comment = await space.do("comment", id=id, text="m2agent was here.")
        except ToolFailed as failure:
            yield f"comments are not allowed: {failure}"
        else:
            read = await space.call("read", id=id)
            expect("m2agent was here." in read.text, "a comment is seen by who reads the page")
            await space.undo(comment)
            yield "a comment is made, seen, and deleted again"
        await space.call("trash", id=id)
        await space.call("trash", id=id, restore=True)
        expect(await _body(space, id) == text, "the trash gives the page back")
        yield "the trash takes the page and gives it back"
    finally:
        with suppress(ToolFailed):
            await space.call("trash", id=id)


async def _any_page(space: Service) -> str:
    found = (await space.call("search", query="", kind="page", limit=1)).data["items"]
    if not found:
        raise SetupError(
            "No page is shared with m2agent, so there is no place to make one.",
            fix="In a page's ••• menu choose Connections, then m2agent's; and run it again.",
        )
    return str(found[0]["id"])


async def _body(space: Service, id: str) -> str:
    return str((await space.call("read", id=id)).data["body"])


async def _fails(space: Service, tool: str, **arguments: object) -> bool:
    try:
        await space.call(tool, **arguments)
    except ToolFailed:
        return True
    return False
