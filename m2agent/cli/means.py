"""What the terminal UI can have done: models fetched, settings written, commands begun."""

import sys
import tomllib
from collections.abc import Iterator, Sequence
from typing import Any

import pydantic

from m2agent.cli import settings_file
from m2agent.cli.choose import choose
from m2agent.errors import SetupError
from m2agent.home import config_file, journal_file
from m2agent.home import models as models_folder
from m2agent.settings import LimitSettings, ScreenSettings, Settings, read_settings
from m2agent_models.catalogue import CATALOGUE, STARTER, Entry, recommended
from m2agent_models.engine.machine import Machine, memory_speed, this_machine
from m2agent_models.own import own
from m2agent_tui.means import Progress, Setting, Thinker
from m2agent_tui.start import Start

_RUNS_BEST = ("fits", "fits with offload", "fits on the CPU", "does not fit")
_SMALL = ("local", STARTER)
_GROUPS: dict[str, type[pydantic.BaseModel]] = {
    "": Settings,
    "limits": LimitSettings,
    "screen": ScreenSettings,
}
_ELSEWHERE = {"accounts", "roles", "limits", "screen", "engine", "mcp", "screen.keys"}
"""Keys that hold tables: each of these has a place of its own."""


class CommandLineMeans:
    """`model` and `office` are what was asked for on the command line; a choice replaces them."""

    def __init__(self, model: str | None, office: str | None) -> None:
        self._model = model
        self._office = office

    def start(self) -> Start:
        first = not (self._model or self._office or config_file().exists())
        first = first and not journal_file().exists()
        setup = choose(self._model, self._office)
        return Start(setup, _notice(setup.model), first, setup.model in _SMALL)

    def machine(self) -> str:
        return str(this_machine())

    def models(self) -> Sequence[Thinker]:
        return thinkers(this_machine(), memory_speed())

    def pull(self, name: str, progress: Progress) -> None:
        from m2agent_models.pull import pull

        pull(name, models_folder(), progress)

    def use(self, model: str) -> None:
        settings_file.write("model", model)
        self._model = None

    def use_sample_office(self) -> None:
        self._office = "sample"

    def settings(self) -> Sequence[Setting]:
        return list(_every(read_settings(config_file())))

    def write(self, key: str, value: str) -> None:
        settings_file.write(key, _value(key, value) if value else None)

    def command(self, *words: str) -> Sequence[str]:
        return [sys.executable, "-m", "m2agent", *words]


def thinkers(machine: Machine, memory: float) -> list[Thinker]:
    """What could think on a machine whose memory gives so many bytes a second, the best first."""
    best = recommended(machine)

    def place(entry: Entry) -> tuple[bool, int, bool, float]:
        verdict = _RUNS_BEST.index(entry.verdict(machine))
        return entry is not best, verdict, entry.name == STARTER, -entry.size

    return [
        Thinker(
            entry.name,
            entry.title,
            entry.size,
            entry.verdict(machine),
            entry.path.exists(),
            entry.note,
            entry.speed(machine, memory),
            entry is best,
        )
        for entry in (*own(), *sorted(CATALOGUE, key=place))
    ]


def _every(settings: Settings) -> Iterator[Setting]:
    """Every key that holds one value."""
    for group, kind in _GROUPS.items():
        table: Any = getattr(settings, group) if group else settings
        for name, field in kind.model_fields.items():
            key = f"{group}.{name}" if group else name
            if key not in _ELSEWHERE:
                value = getattr(table, name)
                shown = str(value).lower() if isinstance(value, bool) else str(value)
                yield Setting(key, shown, field.description or "")


def _value(key: str, text: str) -> Any:
    """A value as the key's type has it, so that it is written as such: 7, true, "seven"."""
    group, _, name = key.rpartition(".")
    field = _GROUPS[group].model_fields[name]
    if field.annotation is str:
        return text
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError as error:
        raise SetupError(f"{key}: {text!r} is not such a value.", fix=str(field.description)) from (
            error
        )


def _notice(model: str) -> str:
    """What a person should know of the starter before they trust it with anything."""
    if model not in _SMALL:
        return ""
    better = recommended(this_machine())
    words = (
        "The starter model is very small. It does short tasks, one at a time: find something and"
        " file it, answer a mail by a draft, label mails, look something up, enter an invoice. Look"
        " at what it did; for real work take a bigger one."
    )
    if better.name == STARTER:
        return words
    return f"{words} Better on this machine: {better.name}. Type /model to fetch it."
