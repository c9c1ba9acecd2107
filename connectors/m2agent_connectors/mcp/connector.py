"""A server of the configuration as a connector whose tools are called NAME_TOOL."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, ClassVar, Self, TypeVar, cast

import mcp_types
from mcp.client import Client
from mcp.client.auth import OAuthClientProvider
from mcp.client.streamable_http import streamable_http_client

from m2agent.connector import Account
from m2agent.errors import M2Error, SetupError, ToolFailed, Unclear
from m2agent.events import ToolSpec
from m2agent.printable import one_line
from m2agent.tool import Effect, Operation, Result, Tool
from m2agent_connectors.mcp import offers, results
from m2agent_connectors.mcp.live import Gone, Live, Refused, leaf
from m2agent_connectors.mcp.served import served
from m2agent_connectors.mcp.signin import SignIn, web

_PAGES = 50
T = TypeVar("T")


class Mcp:
    """One server."""

    name: ClassVar[str] = "mcp"
    kind: ClassVar[str] = "mcp"

    def __init__(self, account: Account) -> None:
        self._live = Live(served(account.name, account.settings), account.folder, self._outdate)
        self._tools: dict[str, mcp_types.Tool] = {}
        self._listed: dict[str, mcp_types.Tool] | None = None
        self._resources: dict[str, str] = {}
        self._prompts: list[mcp_types.Prompt] = []
        self._outdated = False

    @classmethod
    async def open(cls, account: Account) -> Self:
        """Start or reach the server, and learn what it offers. Raises SetupError with the fix."""
        # Each server is a kind of its own.
        opened = cast(type[Self], type("Mcp", (cls,), {"kind": account.name}))(account)
        try:
            await opened._learn()
        except BaseException:
            await opened.close()
            raise
        return opened

    def offered(self) -> Sequence[Tool]:
        """All tools, the listed ones as they were when the server was opened."""
        listed = self._listed if self._listed is not None else self._tools
        many = offers.are_many(listed)
        mine = [
            offers.offer(name, tool, self._call, listed=not many and name in listed)
            for name, tool in self._tools.items()
        ]
        return [*mine, *(tool for tool in self._about(many) if tool.name not in self._tools)]

    def describe(self) -> str:
        what = [f"{len(self._tools)} tools"]
        if self._resources:
            what.append(f"{len(self._resources)} resources")
        if self._prompts:
            what.append(f"{len(self._prompts)} prompts")
        return f"{self._live.served.where}: {', '.join(what)}"

    def told(self) -> dict[str, tuple[Effect, str]]:
        """Every tool of the server, under its full name, with its effect and its description."""
        return {
            f"{self.kind}_{tool.name}": (tool.effect, tool.description)
            for tool in self.offered()
            if tool.name in self._tools
        }

    async def close(self) -> None:
        await self._live.close()

    def _about(self, many: bool) -> list[Tool]:
        """Ways to what the server has besides the tools that are listed."""
        client = self._live.now
        capable = client.server_capabilities if client else None
        out: list[Tool] = []
        if many or (capable and capable.tools and capable.tools.list_changed):
            told = offers.search_spec(self.kind, len(self._tools))
            out += [offers.asking(told, self._find), offers.door(self.kind, lambda: self._tools)]
        if capable and capable.resources and self._resources:
            out += [
                offers.asking(_listing(self.kind), self._list_resources),
                offers.asking(_reading(self.kind), self._read_resource, self._reading_tells),
            ]
        if self._prompts:
            out.append(offers.asking(_prompting(self.kind, self._prompts), self._get_prompt))
        return out

    async def _learn(self) -> None:
        client = await self._live.client()
        capable = client.server_capabilities
        try:
            async with asyncio.timeout(self._live.served.table.seconds):
                if capable.tools:
                    self._tools = offers.own_names(self.kind, await _all_tools(client))
                if capable.resources:
                    self._resources = await _all_resources(client)
                if capable.prompts:
                    self._prompts = (await client.list_prompts()).prompts
        except Exception as error:
            raise self._live.unusable(error) from error
        if self._listed is None:
            self._listed = dict(self._tools)

    def _outdate(self) -> None:
        self._outdated = True

    async def _renewed(self) -> str:
        """What changed among the tools since they were last asked for, for the model."""
        if not self._outdated:
            return ""
        self._outdated = False
        before = dict(self._tools)
        try:
            tools = await self._live.ask(_all_tools)
        except (Gone, Refused, SetupError):
            return ""
        self._tools = offers.own_names(self.kind, tools)
        new = [name for name in self._tools if name not in before]
        gone = [name for name in before if name not in self._tools]
        lines = [f"[The tools of {self.kind} changed."]
        if new:
            lines.append(f"New: {', '.join(new)}: see {self.kind}_find_tools.")
        if gone:
            lines.append(f"Gone: {', '.join(gone)}.")
        return "\n" + " ".join(lines) + "]" if new or gone else ""

    async def _call(
        self, tool: str, effect: Effect, arguments: dict[str, Any], op: Operation
    ) -> Result:
        """Raises Unclear where nobody knows whether an effect happened."""
        try:
            answer = await self._live.ask(lambda client: client.call_tool(tool, arguments))
        except Gone as error:
            if effect == "read":
                raise ToolFailed(
                    f"The server {self.kind} {error}. It is started again with the next call."
                ) from error
            raise Unclear(f"The server {self.kind} {error} while {tool} was under way.") from error
        except Refused as error:
            raise ToolFailed(str(error)) from error
        except SetupError as error:
            raise ToolFailed(f"{error.problem} Do without it, or report it as open.") from error
        if answer.is_error:
            text, _ = results.told(answer.content, op)
            raise ToolFailed(text or f"{tool} failed, and the server did not say why.")
        result = results.result_of(answer, self.kind, tool, op, did=effect != "read")
        if news := await self._renewed():
            return Result(
                result.text + news, result.data, result.receipts, result.origin, result.artifacts
            )
        return result

    async def _find(self, given: dict[str, Any], op: Operation) -> Result:
        await self._renewed()
        return self._told(offers.found(str(given["query"]), self._tools))

    async def _list_resources(self, given: dict[str, Any], op: Operation) -> Result:
        self._resources = await self._ask(_all_resources)
        query = str(given.get("query", "")).lower()
        lines = [
            f"{uri}  {words}"
            for uri, words in self._resources.items()
            if query in f"{uri} {words}".lower()
        ]
        return self._told("\n".join(lines) or "Nothing found.")

    def _reading_tells(self, given: dict[str, Any]) -> Effect:
        """An address that the server does not list is the model's own, and goes out with it."""
        return "read" if given.get("uri") in self._resources else "send"

    async def _read_resource(self, given: dict[str, Any], op: Operation) -> Result:
        uri = str(given["uri"])
        answer = await self._ask(lambda client: client.read_resource(uri))
        blocks: list[mcp_types.ContentBlock] = [
            mcp_types.EmbeddedResource(type="resource", resource=content)
            for content in answer.contents
        ]
        text, artifacts = results.told(blocks, op)
        return Result(text, None, [], results.outside(self.kind), artifacts)

    async def _get_prompt(self, given: dict[str, Any], op: Operation) -> Result:
        arguments = cast(dict[str, Any], given.get("arguments", {}))
        plain = {k: v if isinstance(v, str) else json.dumps(v) for k, v in arguments.items()}
        answer = await self._ask(lambda client: client.get_prompt(str(given["name"]), plain))
        text, artifacts = results.told([message.content for message in answer.messages], op)
        return Result(text, None, [], results.outside(self.kind), artifacts)

    async def _ask(self, question: Callable[[Client], Awaitable[T]]) -> T:
        try:
            return await self._live.ask(question)
        except Gone as error:
            raise ToolFailed(f"The server {self.kind} {error}. Try once more.") from error
        except Refused as error:
            raise ToolFailed(str(error)) from error
        except SetupError as error:
            raise ToolFailed(error.problem) from error

    def _told(self, text: str) -> Result:
        return Result(text, None, [], results.outside(self.kind))


