"""A server that asks for a sign-in: once in a browser, then silently, until it is taken back."""

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import locked_server
import pytest
from command import Command, Done, call

_BROWSER = """
import sys, urllib.request
print(urllib.request.urlopen(sys.argv[1]).read().decode(), file=open({seen!r}, "w"))
"""


@pytest.fixture
def door() -> Iterator[locked_server.Door]:
    with locked_server.serving() as door:
        yield door


class Person:
    """Somebody at a desk with a browser, and the pages that they have seen in it."""

    def __init__(self, m2agent: Command, door: locked_server.Door) -> None:
        self.m2agent = m2agent
        self.door = door
        self.seen = m2agent.folder / "seen.html"
        browser = m2agent.folder / "browser.py"
        browser.write_text(_BROWSER.format(seen=str(self.seen)))
        self._browser = f"{sys.executable} {browser} %s"
        m2agent.home.mkdir()
        (m2agent.home / "config.toml").write_text(f'[mcp.attic]\nurl = "{door.url}/mcp"\n')

    def signs_in(self) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            self.m2agent.argv("mcp", "login", "attic", "--store", "file"),
            env={**self.m2agent.environment(), "BROWSER": self._browser},
            capture_output=True,
            text=True,
            timeout=120,
        )

    def looks(self) -> Done:
        model = self.m2agent.script({"calls": [call("attic_look")]}, {"text": "It is quiet."})
        return self.m2agent("run", "Look into the attic.", "--model", model, "--events")


@pytest.fixture
def person(m2agent: Command, door: locked_server.Door) -> Person:
    return Person(m2agent, door)


def looked(done: Done) -> dict[str, Any]:
    assert done.code == 0, done.err
    return next(event for event in done.events if event["type"] == "returned")


def test_one_signs_in_once_and_it_is_renewed_until_it_is_taken_back(person: Person) -> None:
    door, m2agent = person.door, person.m2agent
    locked = person.looks()
    assert (locked.code, locked.out) == (3, "")
    assert "asks you to sign in" in locked.err
    assert "m2agent mcp login attic" in locked.err

    done = person.signs_in()
    assert done.returncode == 0, done.stderr
    assert "attic_look" in done.stdout
    assert "You are signed in." in person.seen.read_text()
    assert looked(person.looks())["text"] == "It is quiet behind the door."

    door.expire()
    assert looked(person.looks())["ok"]
    assert looked(person.looks())["ok"]
    assert (door.signed_in, door.renewed) == (1, 1)

    keys = [*door.keys]
    door.revoke()
    again = person.looks()
    assert (again.code, again.out) == (3, "")
    assert "m2agent mcp login attic" in again.err

    assert keys
    written = [path for path in m2agent.home.rglob("*") if path.is_file()]
    public = [path for path in written if "secrets" not in path.parts]
    assert public
    for key in keys:
        assert key not in done.stdout + done.stderr + again.err
        assert not [path for path in public if key.encode() in path.read_bytes()]

    assert m2agent("mcp", "remove", "attic").code == 0
    assert not [path for path in (m2agent.home / "secrets").glob("*") if path.is_file()]


def test_a_server_that_says_no_is_told_in_its_words(person: Person) -> None:
    person.door.shut = True
    done = person.signs_in()
    assert done.returncode == 3
    assert "Only for <b>members</b>." in done.stderr
    assert "Only for &lt;b&gt;members&lt;/b&gt;." in person.seen.read_text()
