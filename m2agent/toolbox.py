"""The tools of one run: what the model is told of them, and how its calls reach them.

A call's arguments are checked against the tool's signature before anything else happens, and what
is wrong with them is said in words the model can act on. With several accounts of a kind, the
tools of that kind take `account`.
"""

import difflib
import inspect
from collections.abc import Callable, Collection, Mapping
from copy import copy
from dataclasses import dataclass
from typing import Any, Literal, cast, get_args, get_type_hints

import pydantic

from m2agent.connector import Connector, tools_of
from m2agent.errors import ToolFailed, Unclear
from m2agent.events import Called, Returned, ToolSpec
from m2agent.tool import Content, Effect, Operation, Result, Tool

_HIDDEN = ("self", "op")


@dataclass(frozen=True)
class _Bound:
    """One name, and by account which connector's tool stands behind it."""

    arguments: type[pydantic.BaseModel] | None
    uses: Mapping[str, tuple[Connector, Tool]]

    @property
    def tool(self) -> Tool:
        return next(iter(self.uses.values()))[1]


@dataclass(frozen=True)
class Call:
    """A checked call: its connector, its tool, and arguments of the right types.

    `called` is what the policy judges: the tool that is meant, where the model called one that
    stands for it.
    """

    called: Called
    tool: Tool
    account: str
    connector: Connector
    arguments: dict[str, Any]

    @property
    def effect(self) -> Effect:
        hook = self.tool.effect_hook
        return cast(Effect, self._bind(hook, None)()) if hook else self.tool.effect

    async def run(self, op: Operation) -> Result:
        return cast(Result, await self._bind(self.tool.run, op)())

    async def reconcile(
        self, op: Operation, before: Mapping[str, Any] | None = None
    ) -> Result | None:
        """Raises Unclear where the tool cannot tell whether it happened."""
        if self.tool.reconcile_hook is None:
            raise Unclear("This tool has no way to look up whether it happened.")
        hook = self._bind(self.tool.reconcile_hook, op, before or {})
        return cast(Result | None, await hook())

    async def before(self, op: Operation) -> dict[str, Any]:
        hook = self.tool.before_hook
        return cast(dict[str, Any], await self._bind(hook, op)()) if hook else {}

    async def undo(self, op: Operation, before: Mapping[str, Any], returned: Returned) -> Result:
        """Put back what the call changed. Raises ToolFailed if the world moved on since."""
        hook = self.tool.undo_hook
        if hook is None:
            raise ToolFailed(self.tool.no_undo or "This tool has no way back.")
        wanted = inspect.signature(hook).parameters
        given = {"op": op, "before": before, "returned": returned}
        kept = {name: value for name, value in given.items() if name in wanted}
        return cast(Result, await hook(self.connector, **kept))

    async def content(self, op: Operation) -> Content | None:
        hook = self.tool.content_hook
        return cast(Content, await self._bind(hook, op)()) if hook else None

    async def edit(self, op: Operation, text: str) -> None:
        """Change the content; only for a tool with an `edit_hook`."""
        assert self.tool.edit_hook
        await self._bind(self.tool.edit_hook, op, text=text)()

    def _bind(
        self,
        hook: Callable[..., Any],
        op: Operation | None,
        before: Mapping[str, Any] | None = None,
        **more: Any,
    ) -> Callable[[], Any]:
        wanted = inspect.signature(hook).parameters
        every = any(p.kind is p.VAR_KEYWORD for p in wanted.values())
        given = {k: v for k, v in self.arguments.items() if k in wanted or every}
        ours = {"op": op, **more} if before is None else {"op": op, "before": before, **more}
        given |= {name: value for name, value in ours.items() if name in wanted}
        return lambda: hook(self.connector, **given)


