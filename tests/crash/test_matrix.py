"""kill -9 wherever it leaves something else behind, in every service: nothing lost, nothing twice.

The boundaries are found by playing the scene once. Here a share of their kinds is tried, within
the time that tests may take; `make soak` tries every one.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

_PLAYER = Path(__file__).with_name("player.py")


def _played(scene: str, folder: Path, every: int) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    done = subprocess.run(
        [sys.executable, _PLAYER, scene, folder / "crash", "--every", str(every)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    quiet, *killed = [json.loads(line) for line in done.stdout.splitlines()]
    if "skipped" in quiet:
        pytest.skip(quiet["skipped"])
    return quiet, killed


@pytest.mark.parametrize("scene", ["local-mail", "local-notes", "shell", "notion", "gmail"])
def test_killed_at_any_boundary_it_ends_as_if_it_had_not_been(scene: str, tmp_path: Path) -> None:
    quiet, killed = _played(scene, tmp_path, every=20 if scene == "gmail" else 10)

    assert quiet["ended"]["exit_code"] == 0
    assert quiet["done"] != quiet["undone"] or scene == "shell"
    assert [(told["at"], told["differences"]) for told in killed if told["differences"]] == []
    assert all(told["killed"] == 1 for told in killed)
    assert len(killed) >= 3


def test_the_boundaries_lie_in_every_part_of_a_run(tmp_path: Path) -> None:
    quiet, _ = _played("local-mail", tmp_path, every=10_000)
    parts = {place.partition(":")[0] for place in quiet["places"]}

    assert parts >= {
        "Turned",  # before the intent
        "Decided",
        "Started",  # after the intent, and after the effect
        "Returned",
        "Ended",  # waiting for a yes
        "Approved",
        "Judged",
        "Compacted",
        "undo, Started",
        "undo, Returned",
    }
