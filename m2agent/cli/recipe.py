"""A recipe: a task that is done again and again, in a TOML file.

    task = "Enter the invoices of week {{week}} into the table {{table}}."
    accounts = ["mail", "notes"]
    on_ask = "park"

    [parameters.week]
    description = "The number of the week."

    [parameters.table]
    default = "Invoices"

    [limits]
    turns = 100

`m2agent run invoices.toml --set week=47`. Paths in it (`rules`, `schema`) are seen from its folder.
What stands on the command line goes before what stands in the recipe.
"""

import difflib
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import pydantic

from m2agent.cli.options import Leg, read_file
from m2agent.desk import Setup
from m2agent.errors import UsageError

_PLACE = re.compile(r"\{\{\s*([A-Za-z_][A-Za-z0-9_-]*)\s*\}\}")
_FORBID = pydantic.ConfigDict(extra="forbid", frozen=True)


class Parameter(pydantic.BaseModel):
    model_config = _FORBID

    description: str = ""
    default: str | int | float | None = None


class RecipeLimits(pydantic.BaseModel):
    model_config = _FORBID

    turns: int | None = pydantic.Field(default=None, gt=0)
    minutes: float | None = pydantic.Field(default=None, gt=0)
    tokens: int | None = pydantic.Field(default=None, gt=0)
    cost: float | None = pydantic.Field(default=None, ge=0)


class Table(pydantic.BaseModel):
    """All keys of a recipe."""

    model_config = _FORBID

    task: str
    description: str = ""
    model: str | None = None
    accounts: list[str] | None = None
    rules: str | None = None
    schema_file: str | None = pydantic.Field(default=None, alias="schema")
    on_ask: Literal["park", "deny", "allow", "stdio"] | None = None
    parameters: dict[str, Parameter] = {}
    limits: RecipeLimits = RecipeLimits()


@dataclass(frozen=True)
class Recipe:
    """A recipe that was read; `file` is where it stands."""

    file: Path
    table: Table

    def task(self, given: Mapping[str, str]) -> str:
        """The task with every parameter in its place. Raises UsageError for one too many or few."""
        known = self.table.parameters
        for name in given:
            if name not in known:
                near = difflib.get_close_matches(name, known, n=1)
                hint = f"did you mean {near[0]}?" if near else f"it has {_listed(known)}"
                raise UsageError(f"{self.file.name} has no parameter {name!r}; {hint}.")
        values = {n: str(p.default) for n, p in known.items() if p.default is not None}
        values.update(given)
        if missing := [name for name in known if name not in values]:
            lines = [f"  --set {n}=…  {known[n].description}".rstrip() for n in missing]
            raise UsageError("\n".join([f"{self.file.name} needs {_listed(missing)}:", *lines]))
        return _PLACE.sub(lambda place: values[place[1]], self.table.task)

    def leg(self, leg: Leg, *, asked: bool) -> Leg:
        """The leg with the recipe's bounds where none were given; `asked`: --on-ask was."""
        limits = self.table.limits
        return Leg(
            leg.on_ask if asked else self.table.on_ask or leg.on_ask,
            leg.rules or self.beside(self.table.rules),
            leg.turns or limits.turns,
            leg.minutes if leg.minutes is not None else limits.minutes,
            leg.tokens or limits.tokens,
            leg.cost if leg.cost is not None else limits.cost,
        )

    def beside(self, name: str | None) -> str | None:
        """A path of the recipe, seen from its folder."""
        return str(self.file.parent / Path(name).expanduser()) if name else None

    def within(self, setup: Setup) -> Setup:
        """The setup with only the recipe's accounts. Raises UsageError for one there is not."""
        if self.table.accounts is None:
            return setup
        for name in self.table.accounts:
            if name not in setup.accounts:
                raise UsageError(
                    f"{self.file.name} wants the account {name!r}; there are "
                    f"{_listed(setup.accounts)}."
                )
        return replace(setup, accounts={n: setup.accounts[n] for n in self.table.accounts})


def read_recipe(path: str) -> Recipe:
    """Raises UsageError naming what is wrong in it, with the nearest known key."""
    file = Path(path).expanduser().absolute()
    try:
        recipe = Recipe(file, Table.model_validate(tomllib.loads(read_file(file, "The recipe"))))
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"The recipe {path} is no TOML: {error}.") from error
    except pydantic.ValidationError as error:
        problems = "; ".join(_explain(problem) for problem in error.errors(include_url=False))
        raise UsageError(f"The recipe {path} is wrong: {problems}.") from error
    places = set(_PLACE.findall(recipe.table.task))
    if unknown := sorted(places - recipe.table.parameters.keys()):
        raise UsageError(
            f"The recipe {path} is wrong: its task has {{{{{unknown[0]}}}}}, and there is no "
            f"[parameters.{unknown[0]}]."
        )
    if unused := sorted(recipe.table.parameters.keys() - places):
        raise UsageError(f"The recipe {path} is wrong: its task has no {{{{{unused[0]}}}}}.")
    return recipe


def pairs(given: Iterable[str]) -> dict[str, str]:
    """--set NAME=VALUE, each once."""
    found: dict[str, str] = {}
    for one in given:
        name, equals, value = one.partition("=")
        if not equals or not name:
            raise UsageError(f"--set {one!r} is not written NAME=VALUE.")
        if name in found:
            raise UsageError(f"--set {name} is given twice.")
        found[name] = value
    return found


def _explain(problem: Any) -> str:
    *parents, key = [str(part) for part in problem["loc"]] or [""]
    where = ".".join([*parents, key])
    if problem["type"] != "extra_forbidden":
        return f"{where}: {problem['msg']}"
    known = RecipeLimits.model_fields if parents == ["limits"] else Table.model_fields
    names = [field.alias or name for name, field in known.items()]
    near = difflib.get_close_matches(key, names, n=1)
    hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(names)}"
    return f"there is no key {where}, {hint}"


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names) or "none"
