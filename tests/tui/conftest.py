"""What the tests of the terminal UI stand on."""

import sys
from pathlib import Path

import pytest
from scene import Stage


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    """An outsider's package with the connector `post` is installed, as pip would do it."""
    package = tmp_path / "site" / "post-1.0.dist-info"
    package.mkdir(parents=True)
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: post\nVersion: 1.0\n")
    (package / "entry_points.txt").write_text("[m2agent.connectors]\npost = post:Post\n")
    monkeypatch.setattr(sys, "path", [str(package.parent), *sys.path])
    return Stage(tmp_path)
