"""Keeps every test, and what it starts, off the real home folder, keyring and network."""

import ipaddress
import os
import shutil
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import hypothesis
import pytest

DEAD_END = "http://127.0.0.1:9"
SET = {
    "DO_NOT_TRACK": "1",
    "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring",
    "http_proxy": DEAD_END,
    "https_proxy": DEAD_END,
    "all_proxy": DEAD_END,
    "no_proxy": "localhost,127.0.0.1,::1",
    # Threads of OpenMP wait for each other busily: two test processes would starve.
    "OMP_NUM_THREADS": "1",
}
UNSET = (
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
    "DBUS_SESSION_BUS_ADDRESS",
    # A person has neither: what is not flushed does not come, and modules are kept compiled.
    "PYTHONUNBUFFERED",
    "PYTHONDONTWRITEBYTECODE",
)
UNSET_BEGINNINGS = ("M2AGENT_", "XDG_")
HOMES = pytest.StashKey[Path]()


def pytest_configure(config: pytest.Config) -> None:
    """Before any test module is imported: the environment that everything here starts from."""
    _leave_npm_alone()
    for name in list(os.environ):
        if name in UNSET or name.startswith(UNSET_BEGINNINGS) or name.endswith("_API_KEY"):
            del os.environ[name]
    config.stash[HOMES] = Path(tempfile.mkdtemp(prefix="m2agent-"))
    os.environ.update(SET, HOME=str(config.stash[HOMES]))
    sys.addaudithook(refuse_network)
    # A busy machine is no failure of the code under test.
    hypothesis.settings.register_profile("patient", hypothesis.settings(), deadline=None)
    hypothesis.settings.load_profile("patient")


def _leave_npm_alone() -> None:
    """npm, which installs what some tests need, is told in its own words what is hidden below."""
    os.environ.setdefault("NPM_CONFIG_USERCONFIG", str(Path.home() / ".npmrc"))
    os.environ.setdefault("NPM_CONFIG_CACHE", str(Path.home() / ".npm"))
    for name in ("http_proxy", "https_proxy"):
        proxy = os.environ.get(name) or os.environ.get(name.upper())
        if proxy and proxy != DEAD_END:
            os.environ.setdefault(f"NPM_CONFIG_{name.removeprefix('http_').upper()}", proxy)


def pytest_unconfigure(config: pytest.Config) -> None:
    shutil.rmtree(config.stash[HOMES], ignore_errors=True)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything but the tests marked `local` passes without the extra of that name."""
    if find_spec("llama_cpp") is None:
        for item in items:
            if item.get_closest_marker("local"):
                item.add_marker(pytest.mark.skip(reason="needs llama-cpp-python"))


@pytest.fixture(autouse=True)
def own_home(pytestconfig: pytest.Config, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder for this test alone; M2AGENT_HOME lies in it and does not exist yet."""
    folder = Path(tempfile.mkdtemp(dir=pytestconfig.stash[HOMES]))
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("M2AGENT_HOME", str(folder / "m2agent"))
    return folder


def refuse_network(event: str, args: tuple[Any, ...]) -> None:
    """An audit hook: no test, and no library under it, speaks to another machine."""
    match event, args:
        case "socket.getaddrinfo", (host, *_):
            pass
        case "socket.connect" | "socket.sendto", (_, (host, *_)):
            pass
        case _:
            return
    if not is_here(host):
        raise RuntimeError(f"A test tried to reach {host!r}.")


def is_here(host: str | bytes | None) -> bool:
    name = host.decode() if isinstance(host, bytes) else host
    if not name or name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
