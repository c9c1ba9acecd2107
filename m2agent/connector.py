"""What a connector is: one service in the user's words, found through an entry point.

    [project.entry-points."m2agent.connectors"]
    wiki = "my_package:Wiki"

The class names its `kind`, which is the first half of its tools' names, so that several services
can stand for the same thing: `mail_search` is Gmail's or the local mailbox's.
"""

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, Self, TypeVar, cast, runtime_checkable

from m2agent.errors import SetupError
from m2agent.tool import Tool

if TYPE_CHECKING:
    from pydantic import BaseModel

Checked = TypeVar("Checked", bound="BaseModel")

_EXTRAS = {"gmail": "google"}
"""What brings a connector's libraries, where it is not called like the connector."""


@dataclass(frozen=True)
class Account:
    """One configured use of a connector.

    `settings` is its table of the configuration without `connector`, unchecked; `folder` is the
    connector's to keep state in, and is made by it; `work` is the work folder of the run.
    """

    name: str
    folder: Path
    work: Path
    settings: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def checked(self, model: type[Checked]) -> Checked:
        """The settings as `model` has them. Raises SetupError for one that is wrong, or unknown."""
        from pydantic import ValidationError

        try:
            return model.model_validate(dict(self.settings))
        except ValidationError as error:
            problem = error.errors(include_url=False)[0]
            key = ".".join(str(part) for part in problem["loc"])
            unknown = problem["type"] == "extra_forbidden"
            why = "there is no such setting" if unknown else problem["msg"]
            near = difflib.get_close_matches(key, model.model_fields, n=1)
            hint = f" Did you mean {near[0]}?" if near and near[0] != key else ""
            known = ", ".join(model.model_fields)
            raise SetupError(
                f"The setting {key!r} of the account {self.name!r} is wrong: {why}.{hint}",
                fix=f"Correct it under [accounts.{self.name}]; there can be: {known}.",
            ) from error


class Connector(Protocol):
    """One service, opened. Its tools are the attributes made by `@tool`."""

    name: ClassVar[str]
    kind: ClassVar[str]

    @classmethod
    async def open(cls, account: Account) -> Self:
        """Connect, check nothing that costs time. Raises SetupError with the fix."""
        ...

    def describe(self) -> str:
        """How it stands, for a person, in a few words: what it holds, how it is confined."""
        ...

    async def close(self) -> None:
        """Let go of everything; what is still running is ended."""
        ...


@runtime_checkable
class Remote(Protocol):
    """What a connector has besides if its service is elsewhere: for `m2agent connections`."""

    async def whoami(self) -> str:
        """Ask the service, and say for a person as whom, and what that lets one do.

        Raises SetupError or ToolFailed.
        """
        ...

    @classmethod
    async def revoke(cls, account: Account) -> str:
        """End the access and forget its secrets; says what was done, and what is left to do."""
        ...


@runtime_checkable
class Offering(Protocol):
    """A connector that knows its tools only once it is open."""

    kind: ClassVar[str]

    def offered(self) -> Sequence[Tool]:
        """Its tools as they are now; they may change while it is open."""
        ...


def tools_of(connector: Connector | Offering) -> Iterator[tuple[str, Tool]]:
    """The connector's tools under their full names, in the order they are written down.

    A tool named like its kind is called just that.
    """
    if isinstance(connector, Offering):
        yield from ((f"{connector.kind}_{tool.name}", tool) for tool in connector.offered())
        return
    for cls in reversed(type(connector).__mro__):
        for attribute in vars(cls).values():
            if isinstance(attribute, Tool):
                same = attribute.name == connector.kind
                yield attribute.name if same else f"{connector.kind}_{attribute.name}", attribute


def connector_named(name: str) -> type[Connector]:
    """The connector class behind `connector = "NAME"`. Raises SetupError if there is none."""
    found = entry_points(group="m2agent.connectors", name=name)
    for entry in found:
        try:
            return cast(type[Connector], entry.load())
        except ModuleNotFoundError as error:
            raise SetupError(
                f"The connector {name!r} needs the package {error.name!r}.",
                fix=f"Run: pip install 'm2agent[{_EXTRAS.get(name, name)}]'",
            ) from error
        except (ImportError, AttributeError) as error:
            raise SetupError(
                f"The connector {name!r} cannot be loaded from {entry.value}: {error}.",
                fix="Install the package that brings it again, then try once more.",
            ) from error
    known = ", ".join(sorted(entry_points(group="m2agent.connectors").names))
    raise SetupError(
        f"There is no connector called {name!r}. Installed are: {known}.",
        fix="Correct it in the configuration: m2agent doctor shows where that is.",
    )
