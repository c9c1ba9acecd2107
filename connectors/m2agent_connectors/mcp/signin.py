"""OAuth for servers that ask for it: signing in once in a browser, tokens in the vault."""

import asyncio
import html
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import ExitStack, aclosing
from urllib.parse import parse_qs, urlsplit

import httpx2
from mcp.client.auth import OAuthClientProvider
from mcp.shared.auth import (
    AuthorizationCodeResult,
    OAuthClientInformationFull,
    OAuthClientMetadata,
    OAuthToken,
)
from pydantic import AnyUrl, BaseModel, ValidationError

from m2agent import vault
from m2agent.errors import SetupError
from m2agent_connectors.mcp.served import Served, secret_name

_PATIENCE_SECONDS = 300.0


class SignInNeeded(Exception):
    """Only a person can go on from here."""


class _Kept(BaseModel):
    tokens: OAuthToken | None = None
    client: OAuthClientInformationFull | None = None


class Storage:
    """What the SDK keeps of a sign-in, as one secret of the vault."""

    def __init__(self, served: Served, *, in_file: bool | None = None) -> None:
        self.name = secret_name(served.name, "oauth")
        self._in_file = in_file

    async def get_tokens(self) -> OAuthToken | None:
        return (await self._read()).tokens

    async def set_tokens(self, tokens: OAuthToken) -> None:
        await self._write((await self._read()).model_copy(update={"tokens": tokens}))

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        return (await self._read()).client

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        await self._write((await self._read()).model_copy(update={"client": client_info}))

    async def _read(self) -> _Kept:
        found = await asyncio.to_thread(vault.read, self.name)
        try:
            return _Kept.model_validate_json(found) if found else _Kept()
        except ValidationError:
            return _Kept()

    async def _write(self, kept: _Kept) -> None:
        """Where it was kept before, unless it is said where."""
        in_file = self._in_file
        if in_file is None:
            in_file = await asyncio.to_thread(vault.is_in_file, self.name)
        await asyncio.to_thread(
            vault.keep, self.name, kept.model_dump_json(exclude_none=True), in_file=in_file
        )


class _Stranger(httpx2.Auth):
    """Nobody has signed in: what the server locks stays locked."""

    def auth_flow(self, request: httpx2.Request) -> Generator[httpx2.Request, httpx2.Response]:
        response = yield request
        if response.status_code == 401:
            raise SignInNeeded


class _Renewing(httpx2.Auth):
    """A kept sign-in. The SDK does not know when what was kept has run out, so it is tried.

    Where the server refuses it, what another process has kept meanwhile is used, or it is renewed,
    by one process at a time; only then a person is needed.
    """

    requires_response_body = True

    def __init__(self, provider: OAuthClientProvider, storage: Storage) -> None:
        self._provider = provider
        self._storage = storage

    async def async_auth_flow(
        self, request: httpx2.Request
    ) -> AsyncGenerator[httpx2.Request, httpx2.Response]:
        with ExitStack() as turn:
            for attempt in ("as it is", "as kept", "renewed"):
                if attempt == "as kept":
                    lock = vault.alone(self._storage.name)
                    await asyncio.to_thread(turn.enter_context, lock)
                if not await self._ready(attempt):
                    continue
                async with aclosing(self._provider.async_auth_flow(request)) as flow:
                    try:
                        outgoing = await anext(flow)
                        while True:
                            if attempt == "renewed" and outgoing is request:
                                turn.close()  # it is renewed and kept: the next one may come
                            outgoing = await flow.asend((yield outgoing))
                    except StopAsyncIteration:
                        return
                    except SignInNeeded:
                        request.headers.pop("Authorization", None)
            raise SignInNeeded

    async def _ready(self, attempt: str) -> bool:
        """Prepare the attempt; whether there is any sense in it."""
        context = self._provider.context
        if attempt == "as kept":
            kept = await self._storage.get_tokens()
            if kept is None or kept == context.current_tokens:
                return False
            context.current_tokens, context.token_expiry_time = kept, None
        if attempt == "renewed":
            context.token_expiry_time = 1.0  # long ago
            return context.can_refresh_token()
        return True


