"""One server, kept running: started when it is needed, and again when it has died.

The SDK's client lives in a task of its own, since what it opens must be closed by whoever opened
it, and calls come from anywhere.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import TypeVar, cast

import pydantic
from mcp.client import Client, IncomingMessage
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPError
from mcp_types import (
    CONNECTION_CLOSED,
    REQUEST_TIMEOUT,
    Implementation,
    ToolListChangedNotification,
)

from m2agent.errors import SetupError
from m2agent.home import private
from m2agent.printable import one_line
from m2agent_connectors.mcp.served import Served
from m2agent_connectors.mcp.signin import SignIn, SignInNeeded, web

_START_SECONDS = 60.0
"""A server that is fetched first, as by uvx, takes its time."""
_LONGEST_LOG = 1_000_000
_DEATHS = 3
T = TypeVar("T")


class Gone(Exception):
    """The server stopped, or gave no answer in time: whether it did what it was told is unknown."""


class Refused(Exception):
    """The server answered that it will not."""


class Live:
    """A server's connection. `changed` is called when it says that its tools are others now."""

    def __init__(self, served: Served, folder: Path, changed: Callable[[], None]) -> None:
        self.served = served
        self._log = folder / "server.log"
        self._changed = changed
        self._task: asyncio.Task[None] | None = None
        self._client: Client | None = None
        self._leave = asyncio.Event()
        self._starting = asyncio.Lock()
        self._deaths = 0

    @property
    def now(self) -> Client | None:
        """The client, if the server runs."""
        return self._client

    async def client(self) -> Client:
        """The connected client; starts the server if it does not run.

        Raises SetupError, with the fix, where that fails or has failed too often.
        """
        async with self._starting:
            if self._client is None:
                if self._deaths >= _DEATHS:
                    raise self._broken("it stopped again and again")
                await self._start()
            assert self._client
            return self._client

    async def ask(self, question: Callable[[Client], Awaitable[T]]) -> T:
        """Ask the server something. Raises SetupError before anything was sent, Refused or Gone."""
        client = await self.client()
        try:
            async with asyncio.timeout(self.served.table.seconds):
                answer = await question(client)
        except MCPError as error:
            if error.code == REQUEST_TIMEOUT:
                raise Gone("gave no answer in time") from error
            if error.code == CONNECTION_CLOSED:
                await self._lost()
                raise Gone("stopped in the middle") from error
            raise Refused(one_line(error.message, 500)) from error
        except TimeoutError as error:
            raise Gone("gave no answer in time") from error
        except (pydantic.ValidationError, RuntimeError) as error:
            raise Gone(f"answered what makes no sense: {one_line(str(error), 200)}") from error
        except Exception as error:
            if isinstance(leaf(error), SignInNeeded):
                raise self._locked() from error
            await self._lost()
            raise Gone(f"broke off: {one_line(str(leaf(error)), 200)}") from error
        self._deaths = 0
        return answer

    async def close(self) -> None:
        """Let the server go; it is ended if it does not end by itself."""
        task, self._task, self._client = self._task, None, None
        self._leave.set()
        if task:
            with suppress(Exception):
                await task

    async def _lost(self) -> None:
        self._deaths += 1
        await self.close()

    async def _start(self) -> None:
        loop = asyncio.get_running_loop()
        ready: asyncio.Future[Client] = loop.create_future()
        self._leave = asyncio.Event()
        self._task = asyncio.create_task(self._keep(ready, self._leave))
        try:
            async with asyncio.timeout(_START_SECONDS):
                self._client = await asyncio.shield(ready)
        except BaseException as error:
            self._deaths += 1
            task, self._task = self._task, None
            self._leave.set()
            if task:
                task.cancel()
                with suppress(BaseException):
                    await task
            cause = leaf(error)
            if isinstance(cause, SetupError):
                raise cause from error
            if isinstance(cause, SignInNeeded):
                raise self._locked() from error
            if isinstance(cause, TimeoutError):
                raise self._broken(f"no answer within {_START_SECONDS:.0f} seconds") from error
            if isinstance(cause, Exception):
                raise self._broken(_words(cause, self.served)) from error
            raise

    async def _keep(self, ready: "asyncio.Future[Client]", leave: asyncio.Event) -> None:
        try:
            async with self._opened() as client:
                if not ready.done():
                    ready.set_result(client)
                async with AsyncExitStack() as stack:
                    await self._listen(client, stack)
                    await leave.wait()
        except BaseException as error:
            if not ready.done():
                ready.set_exception(error)
                return
            if not isinstance(error, Exception):
                raise

    async def _listen(self, client: Client, stack: AsyncExitStack) -> None:
        """Servers of the newer protocol tell of changed tools only to those who listen."""
        tools = client.server_capabilities.tools
        if client.protocol_version < "2026" or not (tools and tools.list_changed):
            return
        with suppress(Exception):
            told = await stack.enter_async_context(client.listen(tools_list_changed=True))

            async def follow() -> None:
                with suppress(Exception):
                    async for _ in told:
                        self._changed()

            task = asyncio.create_task(follow())
            stack.callback(task.cancel)

    @asynccontextmanager
    async def _opened(self) -> AsyncGenerator[Client, None]:
        logging.getLogger("mcp").setLevel(logging.CRITICAL)  # it would write into our output
        table = self.served.table
        async with AsyncExitStack() as stack:
            if table.url:
                http = web(self.served, await SignIn.silent(self.served))
                await stack.enter_async_context(http)
                transport = streamable_http_client(table.url, http_client=http)
            else:
                log = stack.enter_context(self._opened_log().open("a", errors="replace"))
                command, *arguments = table.command
                transport = stdio_client(
                    StdioServerParameters(
                        command=command,
                        args=arguments,
                        env=self.served.env(),
                        cwd=table.folder or None,
                        encoding_error_handler="replace",
                    ),
                    errlog=log,
                )
            yield await stack.enter_async_context(
                Client(
                    transport,
                    read_timeout_seconds=table.seconds,
                    message_handler=self._heard,
                    client_info=Implementation(name="m2agent", version="1"),
                    cache=None,
                )
            )

    async def _heard(self, message: IncomingMessage) -> None:
        if isinstance(message, ToolListChangedNotification):
            self._changed()

    def _opened_log(self) -> Path:
        private(self._log.parent)
        if self._log.exists() and self._log.stat().st_size > _LONGEST_LOG:
            self._log.replace(self._log.with_suffix(".old.log"))
        return self._log

    def unusable(self, error: Exception) -> SetupError:
        """The words for a server that fails before any run has begun."""
        cause = leaf(error)
        if isinstance(cause, SignInNeeded):
            return self._locked()
        return self._broken(_words(cause, self.served) if isinstance(cause, Exception) else "")

    def _broken(self, why: str) -> SetupError:
        said = self._last_line()
        return SetupError(
            f"The MCP server {self.served.name!r} ({self.served.where}) cannot be used: {why}."
            + (f" It said last: {said}" if said else ""),
            fix=f"See what is wrong: m2agent mcp test {self.served.name}",
        )

    def _locked(self) -> SetupError:
        return SetupError(
            f"The MCP server {self.served.name!r} asks you to sign in.",
            fix=f"Run: m2agent mcp login {self.served.name}",
        )

    def _last_line(self) -> str:
        try:
            lines = self._log.read_text("utf-8", errors="replace")[-2_000:].strip().splitlines()
        except OSError:
            return ""
        return one_line(lines[-1], 200) if lines and not self.served.table.url else ""


def leaf(error: BaseException) -> BaseException:
    """The error itself, out of the groups that tasks wrap it in."""
    if isinstance(error, BaseExceptionGroup):
        group = cast("BaseExceptionGroup[BaseException]", error)
        return leaf(group.exceptions[0])
    return error


def _words(error: Exception, served: Served) -> str:
    if isinstance(error, FileNotFoundError):
        return f"there is no command {served.table.command[0]!r}"
    if isinstance(error, PermissionError):
        return f"{served.table.command[0]!r} cannot be started: {error.strerror}"
    if isinstance(error, MCPError) and error.code == CONNECTION_CLOSED:
        return "it stopped before it said anything"
    return one_line(str(error), 300).rstrip(".") or type(error).__name__
