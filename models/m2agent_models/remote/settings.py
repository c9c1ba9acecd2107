"""`[remote]` of the configuration: what a person may choose about hosted models."""

import difflib
from typing import Any

import pydantic

from m2agent.errors import SetupError
from m2agent_models.remote.providers import Form


class RemoteSettings(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    thinking: Form | None = None
    """How earlier thinking goes back, where it is not as the provider has it."""
    base_url: str | None = None
    """Another server of the provider's interface."""
    effort: str | None = None
    """How much the model thinks: low, medium or high."""
    context: int | None = pydantic.Field(default=None, gt=0)
    """Tokens that the model takes, where litellm does not know it."""
    fallbacks: list[str] = []
    """Models, as PROVIDER/MODEL, that are asked in turn when one cannot answer."""
    patience: float = pydantic.Field(default=180.0, ge=0)
    """Seconds in all that a turn waits for a provider that is busy."""


def read(table: dict[str, Any]) -> RemoteSettings:
    """Raises SetupError with the nearest known key."""
    try:
        return RemoteSettings.model_validate(table)
    except pydantic.ValidationError as error:
        problem = error.errors(include_url=False)[0]
        key = ".".join(str(part) for part in problem["loc"])
        words = problem["msg"]
        if problem["type"] == "extra_forbidden":
            near = difflib.get_close_matches(key, RemoteSettings.model_fields, n=1)
            words = f"did you mean {near[0]}?" if near else "there is no such key"
        raise SetupError(
            f"[remote] is wrong: {key}: {words}",
            fix="Correct it in the configuration: m2agent doctor shows where that is.",
        ) from error
