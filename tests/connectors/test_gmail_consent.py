"""The sign-in at Google, and its renewal, where Google answers as the emulator never does."""

import json
import threading
import time
from collections.abc import Generator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from m2agent import vault
from m2agent.errors import SetupError, UsageError
from m2agent_connectors.gmail import token
from m2agent_connectors.gmail.consent import Client, Consent, client_of, read_client
from m2agent_connectors.gmail.token import AccessEnded, Token

HERE = "http://127.0.0.1:5/"


@dataclass
class Google:
    """A token server that gives these answers in turn, the last one again and again."""

    answers: list[tuple[int, dict[str, Any]]]
    asked: list[dict[str, str]] = field(default_factory=list[dict[str, str]])
    url: str = ""

    def consent(self) -> Consent:
        return Consent(Client("me.apps.example", "shh", tokens=self.url), read_only=False)

    def connect(self, **info: Any) -> None:
        """Keep an access of the account "mail"."""
        kept = {"client_id": "me", "client_secret": "shh", "refresh_token": "r-token"}
        token.keep("mail", {**kept, "token_uri": self.url, **info}, in_file=True)


@pytest.fixture
def google() -> Generator[Google]:
    google = Google([])

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            google.asked.append({name: values[0] for name, values in parse_qs(body).items()})
            status, answer = google.answers[min(len(google.asked), len(google.answers)) - 1]
            data = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: Any) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    google.url = f"http://127.0.0.1:{server.server_address[1]}/token"
    yield google
    server.shutdown()
    server.server_close()


def given(**more: Any) -> dict[str, Any]:
    scope = "https://www.googleapis.com/auth/gmail.modify"
    answer = {"access_token": "a-token", "refresh_token": "r-token", "expires_in": 3600}
    return {**answer, "scope": scope, "token_type": "Bearer", **more}


def test_the_person_is_asked_for_no_more_than_mail_and_the_code_is_of_use_to_nobody_else(
    google: Google,
) -> None:
    google.answers = [(200, given())]
    consent = google.consent()
    url = consent.url(HERE)
    asked = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
    assert asked["scope"] == "https://www.googleapis.com/auth/gmail.modify"
    assert (asked["code_challenge_method"], asked["access_type"]) == ("S256", "offline")
    assert asked["state"] == consent.state and len(consent.state) > 20
    info = consent.finish({"code": "c"}, HERE)
    assert google.asked[0]["redirect_uri"] == HERE
    assert len(google.asked[0]["code_verifier"]) > 60
    assert google.asked[0]["code_verifier"] not in url
    assert client_of(info) == consent.client


@pytest.mark.parametrize(
    ("status", "answer", "words"),
    [
        (200, given(scope="openid"), "tick the box beside Gmail"),
        (200, given(refresh_token=""), "ends within the hour"),
        (401, {"error": "invalid_client"}, "Google does not know the client"),
        (400, {"error": "invalid_grant"}, "did not finish the sign-in"),
    ],
)
def test_what_google_answers_otherwise_is_said_with_what_to_do(
    google: Google, status: int, answer: dict[str, Any], words: str
) -> None:
    google.answers = [(status, answer)]
    with pytest.raises(SetupError) as refusal:
        google.consent().finish({"code": "c"}, HERE)
    assert words in str(refusal.value)
    assert "shh" not in str(refusal.value)


def test_who_says_no_is_told_what_to_choose(google: Google) -> None:
    with pytest.raises(SetupError, match="choose Continue"):
        google.consent().finish({"error": "access_denied"}, HERE)
    assert google.asked == []


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{}", "is no client of Google's"),
        ("no json", "is no client of Google's"),
        ('{"web": {"client_id": "x"}}', "Make one of the type Desktop app"),
        (
            '{"installed": {"client_id": "x", "client_secret": "y",'
            ' "token_uri": "http://evil.example/token"}}',
            "do not begin with https://",
        ),
    ],
)
def test_a_wrong_file_is_refused_with_what_to_do(tmp_path: Path, content: str, words: str) -> None:
    file = tmp_path / "wrong.json"
    file.write_text(content)
    with pytest.raises(UsageError) as refusal:
        read_client(file)
    assert words in str(refusal.value)


# The project in Testing


def test_an_access_that_ends_in_seven_days_is_known_at_once(google: Google) -> None:
    google.answers = [(200, given(refresh_token_expires_in=604_799))]
    info = google.consent().finish({"code": "c"}, HERE)
    day = time.strftime("%Y-%m-%d", time.gmtime(info["connected_at"] + 604_799))
    assert token.ends(info) == day
    assert token.ends(google.consent().finish({"code": "c"}, HERE) | {"ends_at": 0}) == ""


@pytest.mark.parametrize(
    ("days", "words"), [(7.2, "7 days after it was given"), (40, "it was revoked")]
)
def test_an_access_that_ended_after_seven_days_is_told_from_a_revoked_one(
    google: Google, days: float, words: str
) -> None:
    google.connect(connected_at=time.time() - days * 86_400)
    google.answers = [(400, {"error": "invalid_grant", "error_description": "Bad."})]
    with pytest.raises(AccessEnded) as ended:
        Token.load("mail").bearer()
    assert words in str(ended.value)
    assert "m2agent connect gmail --account mail" in ended.value.fix


# Renewal


def test_a_renewal_without_a_refresh_token_erases_none_and_a_new_one_is_kept(
    google: Google,
) -> None:
    google.connect()
    google.answers = [
        (200, {"access_token": "a", "expires_in": 3600}),
        (200, given(access_token="b", refresh_token="r-second")),
    ]
    mine = Token.load("mail")
    assert mine.bearer() == mine.bearer() == "a"
    assert token.stored("mail")["refresh_token"] == "r-token"
    assert mine.bearer(instead_of="a") == "b"
    assert token.stored("mail")["refresh_token"] == "r-second"
    assert [one["refresh_token"] for one in google.asked] == ["r-token", "r-token"]
    assert "access_token" not in str(vault.read("gmail/mail"))


def test_a_token_that_another_process_renewed_is_used_instead_of_asking_the_person(
    google: Google,
) -> None:
    google.connect()
    ours, theirs = Token.load("mail"), Token.load("mail")
    google.answers = [
        (200, given(access_token="a", refresh_token="r-second")),
        (400, {"error": "invalid_grant"}),
        (200, {"access_token": "b", "expires_in": 3600}),
    ]
    assert theirs.bearer() == "a"
    assert ours.bearer() == "b"
    assert google.asked[2]["refresh_token"] == "r-second"