async def _all_tools(client: Client) -> list[mcp_types.Tool]:
    tools: list[mcp_types.Tool] = []
    cursor: str | None = None
    for _ in range(_PAGES):
        page = await client.list_tools(cursor=cursor)
        tools += page.tools
        cursor = page.next_cursor
        if not cursor:
            break
    return tools


async def _all_resources(client: Client) -> dict[str, str]:
    """What can be read, by address; templates among it, their places in braces."""
    found: dict[str, str] = {}
    cursor: str | None = None
    for _ in range(_PAGES):
        page = await client.list_resources(cursor=cursor)
        found |= {str(one.uri): _words(one.name, one.description) for one in page.resources}
        cursor = page.next_cursor
        if not cursor:
            break
    templates = await client.list_resource_templates()
    for one in templates.resource_templates:
        found[one.uri_template] = _words(one.name, one.description)
    return found


def _words(name: str, description: str | None) -> str:
    return f"{name}  {description or ''}".strip()


def _listing(server: str) -> ToolSpec:
    parameters = {"type": "object", "properties": {"query": {"type": "string"}}}
    words = f"List what {server} has to read, one a line: address, name, description."
    return ToolSpec("list_resources", words, parameters)


def _reading(server: str) -> ToolSpec:
    parameters = {
        "type": "object",
        "properties": {"uri": {"type": "string", "description": "As list_resources gave it."}},
        "required": ["uri"],
    }
    return ToolSpec("read_resource", f"Read something that {server} has.", parameters)


def _prompting(server: str, prompts: Sequence[mcp_types.Prompt]) -> ToolSpec:
    lines = [
        f"- {one.name}({', '.join(a.name for a in one.arguments or [])}): {one.description or ''}"
        for one in prompts[:30]
    ]
    parameters: Mapping[str, Any] = {
        "type": "object",
        "properties": {"name": {"type": "string"}, "arguments": {"type": "object"}},
        "required": ["name"],
    }
    words = "\n".join([f"Get a text that {server} has prepared for a kind of task:", *lines])
    return ToolSpec("get_prompt", words[:2_000], dict(parameters))


async def sign_in(
    name: str,
    settings: Mapping[str, Any],
    show: Callable[[str], Awaitable[None]],
    *,
    in_file: bool,
) -> None:
    """Have a person sign in to a server in a browser: `show` gets the address to open."""
    server = served(name, settings)
    if not server.table.url:
        raise SetupError(
            f"The MCP server {name!r} is a command: there is nothing to sign in to.",
            fix=f"See what it offers: m2agent mcp test {name}",
        )

    async def use(auth: OAuthClientProvider) -> None:
        async with web(server, auth) as http:
            transport = streamable_http_client(server.table.url, http_client=http)
            async with Client(transport, cache=None) as client:
                await client.list_tools()

    try:
        await SignIn.in_browser(server, show, use, in_file=in_file)
    except Exception as error:
        cause = leaf(error)
        if isinstance(cause, M2Error):
            raise cause from error
        raise SetupError(
            f"Signing in to {name!r} failed: {one_line(str(cause), 300)}.",
            fix=f"Try again: m2agent mcp login {name}",
        ) from error
