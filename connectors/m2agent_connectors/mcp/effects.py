"""What a tool does to the world, by what its server says of it; what is not said counts as send."""

from mcp_types import ToolAnnotations

from m2agent.tool import Effect


def effect_of(said: ToolAnnotations | None) -> Effect:
    """A read that goes out into the open world tells others what was asked, so it is a send."""
    if said is None:
        return "send"
    if said.read_only_hint:
        return "send" if said.open_world_hint else "read"
    if said.destructive_hint:
        return "destroy"
    if said.destructive_hint is False and said.open_world_hint is False:
        return "write"
    return "send"
