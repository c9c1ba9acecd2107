"""Secrets: where they are kept, and what happens when a keyring is missing, slow or forgetful."""

import stat
import threading
from pathlib import Path

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.backends import fail, null
from keyring.errors import KeyringLocked, PasswordDeleteError

from m2agent import vault
from m2agent.errors import SetupError


class Memory(KeyringBackend):
    """A keyring as Windows has one: entries of at most 1,280 characters."""

    priority = 5  # pyright: ignore

    def __init__(self) -> None:
        self.entries: dict[str, str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.entries.get(username)

    def set_password(self, service: str, username: str, password: str) -> None:
        assert len(password) <= 1_280
        self.entries[username] = password

    def delete_password(self, service: str, username: str) -> None:
        if self.entries.pop(username, None) is None:
            raise PasswordDeleteError(username)


@pytest.fixture
def memory(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nowhere")
    monkeypatch.delenv("PYTHON_KEYRING_BACKEND")
    backend = Memory()
    keyring.set_keyring(backend)
    yield backend
    keyring.set_keyring(fail.Keyring())


def test_a_secret_is_kept_read_and_forgotten(memory: Memory, own_home: Path) -> None:
    assert "Memory" in vault.keep("gmail/work", "s3cret")
    assert vault.read("gmail/work") == "s3cret"
    assert vault.forget("gmail/work") and not vault.forget("gmail/work")
    assert vault.read("gmail/work") is None
    assert not list(own_home.rglob("*work*")), "nothing of it lies in a file"


@pytest.mark.parametrize("length", [999, 1_000, 1_001, 9_999])
def test_a_long_secret_is_kept_in_pieces(memory: Memory, length: int) -> None:
    value = "".join(chr(97 + n % 26) for n in range(length))
    vault.keep("long", value)
    assert vault.read("long") == value
    vault.forget("long")
    assert memory.entries == {}


def test_a_keyring_that_loses_what_it_takes_is_noticed(memory: Memory) -> None:
    class Forgetful(Memory):
        def get_password(self, service: str, username: str) -> str | None:
            return None

    keyring.set_keyring(Forgetful())
    with pytest.raises(SetupError, match="took the secret and lost it"):
        vault.keep("x", "s3cret")


@pytest.mark.parametrize("backend", [fail.Keyring, null.Keyring])
def test_without_a_keyring_nothing_is_kept_in_the_clear(
    memory: Memory, own_home: Path, backend: type[KeyringBackend]
) -> None:
    keyring.set_keyring(backend())
    with pytest.raises(SetupError, match="--store file"):
        vault.keep("x", "s3cret")
    assert vault.read("x") is None
    assert not [path for path in own_home.rglob("*") if path.is_file()]


def test_a_keyring_of_plain_files_is_not_used_unless_it_is_named(
    memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Plaintext(Memory):
        priority = 0.5  # pyright: ignore

    keyring.set_keyring(Plaintext())
    with pytest.raises(SetupError, match="no keyring"):
        vault.keep("x", "s3cret")
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "Plaintext")
    vault.keep("x", "s3cret")
    assert vault.read("x") == "s3cret"


def test_a_locked_keyring_that_never_answers_is_given_up(memory: Memory) -> None:
    never = threading.Event()

    class Hanging(Memory):
        def get_password(self, service: str, username: str) -> str | None:
            never.wait()
            return None

    keyring.set_keyring(Hanging())
    try:
        with pytest.raises(SetupError, match="may be locked"):
            vault.read("x")
    finally:
        never.set()


def test_a_keyring_that_refuses_says_why(memory: Memory) -> None:
    class Locked(Memory):
        def get_password(self, service: str, username: str) -> str | None:
            raise KeyringLocked("it is locked")

    keyring.set_keyring(Locked())
    with pytest.raises(SetupError, match="cannot be used: it is locked"):
        vault.read("x")


def test_without_a_session_bus_no_keyring_is_asked(
    memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DBUS_SESSION_BUS_ADDRESS")
    monkeypatch.setattr("sys.platform", "linux")
    assert vault.read("x") is None
    assert vault.describe() == "no keyring; a file only where you ask for one"


def test_a_file_is_private_and_only_made_when_asked_for(own_home: Path) -> None:
    place = Path(vault.keep("gmail/../work", "s3cret", in_file=True))
    assert place.parent == own_home / "m2agent/secrets"
    assert stat.S_IMODE(place.stat().st_mode) == 0o600
    assert stat.S_IMODE(place.parent.stat().st_mode) == 0o700
    assert vault.read("gmail/../work") == "s3cret"
    assert vault.forget("gmail/../work") and not place.exists()


def test_what_goes_into_the_keyring_leaves_the_file(memory: Memory, own_home: Path) -> None:
    place = Path(vault.keep("x", "old", in_file=True))
    vault.keep("x", "new")
    assert not place.exists() and vault.read("x") == "new"
