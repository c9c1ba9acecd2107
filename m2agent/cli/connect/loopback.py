"""Waits on this machine for a browser to come back from a sign-in, or for its address, pasted.

Only an answer with the right `state` counts: whatever else knocks at the port is sent away, and
the waiting goes on. It ends after a time limit.
"""

import queue
import sys
import threading
import webbrowser
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from os import environ
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

import click

from m2agent.errors import SetupError

_BACK = "You are signed in. Close this window and go back to m2agent."
_DENIED = "Nothing was allowed. Close this window and go back to m2agent."
_DISPLAYS = ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")

Answer = Mapping[str, str]


class Loopback:
    """A port of this machine, open while the block runs; 0 for any that is free."""

    def __init__(self, state: str, port: int = 0) -> None:
        self._state = state
        self._answers: queue.SimpleQueue[Answer] = queue.SimpleQueue()
        try:
            self._server = ThreadingHTTPServer(("127.0.0.1", port), self._handler())
        except OSError as error:
            raise SetupError(
                f"The port {port} of this machine cannot be used: {error.strerror}.",
                fix="Close what uses it, or name another one: --port NUMBER",
            ) from error
        self.port: int = self._server.server_address[1]

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def wait(self, minutes: float, *, pasted: bool) -> Answer:
        """What the service answered; with `pasted` also by an address on standard input.

        Raises SetupError when the time is over.
        """
        if pasted:
            threading.Thread(target=self._read_pasted, daemon=True).start()
        try:
            return self._answers.get(timeout=minutes * 60)
        except queue.Empty as error:
            raise SetupError(
                f"Nobody signed in within {minutes:g} minutes, so nothing was connected.",
                fix="Run it again; --minutes gives more time, and on a machine without a browser"
                " there is --no-browser",
            ) from error

    def take(self, address: str) -> bool:
        """Take the answer out of an address the browser came to; whether there was one in it."""
        answer = dict(parse_qsl(urlsplit(address.strip()).query))
        if answer.get("state") != self._state or not answer.keys() & {"code", "error"}:
            return False
        self._answers.put(answer)
        return True

    def _read_pasted(self) -> None:
        for line in sys.stdin:
            if self.take(line):
                return
            if line.strip():
                words = "That address holds no answer. Copy the whole of it, as it begins with http"
                click.echo(f"{words}://", err=True)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        take = self.take

        class Handler(BaseHTTPRequestHandler):
            timeout = 10

            def do_GET(self) -> None:
                taken = take(self.path)
                words = _DENIED if "error=" in self.path else _BACK
                page = f"<!doctype html><title>m2agent</title><p>{words if taken else 'Nothing.'}"
                self.send_response(200 if taken else 404)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                self.send_header("Content-Length", str(len(page)))
                self.end_headers()
                self.wfile.write(page.encode())

            def log_message(self, format: str, *args: Any) -> None:
                """The terminal is the person's."""

        return Handler


def sign_in(
    loopback: Loopback, url: str, redirect: str, *, browser: bool, minutes: float
) -> Answer:
    """Send the person to an address, and wait until they come back to `redirect`."""
    browser = browser and _has_browser() and webbrowser.open(url)
    if browser:
        click.echo("Your browser opens. If it does not, open this address in it:", err=True)
    else:
        click.echo("Open this address in a browser, on any machine:", err=True)
    click.echo(f"\n  {url}\n", err=True)
    if not browser:
        click.echo(
            f"When you have said yes, the browser goes to an address that begins with {redirect}\n"
            "On another machine that page cannot be shown: then copy its whole address and paste"
            " it here.",
            err=True,
        )
    return loopback.wait(minutes, pasted=not browser)


def _has_browser() -> bool:
    """Whether a window can open before the person: not on a machine reached over ssh, unless its
    windows come along; and on Linux a terminal's browser would take the terminal away."""
    if any(environ.get(name) for name in _DISPLAYS):
        return True
    return sys.platform != "linux" and "SSH_CONNECTION" not in environ
