"""What tests/conftest.py promises: no test touches the real home folder or another machine."""

import os
import socket
from pathlib import Path

import pytest

from m2agent.home import home


def test_a_test_has_a_home_folder_of_its_own(own_home: Path) -> None:
    assert Path.home() == own_home
    assert home() == own_home / "m2agent"
    assert not home().exists()


def test_no_test_reaches_another_machine_by_address_or_by_name() -> None:
    with pytest.raises(RuntimeError, match=r"192\.0\.2\.1"):
        socket.create_connection(("192.0.2.1", 9), timeout=1)
    with pytest.raises(RuntimeError, match=r"example\.invalid"):
        socket.create_connection(("example.invalid", 9), timeout=1)


def test_a_test_reaches_this_machine() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection(server.getsockname(), timeout=1).close()


def test_no_key_of_a_real_service_is_in_the_environment() -> None:
    assert not [name for name in os.environ if name.endswith("_API_KEY")]
