"""kill -9 wherever it leaves something else behind, in every service: nothing lost, nothing twice.
The same where the power is lost, and with it what was not fsynced.

The boundaries are found by playing the scene once. Here a share of their kinds is tried, within
the time that tests may take; `make soak` tries every one.
"""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

_PLAYER = Path(__file__).with_name("player.py")
_POWER = Path(__file__).with_name("power.py")


def _played(program: Path, scene: str, *arguments: str | Path) -> list[dict[str, Any]]:
    done = subprocess.run(
        [sys.executable, program, scene, *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    told = [json.loads(line) for line in done.stdout.splitlines()]
    if "skipped" in told[0]:
        pytest.skip(told[0]["skipped"])
    return told


@pytest.mark.parametrize("scene", ["local-mail", "local-notes", "shell", "notion", "gmail"])
def test_killed_at_any_boundary_it_ends_as_if_it_had_not_been(scene: str, tmp_path: Path) -> None:
    every = "20" if scene == "gmail" else "10"
    quiet, *killed = _played(_PLAYER, scene, tmp_path / "crash", "--every", every)

    assert quiet["ended"]["exit_code"] == 0
    assert quiet["done"] != quiet["undone"] or scene == "shell"
    assert [(told["at"], told["differences"]) for told in killed if told["differences"]] == []
    # A play in which less is asked again has fewer boundaries, and may end before the last ones.
    assert sum(told["killed"] for told in killed) >= 3


def test_the_boundaries_lie_in_every_part_of_a_run(tmp_path: Path) -> None:
    (quiet,) = _played(_PLAYER, "local-mail", tmp_path / "crash", "--every", "10000")
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


@pytest.mark.skipif(sys.platform != "linux", reason="the disk is watched by the dynamic linker")
@pytest.mark.skipif(shutil.which("cc") is None, reason="needs a C compiler")
@pytest.mark.parametrize(
    ("scene", "losses"),
    [("local-mail", 4), ("local-notes", 4), ("shell", 4), ("notion", 2), ("gmail", 1)],
)
def test_without_what_was_not_fsynced_it_ends_as_if_power_had_not_been_lost(
    scene: str, losses: int, tmp_path: Path
) -> None:
    lost = _played(_POWER, scene, tmp_path / "power", "--losses", str(losses))

    assert [(told["at"], told["differences"]) for told in lost if told["differences"]] == []
    assert len(lost) == losses
