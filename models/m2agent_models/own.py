"""A person's own GGUF files, under names like those of the catalogue.

Nothing is copied: the folder of models gets a link to each file.
"""

import re
from pathlib import Path

from m2agent.errors import SetupError, UsageError
from m2agent.home import models, private
from m2agent_models.catalogue import CATALOGUE, Entry, first_file
from m2agent_models.engine import gguf
from m2agent_models.engine.placement import cache_values

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]*")
_PART = re.compile(r"-\d{5}-of-\d{5}$")


def add(path: Path, name: str = "") -> Entry:
    """Give a GGUF (for one in parts: the first) a name; without one it is that of the file.

    Raises SetupError for a file that is no model, UsageError for a name that cannot be.
    """
    header = gguf.read(path.expanduser().absolute())
    name = name or _PART.sub("", path.stem).lower()
    if not _NAME.fullmatch(name):
        raise UsageError(f"{name!r} cannot be a name: take small letters, digits, dots and dashes.")
    if any(entry.name == name for entry in CATALOGUE):
        raise UsageError(f"{name} is a model of the catalogue. Choose another: --name NAME")
    folder = private(models())
    if first_file(folder, name):
        raise UsageError(f"There is a model {name} already. Choose another: --name NAME")
    for place, file in enumerate(header.files, 1):
        part = "" if len(header.files) == 1 else f"-{place:05}-of-{len(header.files):05}"
        (folder / f"{name}{part}.gguf").symlink_to(file)
    return _entry(name, header)


def own() -> list[Entry]:
    """The files in the folder of models that are not of the catalogue, as far as they are whole."""
    known = {entry.name for entry in CATALOGUE}
    found: list[Entry] = []
    for file in sorted(models().glob("*.gguf")):
        name = _PART.sub("", file.stem)
        if name in known or any(entry.name == name for entry in found):
            continue
        try:
            found.append(_entry(name, gguf.read(file)))
        except SetupError:
            continue
    return found


def _entry(name: str, header: gguf.Header) -> Entry:
    experts = sum(t.bytes for _, tensors in gguf.layers(header) for t in tensors if t.experts)
    return Entry(
        name=name,
        title=str(header.keys.get("general.name") or header.architecture),
        repository="",
        quant="",
        size=header.bytes,
        dense=header.bytes - experts,
        cache=cache_values(header),
        note="your own",
    )
