"""Conversations on disk, so that an engine that starts anew does not read them again.

The state is kept in blocks of a few tokens. Each is written once, as soon as it is full, and named
after all tokens up to its end: conversations that begin alike share blocks, and an engine that is
killed loses less than one of them.

How conversations begin, the system text and the tools, is the same for every run and is kept
unasked, up to `openings` gigabytes: a new engine reads the person's words and no more. What is
said and done in them is kept only where the person set `keep`. A prompt whose system text or
tools differ, be it in the date, has another opening from there on.
"""

import hashlib
import logging
import os
import time
import zlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from m2agent.home import private
from m2agent_models.engine import Tokens
from m2agent_models.engine.sequences import Sequence, Sequences

_log = logging.getLogger(__name__)
BLOCK = 64
"""Tokens: 8 MB of M2's cache in q8_0."""

_CHECK = 4


class States(Protocol):
    """What of llama.cpp is needed here."""

    def state(self, sequence: int, start: int, end: int) -> bytes: ...

    def restore(self, sequence: int, state: bytes) -> bool: ...


@dataclass
class _Block:
    """`used` is when a turn last began with it, `place` its number in the conversation."""

    used: float
    place: int
    size: int


class Kept:
    """The blocks in a folder, those used the longest time ago given up beyond `quota` bytes."""

    def __init__(
        self, llama: States, folder: Path, quota: int, model: str, *, openings: bool = False
    ) -> None:
        """`model` names the weights and the type of the cache; other models' blocks count too.

        With `openings` nothing else is kept.
        """
        self._llama = llama
        self._folder = private(folder)
        self._quota = quota
        self._model = hashlib.sha256(model.encode())
        self._openings = openings
        self._now = time.time()
        self._blocks: dict[str, _Block] = {}
        for file in folder.glob("[0-9]" * 6 + "-*"):
            about = file.stat()
            place = int(file.name.partition("-")[0])
            self._blocks[file.name] = _Block(about.st_mtime, place, about.st_size)
        self._size = sum(block.size for block in self._blocks.values())

    def recall(self, sequences: Sequences, sequence: Sequence, prompt: Tokens) -> None:
        """Let a sequence that was just taken hold what is here of its prompt."""
        self._now = time.time()
        here = list(self._beginning(prompt[:-1]))
        for name in here:
            self._blocks[name].used = self._now
            with suppress(OSError):
                os.utime(self._folder / name, (self._now, self._now))
        end, have = len(here) * BLOCK, len(sequence.tokens)
        if end - have < BLOCK or not sequences.make_room(end - have, beside=sequence.beside):
            return
        first = have // BLOCK
        sequences.cut(sequence, first * BLOCK)
        for place, name in enumerate(here[first:], first):
            tokens = prompt[place * BLOCK : (place + 1) * BLOCK]
            if not self._load(sequence, name, tokens):
                break
            sequences.extend(sequence, tokens)
        _log.info("%d tokens came from the disk", len(sequence.tokens) - first * BLOCK)

    def note(self, sequence: Sequence, added: int, opening: int) -> None:
        """Write what is full now that so many tokens were added, of which it begins with some."""
        end = len(sequence.tokens)
        if self._openings:
            if end - added < opening:
                self.save(sequence, min(end, opening))
        elif end % BLOCK < added:
            self.save(sequence, end)

    def save(self, sequence: Sequence, end: int) -> None:
        """Write the blocks of a sequence's beginning that are full and not here yet."""
        for place, name in enumerate(self._names(sequence.tokens[:end])):
            if name not in self._blocks:
                start, end = place * BLOCK, (place + 1) * BLOCK
                state = self._llama.state(sequence.number, start, end)
                if not self._write(name, place, sequence.tokens[start:end].tobytes() + state):
                    return

    def _names(self, tokens: Tokens) -> Iterator[str]:
        digest = self._model.copy()
        for place in range(len(tokens) // BLOCK):
            digest.update(tokens[place * BLOCK : (place + 1) * BLOCK])
            yield f"{place:06}-{digest.hexdigest()[:40]}"

    def _beginning(self, prompt: Tokens) -> Iterator[str]:
        for name in self._names(prompt):
            if name not in self._blocks:
                return
            yield name

    def _write(self, name: str, place: int, body: bytes) -> bool:
        size = _CHECK + len(body)
        if not self._make_room(size):
            return False
        try:
            with (self._folder / name).open("wb") as file:
                file.write(_check(name, body))
                file.write(body)
        except OSError as error:
            _log.warning("nothing more is kept on disk: %s", error)
            self._quota = 0
            return False
        self._blocks[name] = _Block(self._now, place, size)
        self._size += size
        return True

    def _load(self, sequence: Sequence, name: str, tokens: Tokens) -> bool:
        """A file that was cut short or changed is removed; nothing of it gets into the cache."""
        wanted = tokens.tobytes()
        try:
            data = (self._folder / name).read_bytes()
        except OSError:
            data = b""
        body = data[_CHECK:]
        whole = data[:_CHECK] == _check(name, body) and body.startswith(wanted)
        if whole and self._llama.restore(sequence.number, body[len(wanted) :]):
            return True
        _log.warning("the kept block %s is damaged", name)
        self._drop(name)
        return False

    def _make_room(self, size: int) -> bool:
        """Give up blocks that no turn since the last one began uses, a conversation's end first."""
        while self._size + size > self._quota:
            old = [name for name, block in self._blocks.items() if block.used < self._now]
            if not old:
                return False
            self._drop(min(old, key=lambda n: (self._blocks[n].used, -self._blocks[n].place)))
        return True

    def _drop(self, name: str) -> None:
        (self._folder / name).unlink(missing_ok=True)
        self._size -= self._blocks.pop(name).size


def _check(name: str, body: bytes) -> bytes:
    return zlib.crc32(body, zlib.crc32(name.encode())).to_bytes(_CHECK, "little")
