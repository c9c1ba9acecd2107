"""Each test of the command line has a home of its own."""

from pathlib import Path

import pytest
from command import Command


@pytest.fixture
def m2agent(tmp_path: Path) -> Command:
    return Command(tmp_path)
