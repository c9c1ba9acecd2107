"""`m2agent connect gmail`, as a process of its own, with the emulator's sign-in page."""

import json
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

sys.path.insert(0, str(Path(__file__).parents[1] / "connectors"))

from command import Command, Done
from gmail_server import Gmail, running

PERSON = """
import html, re, sys, requests
url = sys.argv[1]
forms = requests.get(url, timeout=60).text.split("<form")
form = next(form for form in forms if 'value="{email}"' in form).split("</form>")[0]
pairs = re.findall(r'name="(.*?)" value="(.*?)"', form)
fields = {name: html.unescape(value) for name, value in pairs}
requests.post(url.split("/o/oauth2")[0] + "/o/oauth2/v2/auth/callback", fields, timeout=60)
"""
"""A browser, and somebody in front of it who says yes."""


@pytest.fixture(scope="module")
def gmail() -> Iterator[Gmail]:
    with running() as emulator:
        yield emulator


@dataclass
class Desk:
    """A machine with a browser, and a person who has the client's file."""

    m2agent: Command
    gmail: Gmail

    def client(self) -> str:
        """The downloaded file of a Desktop client."""
        installed = {
            "client_id": "me.apps.example",
            "client_secret": "shh-client",
            "auth_uri": f"{self.gmail.url}/o/oauth2/v2/auth",
            "token_uri": f"{self.gmail.url}/oauth2/token",
        }
        file = self.m2agent.folder / "client_secret.json"
        file.write_text(json.dumps({"installed": installed}))
        return str(file)

    def connect(self, *more: str, email: str = "u1@office.example", browser: str = "") -> Done:
        script = self.m2agent.folder / "person.py"
        script.write_text(PERSON.replace("{email}", email))
        command = browser or f"{sys.executable} {script} %s"
        arguments = ["connect", "gmail", "--root-url", self.gmail.url, "--store", "file", *more]
        return self.m2agent(*arguments, shell=f"BROWSER={command!r} {{}}")

    def kept(self, account: str = "mail") -> dict[str, Any]:
        return json.loads((self.m2agent.home / "secrets" / f"gmail%2F{account}").read_text())

    def accounts(self) -> dict[str, Any]:
        return tomllib.loads((self.m2agent.home / "config.toml").read_text())["accounts"]


@pytest.fixture
def desk(tmp_path: Path, gmail: Gmail) -> Desk:
    return Desk(Command(tmp_path), gmail)


def test_a_sign_in_is_kept_tried_and_written_down(desk: Desk) -> None:
    done = desk.connect("--client", desk.client())
    assert done.code == 0, done.err
    assert "Connected to u1@office.example, to read and write." in done.out
    assert "has not verified this app" in done.err
    kept = desk.kept()
    assert kept["refresh_token"].startswith("google_refresh_")
    assert kept["scopes"] == ["https://www.googleapis.com/auth/gmail.modify"]
    assert "token" not in kept
    for secret in (kept["refresh_token"], "shh-client"):
        assert secret not in done.out + done.err
    assert desk.accounts() == {
        "notes": {"connector": "local-notes"},
        "shell": {"connector": "shell"},
        "mail": {"connector": "gmail", "root_url": desk.gmail.url},
    }
    tested = desk.m2agent("connections", "test", "mail")
    assert (tested.code, "u1@office.example, to read and write" in tested.out) == (0, True)


def test_an_account_that_works_is_left_as_it_is_and_an_ended_one_is_signed_in_again(
    desk: Desk,
) -> None:
    assert desk.connect("--client", desk.client()).code == 0
    first = desk.kept()
    again = desk.connect()
    assert (again.code, desk.kept()) == (0, first)
    assert "works already: u1@office.example" in again.out

    requests.post(f"{desk.gmail.url}/oauth2/revoke", {"token": first["refresh_token"]}, timeout=60)
    ended = desk.m2agent("connections", "test", "mail")
    assert ended.code == 3
    assert "Google has ended the access of the account 'mail'" in ended.out
    assert "m2agent connect gmail --account mail" in ended.out
    renewed = desk.connect()
    assert renewed.code == 0, renewed.err
    assert desk.kept()["refresh_token"] != first["refresh_token"]
    assert desk.kept()["client_id"] == first["client_id"]


