"""HTTP for Google's client library, without its habit of asking twice.

httplib2, which that library comes with, sends any request again when the connection breaks before
the answer, with all retries switched off, too: a mail would leave twice. Here a request is sent
once, and who asked is told what is known about its fate.
"""

import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING

from m2agent_connectors.gmail.token import Token, Unreachable

if TYPE_CHECKING:
    import httplib2
    import requests

_CONNECT = 10.0  # seconds
_LARGEST = 150_000_000  # bytes; a mail of 50 MB and what its coding adds
_CHUNK = 1 << 16


class Lost(Exception):
    """The request may have been carried out; its answer did not come."""


class Transport:
    """Stands where the library expects an `httplib2.Http`."""

    def __init__(self, token: Token, timeout: float) -> None:
        self._token = token
        self._timeout = timeout
        self._local = threading.local()
        self._sessions: list[requests.Session] = []

    def close(self) -> None:
        for session in self._sessions:
            session.close()

    def request(
        self,
        uri: str,
        method: str = "GET",
        body: bytes | str | None = None,
        headers: Mapping[str, str] | None = None,
        **_: object,
    ) -> "tuple[httplib2.Response, bytes]":
        """Send it, and once more only after a 401, which says that nothing was done.

        Raises Unreachable when it was not sent, Lost when its answer did not come.
        """
        bearer = self._token.bearer()
        response, content = self._send(uri, method, body, headers, bearer)
        if response.status == 401:
            bearer = self._token.bearer(instead_of=bearer)
            response, content = self._send(uri, method, body, headers, bearer)
        return response, content

    def _send(
        self,
        uri: str,
        method: str,
        body: bytes | str | None,
        headers: Mapping[str, str] | None,
        bearer: str,
    ) -> "tuple[httplib2.Response, bytes]":
        import httplib2
        import requests
        from urllib3.exceptions import NewConnectionError

        sent = {**(headers or {}), "Authorization": f"Bearer {bearer}"}
        # What changes something goes out on a connection of its own: one that was kept open may
        # have been closed by the other side, and then nobody knows how far the request came.
        session = self._session() if method == "GET" else requests.Session()
        try:
            with session.request(
                method,
                uri,
                data=body,
                headers=sent,
                timeout=(_CONNECT, self._timeout),
                allow_redirects=False,
                stream=True,
            ) as answer:
                content = _read(answer)
                fields = {name.lower(): value for name, value in answer.headers.items()}
                response = httplib2.Response({**fields, "status": str(answer.status_code)})
                response.reason = answer.reason or ""
                return response, content
        except requests.exceptions.ConnectTimeout as error:
            raise Unreachable("Gmail cannot be reached: no connection in time.") from error
        except requests.exceptions.ConnectionError as error:
            cause = getattr(error.args[0] if error.args else None, "reason", None)
            if isinstance(cause, NewConnectionError):
                raise Unreachable("Gmail cannot be reached.") from error
            raise Lost("The connection to Gmail broke before its answer came.") from error
        except requests.exceptions.Timeout as error:
            raise Lost(f"Gmail gave no answer within {self._timeout:.0f} seconds.") from error
        except requests.exceptions.RequestException as error:
            raise Lost(f"Gmail's answer broke off: {type(error).__name__}.") from error
        finally:
            if method != "GET":
                session.close()

    def _session(self) -> "requests.Session":
        import requests

        if not hasattr(self._local, "session"):
            self._local.session = requests.Session()
            self._sessions.append(self._local.session)
        return self._local.session


def _read(answer: "requests.Response") -> bytes:
    content = bytearray()
    for chunk in answer.iter_content(_CHUNK):
        content += chunk
        if len(content) > _LARGEST:
            raise Lost(f"Gmail's answer is larger than {_LARGEST // 1_000_000} MB.")
    return bytes(content)
