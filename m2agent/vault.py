"""Secrets, kept in the system's keyring, or in a private file where a person asks for that.

A keyring may be missing, may be locked and never answer, or may take a value and lose it. So
every call has a time limit, and what was kept is read back. Nothing is ever kept in plain text
unless `in_file` says so by name.
"""

import fcntl
import os
import sys
import threading
import time
from collections.abc import Callable, Generator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Protocol, TypeVar, cast
from urllib.parse import quote

from m2agent.errors import SetupError
from m2agent.home import home, private
from m2agent.secrets import remember

_SERVICE = "m2agent"
_SECONDS = 5.0
_TURN = 60.0
_PIECE = 1_000  # characters; Windows takes 1,280 in one entry
_PIECES = "m2agent-pieces:"
_RECOMMENDED = 1  # the priority from which on a keyring encrypts what it keeps
T = TypeVar("T")


class _Keyring(Protocol):
    """What is used of a backend of the library keyring, which is imported only when needed."""

    @property
    def priority(self) -> float: ...

    def get_password(self, service: str, username: str, /) -> str | None: ...

    def set_password(self, service: str, username: str, password: str, /) -> None: ...

    def delete_password(self, service: str, username: str, /) -> None: ...


def read(name: str) -> str | None:
    """The secret of that name, or None. Raises SetupError for a keyring that does not answer."""
    secret = _read(name)
    if secret:
        remember(secret)
    return secret


def _read(name: str) -> str | None:
    file = _file(name)
    try:
        return file.read_text("utf-8")
    except FileNotFoundError:
        pass
    except OSError as error:
        raise SetupError(
            f"The secret in {file} cannot be read: {error.strerror}.", fix=f"ls -l {file}"
        ) from error
    keyring = _keyring()
    return _in_time(lambda: _get(keyring, name)) if keyring else None


def keep(name: str, value: str, *, in_file: bool = False) -> str:
    """Keep a secret, and say where. Raises SetupError where that cannot be done safely."""
    if in_file:
        _write(_file(name), value)
        return str(_file(name))
    keyring = _keyring()
    if keyring is None:
        raise SetupError(
            "This machine has no keyring that could keep the secret.",
            fix="Log in to a desktop with a keyring, or keep it in a file that only you can"
            " read: add --store file",
        )
    _in_time(lambda: _set(keyring, name, value))
    if _in_time(lambda: _get(keyring, name)) != value:
        raise SetupError(
            f"The keyring ({_title(keyring)}) took the secret and lost it.",
            fix="Choose another keyring, or add --store file",
        )
    _file(name).unlink(missing_ok=True)
    return f"the keyring ({_title(keyring)})"


@contextmanager
def alone(name: str) -> Generator[None]:
    """No other process is in here for the same secret: to renew what only one can renew.

    Who has waited for a minute goes on all the same, for the other one hangs.
    """
    folder = private(home() / "locks")
    with (folder / quote(name, safe="")).open("w") as file:
        deadline = time.monotonic() + _TURN
        while time.monotonic() < deadline:
            with suppress(BlockingIOError):
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            time.sleep(0.05)
        yield


def in_file(name: str) -> bool:
    """Whether the secret of that name is in a private file, as a person once asked."""
    return _file(name).exists()


def is_in_file(name: str) -> bool:
    """Whether the secret is kept in a file, because a person asked for that."""
    return _file(name).exists()


def forget(name: str) -> bool:
    """Remove a secret from wherever it is kept; whether there was one."""
    file, keyring = _file(name), _keyring()
    kept = file.exists()
    file.unlink(missing_ok=True)
    if keyring is None:
        return kept
    return _in_time(lambda: _delete(keyring, name)) or kept


def describe() -> str:
    """What keeps secrets here, for a person."""
    keyring = _keyring()
    return _title(keyring) if keyring else "no keyring; a file only where you ask for one"