class Toolbox:
    """All tools of the opened connectors, under their full names."""

    def __init__(self, connectors: Mapping[str, Connector]) -> None:
        """Take connectors by account name, in the order in which tools are to be listed."""
        self._connectors = connectors
        self._effects: Collection[Effect] = get_args(Effect)
        self._names: Collection[str] | None = None
        self._tools = self._found()
        self.specs = [
            ToolSpec(name, bound.tool.description, _parameters(bound))
            for name, bound in self._tools.items()
            if not (bound.tool.offer and not bound.tool.offer.listed)
        ]

    @property
    def names(self) -> list[str]:
        return list(self._tools)

    def only(self, names: Collection[str], effects: Collection[Effect]) -> "Toolbox":
        """The same tools, of which these can be called, and only so far as they have these effects.

        What the model is told of the tools stays as it is, so that a prompt keeps its beginning.
        """
        less = copy(self)
        less._effects = [effect for effect in self._effects if effect in effects]
        less._names = names if self._names is None else set(names) & set(self._names)
        less._tools = {n: bound for n, bound in self._tools.items() if less._may(n, bound.tool)}
        return less

    def describe(self) -> dict[str, str]:
        """What each account says of itself, by its name."""
        return {name: connector.describe() for name, connector in self._connectors.items()}

    def _found(self) -> dict[str, _Bound]:
        """The tools as the connectors have them now, of those that can be called."""
        by_name: dict[str, dict[str, tuple[Connector, Tool]]] = {}
        for account, connector in self._connectors.items():
            for full_name, tool in tools_of(connector):
                name = full_name
                while name in by_name and (tool.offer or _is_offered(by_name[name])):
                    name += "_2"  # two programs name a tool alike
                by_name.setdefault(name, {})[account] = (connector, tool)
        found = {name: _Bound(_arguments(name, uses), uses) for name, uses in by_name.items()}
        return {name: bound for name, bound in found.items() if self._may(name, bound.tool)}

    def _may(self, name: str, tool: Tool) -> bool:
        if self._names is not None and name not in self._names:
            return False
        depends = tool.effect_hook or (tool.offer and tool.offer.stands_for)
        return bool(depends) or tool.effect in self._effects

    def check(self, called: Called) -> Call:
        """Find the tool and check the arguments. Raises ToolFailed, in words for the model."""
        if called.tool not in self._tools:
            self._tools = self._found()
        bound = self._tools.get(called.tool)
        if bound is None:
            near = difflib.get_close_matches(called.tool, self._tools, n=1)
            hint = f" Did you mean {near[0]}?" if near else ""
            known = ", ".join(s.name for s in self.specs if s.name in self._tools)
            raise ToolFailed(f"There is no tool {called.tool!r}.{hint} The tools are: {known}.")
        if bound.arguments is None:
            return self._offered(called, *next(iter(bound.uses.items())))
        try:
            checked = bound.arguments.model_validate(called.arguments)
        except pydantic.ValidationError as error:
            raise ToolFailed(_explain(called.tool, error, bound.arguments)) from error
        arguments = {name: getattr(checked, name) for name in bound.arguments.model_fields}
        account = cast(str, arguments.pop("account", None) or next(iter(bound.uses)))
        # Of one name, but each connector has its own: Gmail's search is not the local mailbox's.
        connector, tool = bound.uses[account]
        return self._within(Call(called, tool, account, connector, arguments))

    def _offered(self, called: Called, account: str, use: tuple[Connector, Tool]) -> Call:
        connector, tool = use
        assert tool.offer
        tool.offer.check(called.arguments)
        if tool.offer.stands_for is None:
            given = {"arguments": called.arguments}
            return self._within(Call(called, tool, account, connector, given))
        name, arguments = tool.offer.stands_for(called.arguments)
        return self.check(Called(called.id, name, arguments))

    def _within(self, call: Call) -> Call:
        if call.effect not in self._effects:
            may = " or ".join(self._effects)
            raise ToolFailed(f"This call is a {call.effect}; yours are only to {may}.")
        return call


def _is_offered(uses: Mapping[str, tuple[Connector, Tool]]) -> bool:
    return any(tool.offer for _, tool in uses.values())


def _parameters(bound: _Bound) -> dict[str, Any]:
    if bound.arguments is None:
        assert bound.tool.offer
        return bound.tool.offer.spec.parameters
    return _schema(bound.arguments)


def _arguments(
    name: str, uses: Mapping[str, tuple[Connector, Tool]]
) -> type[pydantic.BaseModel] | None:
    """A pydantic model of the tool's parameters; `account` comes first where there are several.

    None for a tool that has its own way of checking them.
    """
    accounts = list(uses)
    tool = uses[accounts[0]][1]
    if tool.offer:
        return None
    hints = get_type_hints(tool.run, include_extras=True)
    fields: dict[str, Any] = {}
    if len(accounts) > 1:
        fields["account"] = (cast(Any, Literal)[tuple(accounts)], ...)
    for parameter in inspect.signature(tool.run).parameters.values():
        if parameter.name in _HIDDEN:
            continue
        default = ... if parameter.default is parameter.empty else parameter.default
        fields[parameter.name] = (hints[parameter.name], default)
    config = pydantic.ConfigDict(extra="forbid")
    return pydantic.create_model(name, __config__=config, **fields)


def _schema(model: type[pydantic.BaseModel]) -> dict[str, Any]:
    """The JSON Schema without what only costs tokens: titles, definitions of one use, nulls."""
    schema = model.model_json_schema()
    plain = cast(dict[str, Any], _plain(schema, schema.get("$defs", {})))
    return {
        "type": "object",
        "properties": plain.get("properties", {}),
        "required": plain.get("required", []),
    }


def _plain(node: Any, definitions: Mapping[str, Any]) -> Any:
    if isinstance(node, list):
        return [_plain(item, definitions) for item in cast(list[Any], node)]
    if not isinstance(node, dict):
        return node
    schema = cast(dict[str, Any], node)
    if "$ref" in schema:
        return _plain(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    if "anyOf" in schema:
        choices = [c for c in schema["anyOf"] if c.get("type") != "null"]
        if len(choices) == 1:
            rest = {k: v for k, v in schema.items() if k not in ("anyOf", "default")}
            return _plain({**choices[0], **rest}, definitions)
    dropped = ("title", "$defs", "additionalProperties")
    out: dict[str, Any] = {}
    for key, value in schema.items():
        if key == "properties":
            out[key] = {name: _plain(sub, definitions) for name, sub in value.items()}
        elif key not in dropped and not (key == "default" and value is None):
            out[key] = _plain(value, definitions)
    return out


def _explain(tool: str, error: pydantic.ValidationError, model: type[pydantic.BaseModel]) -> str:
    """What is wrong with each argument and what is allowed instead."""
    lines: list[str] = []
    for problem in error.errors(include_url=False):
        where = ".".join(str(part) for part in problem["loc"])
        if problem["type"] == "extra_forbidden":
            near = difflib.get_close_matches(where, model.model_fields, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            allowed = ", ".join(model.model_fields) or "none"
            lines.append(f"{where}: there is no such argument.{hint} Allowed are: {allowed}.")
        elif problem["type"] == "missing":
            lines.append(f"{where}: is required and missing.")
        else:
            got = repr(problem["input"])
            got = got if len(got) <= 80 else got[:77] + "..."
            lines.append(f"{where}: {problem['msg']}, not {got}.")
    return f"{tool} was not run, its arguments are wrong.\n" + "\n".join(lines)
