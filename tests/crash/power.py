"""Loses power at moments of a recorded run: what was not fsynced is gone, or there in part.

    python tests/crash/power.py SCENE FOLDER [--losses N]

plays a scene while every write is logged (disk.c), builds the files anew as a disk may hold them
after a loss of power at some moment, and plays on from there. What a file system keeps is taken
to be no more than this: the bytes of a file up to its last fsync, and the name it was made under;
what else was done to names, up to the last fsync of a folder. Of the rest either nothing is there,
or any of the writes, the last of them torn, and names changed up to any point.

Where a server holds the other half of the world, which loses nothing, the process is killed at a
boundary instead, and the loss is what its own disk makes of that.
"""

import json
import os
import random
import shutil
import struct
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import click
from _pytest.outcomes import Skipped
from player import differences, in_a_fork, kinds, played, ready
from scenes import SCENES, Scene

_SOURCE = Path(__file__).with_name("disk.c")
_HEAD = struct.Struct("<cQQII")
_NOTES = {"done.json", "told.json"}  # the player's own; nothing of m2agent's
_SERVERS = {"server", "world.json", "person.json"}  # written by other processes, elsewhere
_SECTOR = 512


class Done(NamedTuple):
    """One operation on the disk, as disk.c logs it."""

    what: str
    inode: int
    at: int
    one: bytes
    two: bytes


@dataclass
class File:
    """`kept` is what was fsynced, `loose` what was written since."""

    kept: bytes = b""
    now: bytearray = field(default_factory=bytearray)
    loose: list[tuple[int, bytes | None]] = field(default_factory=list[tuple[int, bytes | None]])

    def write(self, at: int, data: bytes | None) -> None:
        """Without data, cut off there."""
        _write(self.now, at, data)
        self.loose.append((at, data))

    def sync(self) -> None:
        self.kept, self.loose = bytes(self.now), []

    def after(self, chance: random.Random | None) -> bytes:
        """As it may be after a loss of power; without chance, with all gone that may be."""
        left = bytearray(self.kept)
        if chance and self.loose:
            *whole, torn = self.loose[: chance.randint(1, len(self.loose))]
            share = chance.choice((0.5, 0.9, 1.0))
            for at, data in whole:
                if chance.random() < share:
                    _write(left, at, data)
            _write(left, torn[0], torn[1] and _torn(*torn, len(left), chance))
        return bytes(left)


class Disk:
    """The files of a folder, their names, and what was done to names since these were durable."""

    def __init__(self, folder: Path) -> None:
        self._files: dict[int, File] = {}
        self._folders: set[int] = set()
        self._times: dict[str, int] = {}
        self.names: dict[str, File] = {}
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                data = path.read_bytes()
                self.names[str(path)] = File(data, bytearray(data))
                self._times[str(path)] = path.stat().st_mtime_ns
        self._kept = dict(self.names)
        self._loose: list[tuple[str, str, File]] = []

    def do(self, done: Done) -> None:
        path, to = os.fsdecode(done.one), os.fsdecode(done.two)
        match done.what:
            case "d":
                self._folders.add(done.inode)
            case "o":
                if path not in self.names:
                    self._rename("", path, File())
                file = self._files[done.inode] = self.names[path]
                if done.at < len(file.now):
                    file.write(done.at, None)
            case "w":
                self._files[done.inode].write(done.at, done.one)
            case "t":
                self._files[done.inode].write(done.at, None)
            case "s" if done.inode in self._folders:
                _renamed(self._kept, self._loose)
                self._loose = []
            case "s":
                file = self._files[done.inode]
                file.sync()
                _renamed(self._kept, [one for one in self._loose if not one[0] and one[2] is file])
            case _:
                if path in self.names:
                    self._rename(path, to, self.names[path])

    def _rename(self, path: str, to: str, file: File) -> None:
        """From or to nothing, it is made or removed."""
        _renamed(self.names, [(path, to, file)])
        self._loose.append((path, to, file))

    def build(self, folder: Path, chance: random.Random | None) -> None:
        """Make the folder as it may be after a loss of power just now."""
        elsewhere = [
            (path, path.read_bytes()) for path in folder.iterdir() if path.name in _SERVERS
        ]
        shutil.rmtree(folder)
        folder.mkdir()
        for path, data in elsewhere:
            path.write_bytes(data)
        names = dict(self._kept)
        if chance:
            _renamed(names, self._loose[: chance.randint(0, len(self._loose))])
        for path in map(Path, {*self.names, *names}):
            name = str(path)
            if path.name in _SERVERS:
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.name in _NOTES:
                path.write_bytes(self.names[name].now)
            elif name in names and not name.endswith("-shm"):
                path.write_bytes(names[name].after(chance))
                if time := self._times.get(name):
                    os.utime(path, ns=(time, time))


