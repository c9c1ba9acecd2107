"""What a GGUF file says about itself, read in milliseconds and without trusting a byte of it.

Files are found wanting here, in words, before llama.cpp sees them: truncated, foreign, a shard
missing. Only sizes and short values are read, never weights.
"""

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any, BinaryIO, cast

from m2agent.errors import SetupError

TOOLS_KEY = "m2agent.tools"
"""How the model is told of its tools: "brief", or as M2 is, in full."""

_MAGIC = b"GGUF"
_STRING, _ARRAY = 8, 9
_SCALARS = dict(zip((0, 1, 2, 3, 4, 5, 6, 7, 10, 11, 12), "BbHhIif?Qqd", strict=True))
_MOST = 1_000_000
"""More keys, tensors or list items than any real file has."""

_SHARD = re.compile(r"-(\d{5})-of-(\d{5})\.gguf$")

# ggml's tensor types: id -> (values in a block, bytes of a block). Others count as 4 bytes a value.
_BLOCKS = {
    0: (1, 4), 1: (1, 2), 2: (32, 18), 3: (32, 20), 6: (32, 22), 7: (32, 24), 8: (32, 34),
    10: (256, 84), 11: (256, 110), 12: (256, 144), 13: (256, 176), 14: (256, 210), 16: (256, 66),
    17: (256, 74), 18: (256, 98), 19: (256, 50), 20: (32, 18), 21: (256, 110), 22: (256, 82),
    23: (256, 136), 29: (256, 56), 30: (1, 2), 39: (32, 17),
}  # fmt: skip


@dataclass(frozen=True)
class Tensor:
    name: str
    type: int
    bytes: int

    @property
    def experts(self) -> bool:
        """Whether it holds experts, of which each token takes only a few."""
        return "_exps." in self.name


@dataclass(frozen=True)
class Header:
    """The keys, without long lists, and all tensors of a model, whatever its number of files."""

    path: Path
    files: tuple[Path, ...]
    keys: dict[str, Any]
    tensors: tuple[Tensor, ...]

    @property
    def architecture(self) -> str:
        return str(self.keys.get("general.architecture", ""))

    @property
    def template(self) -> str:
        return str(self.keys.get("tokenizer.chat_template", ""))

    @property
    def bytes(self) -> int:
        """The size of all weights."""
        return sum(tensor.bytes for tensor in self.tensors)

    def number(self, key: str, default: int = 0) -> int:
        """A whole number under the architecture's own prefix; the largest of one for each layer."""
        value = self.keys.get(f"{self.architecture}.{key}", default)
        values = cast(list[Any], value) if isinstance(value, list) else [value]
        return max((int(v) for v in values), default=default)


def read(path: Path) -> Header:
    """Read a model's header, with those of its other shards.

    Raises SetupError for a file that is missing, truncated, no GGUF, or not the first of several.
    """
    files = _shards(path)
    keys: dict[str, Any] = {}
    tensors: list[Tensor] = []
    for file in files:
        own, found = _read_file(file)
        keys = keys or own
        tensors += found
    if "general.architecture" not in keys or not tensors:
        raise _wrong(path, "holds no language model")
    return Header(path, files, keys, tuple(tensors))


def _shards(path: Path) -> tuple[Path, ...]:
    match = _SHARD.search(path.name)
    if match is None:
        return (path,)
    first, count = int(match[1]), int(match[2])
    stem = path.name[: match.start()]
    files = tuple(path.with_name(f"{stem}-{i:05}-of-{count:05}.gguf") for i in range(1, count + 1))
    if first != 1:
        raise SetupError(
            f"{path.name} is part {first} of {count}.", fix=f"Name the first part: {files[0]}"
        )
    for file in files:
        if not file.exists():
            raise SetupError(
                f"{file.name} is missing: the model has {count} parts that lie side by side.",
                fix=f"Put it next to: {path}",
            )
    return files


def _read_file(path: Path) -> tuple[dict[str, Any], list[Tensor]]:
    try:
        with path.open("rb") as file:
            return _Reader(path, file).read()
    except FileNotFoundError as error:
        raise SetupError(
            f"There is no model file {path}.", fix="See what there is: m2agent models"
        ) from error
    except IsADirectoryError as error:
        raise SetupError(
            f"{path} is a folder.", fix="Name the GGUF file in it; of one in parts, the first."
        ) from error
    except OSError as error:
        raise SetupError(
            f"The model file {path} cannot be read: {error.strerror}.",
            fix=f"Look at its rights: ls -l {path}",
        ) from error


