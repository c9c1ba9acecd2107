"""An MCP server that asks for a sign-in: OAuth by the official SDK, in a thread, on loopback."""

import secrets
import socket
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import uvicorn
from mcp.server.auth.provider import (
    AccessToken,
    AuthorizationCode,
    AuthorizationParams,
    OAuthAuthorizationServerProvider,
    RefreshToken,
    construct_redirect_uri,
)
from mcp.server.auth.settings import AuthSettings, ClientRegistrationOptions
from mcp.server.mcpserver import MCPServer
from mcp.shared.auth import OAuthClientInformationFull, OAuthToken
from mcp_types import ToolAnnotations
from pydantic import AnyHttpUrl


class Door(OAuthAuthorizationServerProvider[AuthorizationCode, RefreshToken, AccessToken]):
    """Whoever comes in a browser is let in, unless the door is `shut`; keys can be taken back."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.shut = False
        self.signed_in = 0
        self.renewed = 0
        self._clients: dict[str, OAuthClientInformationFull] = {}
        self._codes: dict[str, AuthorizationCode] = {}
        self._access: dict[str, AccessToken] = {}
        self._refresh: dict[str, RefreshToken] = {}

    @property
    def keys(self) -> list[str]:
        """All that must never be seen."""
        return [*self._access, *self._refresh]

    def expire(self) -> None:
        """What lets in now does no more; it can be renewed."""
        self._access.clear()

    def revoke(self) -> None:
        """Only a person can go on from here."""
        self._access.clear()
        self._refresh.clear()

    async def get_client(self, client_id: str) -> OAuthClientInformationFull | None:
        return self._clients.get(client_id)

    async def register_client(self, client_info: OAuthClientInformationFull) -> None:
        assert client_info.client_id
        self._clients[client_info.client_id] = client_info

    async def authorize(
        self, client: OAuthClientInformationFull, params: AuthorizationParams
    ) -> str:
        back = str(params.redirect_uri)
        if self.shut:
            words = "Only for <b>members</b>."
            return construct_redirect_uri(
                back, error="access_denied", error_description=words, state=params.state
            )
        code = secrets.token_urlsafe(32)
        self._codes[code] = AuthorizationCode(
            code=code,
            client_id=client.client_id or "",
            scopes=params.scopes or [],
            expires_at=time.time() + 300,
            **params.model_dump(include={"code_challenge", "resource"}),
            redirect_uri=params.redirect_uri,
            redirect_uri_provided_explicitly=params.redirect_uri_provided_explicitly,
        )
        return construct_redirect_uri(back, code=code, state=params.state)

    async def load_authorization_code(
        self, client: OAuthClientInformationFull, authorization_code: str
    ) -> AuthorizationCode | None:
        return self._codes.get(authorization_code)

    async def exchange_authorization_code(
        self, client: OAuthClientInformationFull, authorization_code: AuthorizationCode
    ) -> OAuthToken:
        self.signed_in += 1
        del self._codes[authorization_code.code]
        return self._keys(authorization_code.client_id)

    async def load_refresh_token(
        self, client: OAuthClientInformationFull, refresh_token: str
    ) -> RefreshToken | None:
        return self._refresh.get(refresh_token)

    async def exchange_refresh_token(
        self, client: OAuthClientInformationFull, refresh_token: RefreshToken, scopes: list[str]
    ) -> OAuthToken:
        self.renewed += 1
        del self._refresh[refresh_token.token]
        return self._keys(refresh_token.client_id)

    async def load_access_token(self, token: str) -> AccessToken | None:
        return self._access.get(token)

    async def revoke_token(self, token: AccessToken | RefreshToken) -> None:
        self._access.pop(token.token, None)
        self._refresh.pop(token.token, None)

    def _keys(self, client: str) -> OAuthToken:
        access, refresh = (f"{kind}-{secrets.token_urlsafe(32)}" for kind in ("access", "refresh"))
        self._access[access] = AccessToken(token=access, client_id=client, scopes=[])
        self._refresh[refresh] = RefreshToken(token=refresh, client_id=client, scopes=[])
        return OAuthToken(access_token=access, refresh_token=refresh, expires_in=3600)


@contextmanager
def serving() -> Generator[Door, None, None]:
    """The door of a running server; its tool `look` is behind it."""
    listening = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    door = Door(url)
    auth = AuthSettings(
        issuer_url=AnyHttpUrl(url),
        resource_server_url=AnyHttpUrl(f"{url}/mcp"),
        client_registration_options=ClientRegistrationOptions(enabled=True),
        validate_token_resource=False,
    )
    server = MCPServer("locked", auth_server_provider=door, auth=auth, log_level="CRITICAL")

    async def look() -> str:
        return "It is quiet behind the door."

    quiet = ToolAnnotations(read_only_hint=True, open_world_hint=False)
    server.add_tool(look, annotations=quiet)
    config: Any = uvicorn.Config(server.streamable_http_app(), log_level="critical")
    running = uvicorn.Server(config)
    thread = threading.Thread(target=running.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        yield door
    finally:
        running.should_exit = running.force_exit = True
        thread.join()
        listening.close()
