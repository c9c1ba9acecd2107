from array import array
from pathlib import Path

import pytest

from m2agent_models.engine import Tokens
from m2agent_models.engine.kept import BLOCK, Kept
from m2agent_models.engine.sequences import Sequence, Sequences


class Cells:
    """A context whose state is just where it is from; it notes what was put back."""

    can_fork = True
    size = 10_000

    def __init__(self) -> None:
        self.put_back: list[bytes] = []

    def remove(self, sequence: int, start: int) -> bool:
        return True

    def copy(self, source: int, target: int, end: int) -> None: ...

    def state(self, sequence: int, start: int, end: int) -> bytes:
        return f"cells {start} to {end}".ljust(1000).encode()

    def restore(self, sequence: int, state: bytes) -> bool:
        self.put_back.append(state.rstrip())
        return True


class Engine:
    """One engine's life over a folder that outlives it."""

    def __init__(
        self,
        folder: Path,
        quota: int = 1_000_000,
        model: str = "m2",
        *,
        openings: bool = False,
    ) -> None:
        self.cells = Cells()
        self.sequences = Sequences(self.cells, 4)
        self.kept = Kept(self.cells, folder, quota, model, openings=openings)

    def turn(self, prompt: Tokens, opening: int = 0) -> int:
        """Evaluate a prompt; returns how many of its tokens came from the disk."""
        sequence = self.sequences.take(prompt, 1, "main")
        assert isinstance(sequence, Sequence)
        before = len(sequence.tokens)
        self.kept.recall(self.sequences, sequence, prompt)
        recalled = len(sequence.tokens) - before
        while missing := prompt[len(sequence.tokens) :][:100]:
            self.sequences.extend(sequence, missing)
            self.kept.note(sequence, len(missing), opening)
        self.sequences.give_back(sequence)
        return recalled


def prompt(blocks: int, seed: int = 0) -> Tokens:
    return array("i", [seed + n for n in range(blocks * BLOCK + 1)])


def files(folder: Path) -> list[Path]:
    return sorted(folder.iterdir())


def test_a_new_engine_takes_up_what_another_left(tmp_path: Path) -> None:
    Engine(tmp_path).turn(prompt(3))
    engine = Engine(tmp_path)
    assert engine.turn(prompt(5)) == 3 * BLOCK
    assert engine.cells.put_back == [b"cells 0 to 64", b"cells 64 to 128", b"cells 128 to 192"]
    assert len(files(tmp_path)) == 5


def test_conversations_that_begin_alike_share_their_blocks(tmp_path: Path) -> None:
    engine = Engine(tmp_path)
    engine.turn(prompt(4))
    engine.turn(prompt(2) + prompt(2, seed=7))
    assert len(files(tmp_path)) == 4 + 2


def test_nothing_comes_from_another_model_or_another_beginning(tmp_path: Path) -> None:
    Engine(tmp_path).turn(prompt(3))
    assert Engine(tmp_path, model="m2.1").turn(prompt(3)) == 0
    assert Engine(tmp_path).turn(prompt(1, seed=5) + prompt(3)[BLOCK:]) == 0


def test_of_openings_nothing_is_kept_that_belongs_to_a_conversation(tmp_path: Path) -> None:
    engine = Engine(tmp_path, openings=True)
    engine.turn(prompt(9), opening=3 * BLOCK + 5)
    assert len(files(tmp_path)) == 3
    assert Engine(tmp_path, openings=True).turn(prompt(3) + prompt(2, seed=7)) == 3 * BLOCK
    assert len(files(tmp_path)) == 3


@pytest.mark.parametrize("damage", ["cut", "changed", "empty", "swapped"])
def test_a_damaged_block_is_never_believed(tmp_path: Path, damage: str) -> None:
    Engine(tmp_path).turn(prompt(3))
    first, second, _ = files(tmp_path)
    data = second.read_bytes()
    second.write_bytes(
        {
            "cut": data[:-1],
            "changed": data[:600] + b"?" + data[601:],
            "empty": b"",
            "swapped": first.read_bytes(),
        }[damage]
    )
    engine = Engine(tmp_path)
    assert engine.turn(prompt(3)) == BLOCK
    assert engine.cells.put_back == [b"cells 0 to 64"]
    assert second.read_bytes() == data


def test_the_quota_holds_and_what_was_used_last_stays(tmp_path: Path) -> None:
    block = 4 + 4 * BLOCK + 1000
    engine = Engine(tmp_path, quota=5 * block)
    for seed in (0, 1000, 2000):
        engine.turn(prompt(2, seed))
        assert sum(file.stat().st_size for file in files(tmp_path)) <= 5 * block
    engine = Engine(tmp_path, quota=5 * block)
    recalled = [engine.turn(prompt(2, seed)) for seed in (2000, 1000, 0)]
    assert recalled == [2 * BLOCK, 2 * BLOCK, BLOCK]


def test_a_conversation_larger_than_the_quota_keeps_its_beginning(tmp_path: Path) -> None:
    block = 4 + 4 * BLOCK + 1000
    Engine(tmp_path, quota=2 * block).turn(prompt(6))
    assert Engine(tmp_path, quota=2 * block).turn(prompt(6)) == 2 * BLOCK


def test_a_disk_that_refuses_stops_the_keeping_and_nothing_else(tmp_path: Path) -> None:
    folder = tmp_path / "kept"
    engine = Engine(folder)
    folder.rmdir()
    assert engine.turn(prompt(3)) == 0
    folder.mkdir()
    assert engine.turn(prompt(3, seed=9)) == 0
    assert files(folder) == []