class SignIn:
    """Ways to sign in to a server."""

    @staticmethod
    async def silent(served: Served) -> httpx2.Auth | None:
        """By what is kept, renewed where needed; raises SignInNeeded where a person is needed."""
        if any(key.lower() == "authorization" for key in served.table.headers):
            return None
        storage = Storage(served)
        if await storage.get_tokens() is None:
            return _Stranger()

        async def nobody(address: str) -> None:
            raise SignInNeeded

        async def never() -> AuthorizationCodeResult:
            raise SignInNeeded

        provider = _provider(served, storage, "http://127.0.0.1/callback", nobody, never)
        return _Renewing(provider, storage)

    @staticmethod
    async def in_browser(
        served: Served,
        show: Callable[[str], Awaitable[None]],
        use: Callable[[OAuthClientProvider], Awaitable[None]],
        *,
        in_file: bool,
    ) -> None:
        """Have a person sign in: `show` gets the address to open, `use` runs a request."""
        came: asyncio.Future[AuthorizationCodeResult] = asyncio.get_running_loop().create_future()
        server = await asyncio.start_server(
            lambda reader, writer: _answer(reader, writer, came), "127.0.0.1", 0
        )
        port = server.sockets[0].getsockname()[1]

        async def callback() -> AuthorizationCodeResult:
            try:
                return await asyncio.wait_for(came, _PATIENCE_SECONDS)
            except TimeoutError as error:
                raise SetupError(
                    "Nobody signed in within five minutes.",
                    fix=f"Try again: m2agent mcp login {served.name}",
                ) from error

        # Anew: what was registered for an earlier sign-in names another port.
        await asyncio.to_thread(vault.forget, secret_name(served.name, "oauth"))
        storage = Storage(served, in_file=in_file)
        address = f"http://127.0.0.1:{port}/callback"
        async with server:
            await use(_provider(served, storage, address, show, callback))


def web(served: Served, auth: httpx2.Auth | None) -> httpx2.AsyncClient:
    """The way to a server's url; answers may be long in coming, and are streams."""
    timeout = httpx2.Timeout(30.0, read=300.0)
    return httpx2.AsyncClient(headers=served.headers(), auth=auth, timeout=timeout)


def _provider(
    served: Served,
    storage: Storage,
    address: str,
    show: Callable[[str], Awaitable[None]],
    callback: Callable[[], Awaitable[AuthorizationCodeResult]],
) -> OAuthClientProvider:
    metadata = OAuthClientMetadata(
        client_name="m2agent",
        redirect_uris=[AnyUrl(address)],
        grant_types=["authorization_code", "refresh_token"],
        response_types=["code"],
        token_endpoint_auth_method="none",
    )
    return OAuthClientProvider(served.table.url, metadata, storage, show, callback)


async def _answer(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    came: "asyncio.Future[AuthorizationCodeResult]",
) -> None:
    """The browser comes back with a code, or with the reason why there is none."""
    line = (await reader.readline()).decode("latin-1").split()
    given = parse_qs(urlsplit(line[1]).query) if len(line) > 1 else {}
    said = "You are signed in. This window can be closed."
    if not came.done():
        if "code" in given:
            came.set_result(
                AuthorizationCodeResult(
                    code=given["code"][0],
                    state=given.get("state", [None])[0],
                    iss=given.get("iss", [None])[0],
                )
            )
        elif "error" in given:
            said = given.get("error_description", given["error"])[0]
            came.set_exception(
                SetupError(f"The server said no: {said}", fix="Sign in with another account.")
            )
    body = f"<p>{html.escape(said)}</p>".encode()
    writer.write(
        b"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nConnection: close\r\n"
        b"Content-Length: " + str(len(body)).encode() + b"\r\n\r\n" + body
    )
    await writer.drain()
    writer.close()
