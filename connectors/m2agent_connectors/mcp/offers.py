"""What a server offers, as tools: its own, and ways to its resources, its prompts, its many tools.

Up to a few dozen tools are listed in the prompt, each as the server describes it. Of more, only a
search is listed, and a tool by which any of them is called; so are those that come later, since a
prompt only grows.
"""

import json
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, cast

import jsonschema
import mcp_types
import referencing

from m2agent.errors import ToolFailed, Unclear
from m2agent.events import ToolSpec
from m2agent.tool import Effect, Offer, Operation, Result, Tool
from m2agent_connectors.mcp.effects import effect_of

_MOST_LISTED = 40
_MOST_CHARACTERS = 24_000
_LONGEST_DESCRIPTION = 2_000
_LONGEST_NAME = 64
_ODD = re.compile(r"[^A-Za-z0-9_-]+")

_NOWHERE: Any = cast(Any, referencing.Registry)()  # else a schema could have addresses fetched

Run = Callable[[str, Effect, dict[str, Any], Operation], Awaitable[Result]]
"""Calls a tool of the server by its own name."""


def own_names(server: str, tools: Sequence[mcp_types.Tool]) -> dict[str, mcp_types.Tool]:
    """The server's tools under names that every model can write, none twice."""
    named: dict[str, mcp_types.Tool] = {}
    for tool in tools:
        name = _ODD.sub("_", tool.name)[: _LONGEST_NAME - len(server) - 1] or "tool"
        free, number = name, 2
        while free in named:
            free, number = f"{name[: _LONGEST_NAME - len(server) - 4]}_{number}", number + 1
        named[free] = tool
    return named


def are_many(tools: Mapping[str, mcp_types.Tool]) -> bool:
    size = sum(len(json.dumps(spec(name, tool).parameters)) for name, tool in tools.items())
    size += sum(len(tool.description or "") for tool in tools.values())
    return len(tools) > _MOST_LISTED or size > _MOST_CHARACTERS


def spec(name: str, tool: mcp_types.Tool) -> ToolSpec:
    parameters = {k: v for k, v in tool.input_schema.items() if not k.startswith("$schema")}
    if not isinstance(parameters.get("properties"), dict):
        parameters["properties"] = {}
    description = (tool.description or tool.title or tool.name).strip()
    return ToolSpec(name, description[:_LONGEST_DESCRIPTION], {**parameters, "type": "object"})


def offer(name: str, tool: mcp_types.Tool, run: Run, *, listed: bool) -> Tool:
    """A tool of the server's as one of ours."""
    effect = effect_of(tool.annotations)
    told = spec(name, tool)

    async def call(_: object, op: Operation, arguments: dict[str, Any]) -> Result:
        return await run(tool.name, effect, arguments, op)

    async def look_up(_: object, op: Operation) -> Result | None:
        raise Unclear(
            f"Nobody can ask the server whether {name} happened. Look there for {op.key}, or for "
            "what it would have changed."
        )

    made = Tool(call, effect, "The server has no way to take it back.", _checked(told, listed))
    if effect != "read":
        made.reconcile_hook = look_up
    return made


def asking(
    told: ToolSpec,
    run: Callable[[dict[str, Any], Operation], Awaitable[Result]],
    effect_of_call: Callable[[dict[str, Any]], Effect] | None = None,
) -> Tool:
    """A reading tool of ours about the server."""

    async def call(_: object, op: Operation, arguments: dict[str, Any]) -> Result:
        return await run(arguments, op)

    made = Tool(call, "read", None, _checked(told, True))
    if effect_of_call:

        def effect(_: object, arguments: dict[str, Any]) -> Effect:
            return effect_of_call(arguments)

        made.effect_hook = effect
    return made


def door(server: str, known: Callable[[], Mapping[str, mcp_types.Tool]]) -> Tool:
    """Calls any tool of the server, also one that is not listed."""

    def stands_for(given: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        wanted = cast(str, given["tool"]).removeprefix(f"{server}_")
        if wanted not in known():
            raise ToolFailed(f"{server} has no tool {wanted!r}. Find one: {server}_find_tools")
        return f"{server}_{wanted}", cast(dict[str, Any], given.get("arguments", {}))

    async def never(_: object, op: Operation, arguments: dict[str, Any]) -> Result:
        raise AssertionError("the tool it stands for is called")

    told = ToolSpec(
        "call_tool",
        f"Call a tool of {server} that {server}_find_tools found.",
        {
            "type": "object",
            "properties": {
                "tool": {"type": "string", "description": "Its name."},
                "arguments": {"type": "object", "description": "As its parameters say."},
            },
            "required": ["tool"],
        },
    )
    checked = _checked(told, True)
    return Tool(never, "send", None, Offer(told, checked.check, True, stands_for))


def search_spec(server: str, count: int) -> ToolSpec:
    return ToolSpec(
        "find_tools",
        f"Find tools of {server}, which has {count}, by words of what they do. Returns names, "
        f"descriptions and parameters; call one with {server}_call_tool.",
        {
            "type": "object",
            "properties": {"query": {"type": "string"}},
            "required": ["query"],
        },
    )


def found(query: str, tools: Mapping[str, mcp_types.Tool], most: int = 8) -> str:
    """The tools that fit the words best, with all that calling one takes."""
    words = {word for word in re.findall(r"[a-z0-9]+", query.lower()) if len(word) > 1}

    def fit(item: tuple[str, mcp_types.Tool]) -> int:
        name, tool = item
        named = set(re.findall(r"[a-z0-9]+", name.lower()))
        text = f"{name} {tool.title or ''} {tool.description or ''}".lower()
        return sum(3 * (word in named) + (word in text) for word in words)

    best = sorted(((fit(item), item) for item in tools.items()), key=lambda one: -one[0])
    lines: list[str] = []
    for score, (name, tool) in best[:most]:
        if score or not words:
            told = spec(name, tool)
            lines.append(f"{name}  {told.description}\n  {json.dumps(told.parameters)}")
    names = ", ".join(list(tools)[:200])
    return "\n".join(lines) or f"Nothing fits these words. The tools are: {names}"


def _checked(told: ToolSpec, listed: bool) -> Offer:
    def check(arguments: dict[str, Any]) -> None:
        try:
            validator = jsonschema.Draft202012Validator(told.parameters, registry=_NOWHERE)
            problems = list(validator.iter_errors(arguments))  # pyright: ignore[reportUnknownMemberType]
        except Exception:
            return
        if problems:
            lines = [f"{problem.json_path}: {problem.message[:200]}" for problem in problems[:5]]
            given = ", ".join(cast(dict[str, Any], told.parameters["properties"])) or "none"
            raise ToolFailed(
                f"{told.name} was not run, its arguments are wrong.\n"
                + "\n".join(lines)
                + f"\nIts arguments are: {given}."
            )

    return Offer(told, check, listed)
