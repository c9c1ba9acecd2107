"""A person's change of a call before their yes: of its arguments, or of what these point at."""

from typing import Any

import msgspec

from m2agent.errors import ToolFailed
from m2agent.events import Called, Decided
from m2agent.tool import Operation
from m2agent.toolbox import Call, Toolbox


def changeable(call: Call, called: Called, decided: Decided) -> str:
    """What the person may change: the content, where it lies elsewhere, else the arguments."""
    if call.tool.edit_hook:
        return decided.preview
    return msgspec.json.format(msgspec.json.encode(called.arguments), indent=2).decode()


async def change(
    toolbox: Toolbox, called: Called, text: str, decided: Decided, op: Operation
) -> dict[str, Any]:
    """Change the call to what the person wrote, and return the arguments that it has now.

    Raises ToolFailed, in words for the person, and changes nothing then.
    """
    call = toolbox.check(called)
    if call.tool.edit_hook:
        content = await call.content(op)
        if content is None or content.preview != decided.preview:
            raise ToolFailed("It was changed elsewhere while you were writing. Look at it again.")
        await call.edit(op, text)
        return called.arguments
    try:
        arguments = msgspec.json.decode(text, type=dict[str, Any])
    except msgspec.DecodeError as error:
        raise ToolFailed(f"This is no JSON object any more: {error}.") from error
    toolbox.check(msgspec.structs.replace(called, arguments=arguments))
    return arguments