def test_who_signs_in_as_somebody_else_is_told_so_and_nothing_changes(desk: Desk) -> None:
    assert desk.connect("--client", desk.client()).code == 0
    first = desk.kept()
    other = desk.connect("--again", email="u2@office.example")
    assert (other.code, desk.kept()) == (3, first)
    assert "You signed in as u2@office.example, but the account 'mail' is u1@office" in other.err
    twice = desk.connect("--account", "boss")
    assert (twice.code, "The account 'mail' is the same mailbox." in twice.err) == (0, True)


def test_several_accounts_share_the_client_and_may_only_read(desk: Desk) -> None:
    desk.m2agent.home.mkdir()
    tables = ("mail", "local-mail"), ("sh", "shell")
    text = "".join(f'[accounts.{name}]\nconnector = "{what}"\n\n' for name, what in tables)
    (desk.m2agent.home / "config.toml").write_text(text)
    assert desk.connect("--client", desk.client()).code == 0
    more = desk.connect("--account", "boss", "--read-only", email="u2@office.example")
    assert more.code == 0, more.err
    assert "Connected to u2@office.example, to read only." in more.out
    assert desk.kept("boss")["scopes"] == ["https://www.googleapis.com/auth/gmail.readonly"]
    assert {name: table["connector"] for name, table in desk.accounts().items()} == {
        "sh": "shell",
        "mail": "gmail",
        "boss": "gmail",
    }


def test_revoking_ends_the_access_at_google(desk: Desk) -> None:
    assert desk.connect("--client", desk.client()).code == 0
    token = desk.kept()["refresh_token"]
    done = desk.m2agent("connections", "revoke", "mail")
    assert (done.code, "Google has ended the access" in done.out) == (0, True)
    given = {"grant_type": "refresh_token", "refresh_token": token}
    refused = requests.post(f"{desk.gmail.url}/oauth2/token", given, timeout=60)
    assert refused.json()["error"] == "invalid_grant"
    assert list((desk.m2agent.home / "secrets").iterdir()) == []
    assert desk.accounts().keys() == {"notes", "shell"}


def test_without_a_browser_the_address_is_pasted(desk: Desk) -> None:
    arguments = ["connect", "gmail", "--root-url", desk.gmail.url, "--store", "file"]
    command = desk.m2agent.argv(*arguments, "--client", desk.client(), "--no-browser")
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=desk.m2agent.environment(),
    ) as process:
        assert process.stdin and process.stdout and process.stderr
        url: str = next(line.strip() for line in process.stderr if "/o/oauth2/" in line)
        asked = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
        assert asked["code_challenge_method"] == "S256"
        stray = f"{asked['redirect_uri']}?code=evil&state=wrong"
        assert requests.get(stray, timeout=60).status_code == 404
        answer = requests.post(
            f"{desk.gmail.url}/o/oauth2/v2/auth/callback",
            {**asked, "email": "u3@office.example"},
            allow_redirects=False,
            timeout=60,
        )
        process.stdin.write("what?\n" + answer.headers["location"] + "\n")
        process.stdin.flush()
        assert process.wait(timeout=120) == 0
        assert "Connected to u3@office.example" in process.stdout.read()
        assert "That address holds no answer." in process.stderr.read()


def test_who_does_not_sign_in_in_time_is_told_so(desk: Desk) -> None:
    done = desk.connect("--client", desk.client(), "--minutes", "0.005", browser="true")
    assert done.code == 3
    assert "Nobody signed in within 0.005 minutes" in done.err
    assert not (desk.m2agent.home / "config.toml").exists()


def test_without_a_file_and_a_terminal_it_is_wrong_usage(desk: Desk) -> None:
    done = desk.connect()
    assert (done.code, "--client FILE" in done.err) == (2, True)