class _Reader:
    def __init__(self, path: Path, file: BinaryIO) -> None:
        self._path = path
        self._file = file
        self._size = path.stat().st_size

    def read(self) -> tuple[dict[str, Any], list[Tensor]]:
        if self._file.read(4) != _MAGIC:
            raise _wrong(self._path, "is no GGUF file")
        version = self._scalar("I")
        if version not in (2, 3):
            raise _wrong(self._path, f"is GGUF version {version}, which nothing here can read")
        count, pairs = self._count(), self._count()
        keys = {self._string(): self._value(self._scalar("I")) for _ in range(pairs)}
        tensors, end = self._tensors(count)
        alignment = int(keys.get("general.alignment", 32) or 32)
        data = -(-self._file.tell() // alignment) * alignment
        if data + end > self._size:
            missing = data + end - self._size
            raise _wrong(self._path, f"is truncated: its last {missing:,} bytes are missing")
        return keys, tensors

    def _tensors(self, count: int) -> tuple[list[Tensor], int]:
        """The tensors, and where the last one ends in the data section."""
        tensors: list[Tensor] = []
        end = 0
        for _ in range(count):
            name = self._string()
            shape = [self._scalar("Q") for _ in range(min(self._scalar("I"), 8))]
            kind, offset = self._scalar("I"), self._scalar("Q")
            values, size = _BLOCKS.get(kind, (1, 4))
            taken = prod(shape) * size // values
            tensors.append(Tensor(name, kind, taken))
            # A type that is not in the table has an unknown size: only its start is certain.
            end = max(end, offset + (taken if kind in _BLOCKS else 0))
        return tensors, end

    def _value(self, kind: int) -> Any:
        if kind == _STRING:
            return self._string()
        if kind == _ARRAY:
            return self._array()
        if kind not in _SCALARS:
            raise _wrong(self._path, "is damaged: it has a value of an unknown type")
        return self._scalar(_SCALARS[kind])

    def _array(self) -> list[Any] | None:
        """A short list of numbers as it is; a long one, or one of strings, is only skipped."""
        kind, count = self._scalar("I"), self._count()
        if kind == _STRING:
            for _ in range(count):
                self._skip(self._scalar("Q"))
            return None
        if kind not in _SCALARS:
            raise _wrong(self._path, "is damaged: it has a list of an unknown type")
        if count > 1024:
            self._skip(count * struct.calcsize(_SCALARS[kind]))
            return None
        return [self._scalar(_SCALARS[kind]) for _ in range(count)]

    def _count(self) -> int:
        count = self._scalar("Q")
        if count > _MOST:
            raise _wrong(self._path, "is damaged: its header has impossible sizes")
        return count

    def _string(self) -> str:
        length = self._scalar("Q")
        if length > self._size:
            raise _wrong(self._path, "is damaged: its header has impossible sizes")
        return self._take(length).decode("utf-8", "replace")

    def _scalar(self, code: str) -> Any:
        return struct.unpack(f"<{code}", self._take(struct.calcsize(f"<{code}")))[0]

    def _take(self, length: int) -> bytes:
        taken = self._file.read(length)
        if len(taken) < length:
            raise _wrong(self._path, "is truncated: it ends inside its header")
        return taken

    def _skip(self, length: int) -> None:
        if length > self._size:
            raise _wrong(self._path, "is damaged: its header has impossible sizes")
        self._file.seek(length, 1)


def _wrong(path: Path, what: str) -> SetupError:
    return SetupError(
        f"{path} {what}.", fix="Fetch it again, or name another file: m2agent models pull NAME"
    )


def layers(header: Header) -> Iterator[tuple[int, list[Tensor]]]:
    """The tensors of each layer, in order."""
    found: dict[int, list[Tensor]] = {}
    for tensor in header.tensors:
        if match := re.match(r"blk\.(\d+)\.", tensor.name):
            found.setdefault(int(match[1]), []).append(tensor)
    yield from sorted(found.items())
