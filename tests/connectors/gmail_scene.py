"""Gmail as the emulator `emulate` plays it, on loopback, with a proxy of faults before it."""

import json
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.request
from base64 import urlsafe_b64encode
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email import message_from_bytes
from pathlib import Path
from typing import Any
from urllib.error import URLError

import pytest

EMULATE = "emulate@0.11.2"
ADDRESS = "me@office.example"
# It cuts the operator off one letter short, and so never finds a Message-ID.
WRONG, RIGHT = "cleaned.slice(11).replace", "cleaned.slice(12).replace"
_INSTALL_SECONDS, _START_SECONDS = 240, 30


@dataclass(frozen=True)
class Emulator:
    """A running emulator with one mailbox."""

    url: str

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """Ask it directly, past every proxy and past the code under test."""
        request = urllib.request.Request(
            f"{self.url}/gmail/v1/users/me/{path}",
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": "Bearer tok", "Content-Type": "application/json"},
            method=method,
        )
        with urllib.request.urlopen(request, timeout=20) as answer:
            text = answer.read()
        return json.loads(text) if text else {}

    def clear(self) -> None:
        """Take everything out of the mailbox again."""
        for one in self.call("GET", "messages?maxResults=500&includeSpamTrash=true")["messages"]:
            self.call("DELETE", f"messages/{one['id']}")
        for label in self.call("GET", "labels")["labels"]:
            if label["type"] == "user":
                self.call("DELETE", f"labels/{label['id']}")

    def add(self, raw: bytes, labels: Iterable[str], thread: str | None = None) -> str:
        """Put a mail in, under labels that are made if they are new; its id."""
        known = {one["name"]: one["id"] for one in self.call("GET", "labels")["labels"]}
        for name in labels:
            if name not in known:
                known[name] = self.call("POST", "labels", {"name": name})["id"]
        body: dict[str, Any] = {
            "raw": urlsafe_b64encode(raw).decode(),
            "labelIds": [known[name] for name in labels],
        }
        if thread:
            body["threadId"] = thread
        return self.call("POST", "messages", body)["id"]

    def draft(self, raw: bytes) -> str:
        """Put a draft in; its id."""
        body = {"message": {"raw": urlsafe_b64encode(raw).decode()}}
        return self.call("POST", "drafts", body)["id"]

    def sent(self) -> list[str]:
        """The subjects of the mails that left."""
        found = self.call("GET", "messages?labelIds=SENT&maxResults=500").get("messages") or []
        mails = [self.call("GET", f"messages/{one['id']}") for one in found]
        headers = [header for mail in mails for header in mail["payload"]["headers"]]
        return sorted(one["value"] for one in headers if one["name"] == "Subject")


def node() -> Path:
    """The emulator's program, installed once in the cache; skips where that cannot be."""
    if not shutil.which("node") or not shutil.which("npm"):
        pytest.skip("needs Node and npm for Gmail's emulator")
    home = Path(pwd.getpwuid(os.getuid()).pw_dir)
    place = home / ".cache/m2agent-tests" / EMULATE.replace("@", "-")
    program = place / "node_modules/emulate/dist/index.js"
    if program.exists():
        return program
    place.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(dir=place.parent))
    try:
        subprocess.run(
            ["npm", "install", "--no-audit", "--no-fund", "--prefix", str(fresh), EMULATE],
            env=_plain_environment(home),
            check=True,
            capture_output=True,
            timeout=_INSTALL_SECONDS,
        )
        for script in (fresh / "node_modules/emulate/dist").glob("*.js"):
            text = script.read_text("utf-8")
            if WRONG in text:
                script.write_text(text.replace(WRONG, RIGHT), "utf-8")
        fresh.rename(place)
    except (subprocess.SubprocessError, OSError) as error:
        shutil.rmtree(fresh, ignore_errors=True)
        if not program.exists():  # another process may have been faster
            pytest.skip(f"npm cannot install {EMULATE}: {error}")
    return program


@contextmanager
def running() -> Iterator[Emulator]:
    """The emulator, with an empty mailbox."""
    program = node()
    with tempfile.TemporaryDirectory() as folder:
        seed = Path(folder, "seed.json")
        user = {"email": ADDRESS, "name": "Mia Sand"}
        scopes = ["https://www.googleapis.com/auth/gmail.modify"]
        seed.write_text(
            json.dumps(
                {
                    "tokens": {"tok": {"login": ADDRESS, "scopes": scopes}},
                    "google": {"users": [user]},
                }
            )
        )
        port = free_port()
        command = ["node", str(program), "start", "-s", "google", "-p", str(port), "--seed", seed]
        with subprocess.Popen(
            command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as process:
            try:
                emulator = Emulator(f"http://127.0.0.1:{port}")
                _wait(emulator, process)
                emulator.clear()
                yield emulator
            finally:
                process.send_signal(signal.SIGTERM)


def token_file(folder: Path, url: str, bearer: str = "tok") -> Path:
    """A token as M2AGENT_GMAIL_TOKEN_FILE names it, renewed at the emulator.

    Every `bearer` is a way into the one mailbox, and has its own quota of 5,000 requests an hour.
    """
    path = folder / "token.json"
    path.write_text(
        json.dumps(
            {
                "type": "authorized_user",
                "client_id": "client",
                "client_secret": "secret",
                "refresh_token": "refresh",
                "token": bearer,
                "token_uri": f"{url}/oauth2/token",
            }
        )
    )
    return path


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def labels_of(raw: bytes) -> list[str]:
    """The labels that a test's mail asks for, as Google's own exports name them."""
    asked = str(message_from_bytes(raw)["X-Gmail-Labels"] or "Inbox,Unread")
    system = {"Inbox": "INBOX", "Unread": "UNREAD", "Sent": "SENT", "Spam": "SPAM"}
    return [system.get(name, name) for name in asked.split(",")]


def _wait(emulator: Emulator, process: "subprocess.Popen[bytes]") -> None:
    end = time.monotonic() + _START_SECONDS
    while time.monotonic() < end and process.poll() is None:
        try:
            emulator.call("GET", "labels")
            return
        except (URLError, OSError):
            time.sleep(0.1)
    pytest.skip("Gmail's emulator does not start here")


def _plain_environment(home: Path) -> dict[str, str]:
    """The person's own environment, without the dead ends that tests otherwise run into."""
    kept = {k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy")}
    return {**kept, "HOME": str(home)}
