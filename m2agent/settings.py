"""The configuration: one TOML file, checked as a whole, with every key documented here.

`m2agent doctor` prints these texts, so they are written for the person who edits the file.
"""

import difflib
import tomllib
from pathlib import Path
from typing import Any, Literal

import pydantic

from m2agent.errors import SetupError

_FORBID = pydantic.ConfigDict(extra="forbid", frozen=True)


class AccountSettings(pydantic.BaseModel):
    """One account; what else stands in its table belongs to its connector."""

    model_config = pydantic.ConfigDict(extra="allow", frozen=True)

    connector: str = pydantic.Field(description="Which connector opens it, such as local-mail.")


class McpSettings(pydantic.BaseModel):
    """A server that speaks MCP; `${NAME}` in its values is kept elsewhere."""

    model_config = _FORBID

    command: list[str] = pydantic.Field(
        default_factory=list[str], description="What starts it, word by word."
    )
    url: str = pydantic.Field(default="", description="Or where it runs already.")
    env: dict[str, str] = pydantic.Field(
        default_factory=dict[str, str], description="What its environment has besides the usual."
    )
    headers: dict[str, str] = pydantic.Field(
        default_factory=dict[str, str], description="Sent with each request to its url."
    )
    folder: str = pydantic.Field(default="", description="Where it is started.")
    seconds: float = pydantic.Field(
        default=120.0, gt=0, description="How long a call may take before it counts as lost."
    )


class LimitSettings(pydantic.BaseModel):
    model_config = _FORBID

    turns: int = pydantic.Field(
        default=200, gt=0, description="Turns of the model before a run stops."
    )
    minutes: float = pydantic.Field(default=240.0, gt=0, description="Minutes before a run stops.")
    tokens: int = pydantic.Field(
        default=4_000_000, gt=0, description="Tokens read and written before a run stops."
    )
    cost: float = pydantic.Field(
        default=10.0, ge=0, description="Dollars spent on a hosted model before a run stops."
    )


class RoleSettings(pydantic.BaseModel):
    model_config = _FORBID

    about: str = pydantic.Field(
        default="", description="What a sub-agent of this role is told of its work."
    )
    tools: list[str] = pydantic.Field(
        default=["*"], description='The tools it has, such as ["mail_*", "notes_read"].'
    )
    effects: list[Literal["read", "write", "send", "destroy"]] = pydantic.Field(
        default=["read", "write", "send", "destroy"],
        description="What its tools may do; the rules hold besides.",
    )
    turns: int = pydantic.Field(default=60, gt=0, description="Turns before it stops.")
    minutes: float = pydantic.Field(default=60.0, gt=0, description="Minutes before it stops.")
    tokens: int = pydantic.Field(default=1_000_000, gt=0, description="Tokens before it stops.")


class ScreenSettings(pydantic.BaseModel):
    model_config = _FORBID

    theme: str = pydantic.Field(
        default="", description="The colours of the terminal UI; /theme shows all there are."
    )
    linear: bool = pydantic.Field(
        default=False, description="Plain lines for screen readers instead of a screen."
    )
    panel: bool = pydantic.Field(
        default=True, description="Show plan and engine at the side of a wide terminal."
    )
    notify: bool = pydantic.Field(
        default=True, description="Tell you on the desktop when a run needs you or ends."
    )
    keys: dict[str, str] = pydantic.Field(
        default_factory=dict[str, str],
        description='Other keys: runs = "f5", panel = "f9,ctrl+b"; F1 shows what there is.',
    )


class Settings(pydantic.BaseModel):
    model_config = _FORBID

    model: str = pydantic.Field(
        default="local",
        description="What thinks: local, a catalogue name, a GGUF's path, server:URL, remote:…",
    )
    person: str = pydantic.Field(default="", description="Your name, as the model should know it.")
    work: str = pydantic.Field(default="", description="The folder where files and commands work.")
    rules: str = pydantic.Field(default="", description="A TOML file with your rules.")
    accounts: dict[str, AccountSettings] = pydantic.Field(
        default_factory=dict[str, AccountSettings],
        description="Your accounts: [accounts.NAME] with its connector.",
    )
    mcp: dict[str, McpSettings] = pydantic.Field(
        default_factory=dict[str, McpSettings],
        description="MCP servers: [mcp.NAME] with a command or a url; its tools are NAME_TOOL.",
    )
    limits: LimitSettings = pydantic.Field(
        default_factory=LimitSettings, description="How far a run goes before it stops."
    )
    roles: dict[str, RoleSettings] = pydantic.Field(
        default_factory=dict[str, RoleSettings],
        description="Kinds of sub-agents, [roles.NAME], besides researcher, writer and checker.",
    )
    screen: ScreenSettings = pydantic.Field(
        default_factory=ScreenSettings, description="How the terminal UI looks and behaves."
    )
    remote: dict[str, Any] = pydantic.Field(
        default_factory=dict[str, Any],
        description="Hosted models: thinking, base_url, effort, context, fallbacks, patience.",
    )
    engine: dict[str, Any] = pydantic.Field(
        default_factory=dict[str, Any],
        description="Numbers of the local engine, such as context, that you choose yourself.",
    )


def read_settings(path: Path) -> Settings:
    """The settings in a file; the defaults where there is none.

    Raises SetupError that names the key, what is wrong with it, and the nearest known key.
    """
    try:
        table = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return Settings()
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SetupError(
            f"The configuration {path} cannot be read: {error}.",
            fix=f"Correct the file, or move it away: mv {path} {path}.old",
        ) from error
    try:
        return Settings.model_validate(table)
    except pydantic.ValidationError as error:
        problems = "; ".join(_explain(problem) for problem in error.errors(include_url=False))
        raise SetupError(
            f"The configuration {path} is wrong: {problems}.", fix=f"Correct it in: {path}"
        ) from error


def _explain(problem: Any) -> str:
    *parents, key = [str(part) for part in problem["loc"]]
    where = ".".join([*parents, key])
    if problem["type"] != "extra_forbidden":
        return f"{where}: {problem['msg']}"
    groups = {"limits": LimitSettings, "mcp": McpSettings, "roles": RoleSettings}
    groups |= {"screen": ScreenSettings}
    known = groups.get(parents[0], Settings).model_fields if parents else Settings.model_fields
    near = difflib.get_close_matches(key, known, n=1)
    hint = f"perhaps {near[0]} was meant" if near else f"known are {', '.join(known)}"
    return f"there is no key {where}; {hint}"