def _renamed(names: dict[str, File], changes: list[tuple[str, str, File]]) -> None:
    for path, to, file in changes:
        names.pop(path, None)
        if to:
            names[to] = file


def _torn(at: int, data: bytes | None, end: int, chance: random.Random) -> bytes:
    """A part of what was written: within a file sectors are whole, at its end any bytes."""
    assert data is not None
    cut = chance.randint(0, len(data))
    if at < end:
        cut = max(0, (at + cut) // _SECTOR * _SECTOR - at)
    return data[:cut]


def _write(data: bytearray, at: int, new: bytes | None) -> None:
    if new is None:
        del data[at:]
        data.extend(bytes(at - len(data)))
        return
    data.extend(bytes(max(0, at - len(data))))
    data[at : at + len(new)] = new


def log_of(path: Path) -> Iterator[Done]:
    data, at = path.read_bytes(), 0
    while at < len(data):
        what, inode, offset, one, two = _HEAD.unpack_from(data, at)
        at += _HEAD.size
        texts = data[at : at + one], data[at + one : at + one + two]
        yield Done(what.decode(), inode, offset, *texts)
        at += one + two


def recorded(name: str, folder: Path, place: Path, die_at: int = 0) -> list[Done]:
    """Play a scene in a process of its own, and return everything that it did to the disk."""
    library, log = folder / "disk.so", folder / "log"
    log.unlink(missing_ok=True)
    if not library.exists():
        options = ["-shared", "-fPIC", "-O1", "-o", str(library), str(_SOURCE), "-ldl"]
        subprocess.run(["cc", *options], check=True)
    told = {"LD_PRELOAD": str(library), "DISK_FOLDER": str(place), "DISK_LOG": str(log)}
    subprocess.run(
        [sys.executable, __file__, name, str(place), "--play", str(die_at)],
        env={**os.environ, **told},
        check=True,
    )
    return list(log_of(log))


def lost(name: str, folder: Path, losses: int, chance: random.Random) -> Iterator[dict[str, Any]]:
    """Lose power so many times, and tell each time what was not as it should be."""
    prepared = ready(SCENES[name], folder)
    lose = _at_boundaries if SCENES[name].served else _at_moments
    return lose(name, folder, prepared, losses, chance)


def _at_moments(
    name: str, folder: Path, prepared: Path, losses: int, chance: random.Random
) -> Iterator[dict[str, Any]]:
    """Lose power between any two operations of one recorded run."""
    scene, place = SCENES[name], folder / "place"
    shutil.copytree(prepared, place)
    done = recorded(name, folder, place)
    quiet = json.loads((place / "told.json").read_text())
    for moment in sorted(chance.choices(range(1, len(done)), k=losses)):
        shutil.rmtree(place)
        shutil.copytree(prepared, place)
        disk = Disk(place)
        for one in done[:moment]:
            disk.do(one)
        told = _lost(scene, place, disk, chance)
        yield {"at": moment, "differences": differences(quiet, told)}


def _at_boundaries(
    name: str, folder: Path, prepared: Path, losses: int, chance: random.Random
) -> Iterator[dict[str, Any]]:
    """Lose power at boundaries of runs whose server goes on."""
    scene, place = SCENES[name], folder / "place"
    quiet = played(scene, prepared, folder / "quiet", [])
    for die_at in sorted(chance.choices(kinds(quiet["places"]), k=losses)):
        shutil.copytree(prepared, place)
        scene.begin(place)
        try:
            disk = Disk(place)
            for one in recorded(name, folder, place, die_at):
                disk.do(one)
            told = _lost(scene, place, disk, chance)
        finally:
            scene.end(place)
            shutil.rmtree(place)
        yield {"at": quiet["places"][die_at - 1], "differences": differences(quiet, told)}


def _lost(scene: Scene, place: Path, disk: Disk, chance: random.Random) -> dict[str, Any]:
    """Lose power, with nothing kept or something, and play to the end."""
    disk.build(place, chance if chance.random() < 0.7 else None)
    told = in_a_fork(scene, place, 0)
    assert told
    return told


@click.command
@click.argument("name")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--losses", default=20, help="How many times power is lost.")
@click.option("--seed", default=1, help="Other numbers lose it at others.")
@click.option("--play", type=int, help="Only play in a prepared folder, killed at this boundary.")
def main(name: str, folder: Path, losses: int, seed: int, play: int | None) -> None:
    """Print, for each loss of power, the moment and what was not as it should be."""
    scene = SCENES[name]
    if play is not None:
        os.environ["M2AGENT_HOME"] = str(folder.parent / "home")
        if in_a_fork(scene, folder, play) is None and not play:
            sys.exit(1)
        return
    try:
        for told in lost(name, folder, losses, random.Random(seed)):
            print(json.dumps(told), flush=True)
    except Skipped as skipped:
        print(json.dumps({"skipped": str(skipped)}))


if __name__ == "__main__":
    main()