def _keyring() -> _Keyring | None:
    """The keyring to trust, or None.

    Without a session bus Linux has none: asking SecretService there can hang. What keeps its
    values unencrypted counts only if PYTHON_KEYRING_BACKEND names it.
    """
    named = bool(os.environ.get("PYTHON_KEYRING_BACKEND"))
    if sys.platform == "linux" and not named and not os.environ.get("DBUS_SESSION_BUS_ADDRESS"):
        return None
    return _in_time(lambda: _best(named))


def _best(named: bool) -> _Keyring | None:
    import keyring
    from keyring.backends import chainer, fail, null

    found = keyring.get_keyring()
    choices = found.backends if isinstance(found, chainer.ChainerBackend) else [found]
    for choice in choices:
        if isinstance(choice, fail.Keyring | null.Keyring):
            continue
        usable = cast(_Keyring, choice)
        if named or usable.priority >= _RECOMMENDED:
            return usable
    return None


def _title(keyring: _Keyring) -> str:
    return f"{type(keyring).__module__}.{type(keyring).__qualname__}"


def _get(keyring: _Keyring, name: str) -> str | None:
    value = keyring.get_password(_SERVICE, name)
    if value is None or not value.startswith(_PIECES):
        return value
    pieces = [
        keyring.get_password(_SERVICE, f"{name}:{number}")
        for number in range(int(value.removeprefix(_PIECES)))
    ]
    return "".join(piece or "" for piece in pieces)


def _set(keyring: _Keyring, name: str, value: str) -> None:
    if len(value) <= _PIECE:
        keyring.set_password(_SERVICE, name, value)
        return
    pieces = [value[at : at + _PIECE] for at in range(0, len(value), _PIECE)]
    for number, piece in enumerate(pieces):
        keyring.set_password(_SERVICE, f"{name}:{number}", piece)
    keyring.set_password(_SERVICE, name, f"{_PIECES}{len(pieces)}")


def _delete(keyring: _Keyring, name: str) -> bool:
    from keyring.errors import PasswordDeleteError

    value = keyring.get_password(_SERVICE, name)
    if value is None:
        return False
    names = [name]
    if value.startswith(_PIECES):
        names += [f"{name}:{number}" for number in range(int(value.removeprefix(_PIECES)))]
    for entry in names:
        with suppress(PasswordDeleteError):
            keyring.delete_password(_SERVICE, entry)
    return True


def _in_time(call: Callable[[], T]) -> T:
    """Ask the keyring in a thread that is left behind if it hangs."""
    future: Future[T] = Future()

    def work() -> None:
        try:
            future.set_result(call())
        except BaseException as error:
            future.set_exception(error)

    threading.Thread(target=work, name="keyring", daemon=True).start()
    try:
        return future.result(_SECONDS)
    except TimeoutError as error:
        raise SetupError(
            f"The keyring gave no answer within {_SECONDS:.0f} seconds; it may be locked.",
            fix="Unlock it and try again, or keep secrets in a file: add --store file",
        ) from error
    except BaseException as error:
        from keyring.errors import KeyringError

        if not isinstance(error, KeyringError):
            raise
        raise SetupError(
            f"The keyring cannot be used: {error}",
            fix="Unlock or install one and try again, or keep secrets in a file: add --store file",
        ) from error


def _file(name: str) -> Path:
    return home() / "secrets" / quote(name, safe="")


def _write(file: Path, value: str) -> None:
    private(home())
    private(file.parent).chmod(0o700)
    part = file.with_name(f"{file.name}.{os.getpid()}.part")
    try:
        part.unlink(missing_ok=True)
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as opened:
            opened.write(value)
            opened.flush()
            os.fsync(opened.fileno())
        part.replace(file)
    except OSError as error:
        raise SetupError(
            f"The secret cannot be written to {file}: {error.strerror}.",
            fix="See that the disk has room and the folder can be written.",
        ) from error
