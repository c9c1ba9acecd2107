"""A hosted model, asked through litellm, which is imported nowhere else.

A turn is asked for again only where nothing was generated and so nothing paid for: the provider
says that it is busy, or could not be reached. Then the next of the fallbacks is asked. What breaks
off in the middle ends the turn, and the run can be resumed.
"""

import asyncio
import os
import re
import time
import warnings
from collections.abc import AsyncGenerator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Self, cast

from m2agent.errors import ContextFull, ModelError
from m2agent.events import Broken, Called, Event, ToolSpec, Turned
from m2agent.model import ModelSettings, Piece
from m2agent.printable import one_line
from m2agent_models.remote.keys import key_of
from m2agent_models.remote.messages import hosted_messages
from m2agent_models.remote.providers import Form, Provider, named
from m2agent_models.remote.reading import Reading
from m2agent_models.remote.settings import RemoteSettings, read
from m2agent_models.server.overflow import overflow

_SILENT_SECONDS = 600.0
_LONGEST_MESSAGE = 300
_OLLAMA = 32_768
_LITELLM = re.compile(r"(?:litellm\.)?\w*(?:Error|Exception)(?:: | - )")


@dataclass(frozen=True)
class Host:
    """One model at one provider, ready to be asked."""

    name: str
    model: str
    provider: Provider
    form: Form
    key: str | None
    base: str | None

    @property
    def m2(self) -> bool:
        return "minimax" in self.name.lower()

    @property
    def litellm_name(self) -> str:
        return f"{self.provider.prefix}/{self.model}"

    @property
    def priced_as(self) -> str:
        """Its name in litellm's table of sizes and prices."""
        return f"{self.name.removesuffix('-anthropic')}/{self.model}"


@dataclass
class _Course:
    """How an answer went."""

    asked: float = field(default_factory=time.monotonic)
    first: float = 0.0
    reason: str = ""
    usage: dict[str, Any] = field(default_factory=dict[str, Any])


class Remote:
    """A hosted model, with others that stand in for it."""

    judges = True

    def __init__(
        self,
        litellm: Any,
        hosts: Sequence[Host],
        settings: RemoteSettings,
        info: dict[str, Any],
    ) -> None:
        self.name = hosts[0].model
        self._litellm = litellm
        self._hosts = hosts
        self._settings = settings
        self._info = info
        self._left: Any = None
        self.context: int | None = settings.context or info.get("max_input_tokens")
        if hosts[0].name == "ollama":
            # It cuts a prompt without a word where it is not told how much there will be.
            self.context = settings.context or min(self.context or _OLLAMA, _OLLAMA)

    @classmethod
    async def open(cls, rest: str, settings: dict[str, Any]) -> Self:
        """The model that `remote:PROVIDER/MODEL` names; nothing is asked of it yet.

        Raises UsageError for what names none, SetupError where a key is missing.
        """
        chosen = read(settings)
        hosts = [_host(one, chosen) for one in (rest, *chosen.fallbacks)]
        litellm = await asyncio.to_thread(_litellm)
        return cls(litellm, hosts, chosen, await asyncio.to_thread(_info, litellm, hosts[0]))

    async def reply(
        self, history: Sequence[Event], tools: Sequence[ToolSpec], settings: ModelSettings
    ) -> AsyncGenerator[Piece, None]:
        """One turn, as the contract of `Model` has it."""
        number = 1 + sum(isinstance(event, Turned) for event in history)
        until = time.monotonic() + self._settings.patience
        for place, host in enumerate(self._hosts):
            try:
                stream, course = await self._asked(host, history, tools, settings, until)
                break
            except ModelError as error:
                if isinstance(error, ContextFull) or place + 1 == len(self._hosts):
                    raise
        else:
            raise AssertionError("there is always a host")
        reading = Reading(tools, number, f"{host.name}/{host.model}", host.form, host.m2)
        try:
            async for chunk in stream:
                for piece in self._taken(chunk, course, reading):
                    yield piece
        except _broken_off() as error:
            raise _off(host) from error
        except _refusals() as error:
            raise self._failed(host, error) from error
        finally:
            with suppress(Exception):
                await stream.aclose()
        # litellm makes up an end where none came, and remembers that it did, but for Gemini.
        made_up = getattr(stream, "received_finish_reason", "") is None
        if not course.reason or (made_up and host.name != "gemini"):
            raise _off(host)
        parts = reading.close()
        for part in parts:
            yield part
        calls = any(isinstance(part, Called | Broken) for part in parts)
        yield self._turned(host, course, calls=calls)

    def outgoing(self, history: Sequence[Event], tools: Sequence[ToolSpec]) -> str:
        """The last request as litellm sent it; what it was given where it does not tell."""
        given = self._request(self._hosts[0], history, tools, ModelSettings())["messages"]
        return str(self._left or given)

    def describe(self) -> str:
        host = self._hosts[0]
        size = f", {self.context:,} tokens" if self.context else ", of unknown size"
        price = self._price(host)
        others = f"; else {', '.join(h.name + '/' + h.model for h in self._hosts[1:])}"
        return (
            f"{host.name}{f' at {host.base}' if host.base else ''}{size}, {price}, "
            f"thinking goes back as {host.form}{others if len(self._hosts) > 1 else ''}"
        )

    def caution(self) -> str:
        host = self._hosts[0]
        if not host.provider.key or host.name == "openrouter" or any(self._prices):
            return ""
        return (
            f"The price of {host.model} is not known here, so no limit on its cost can hold. "
            "Limit its tokens: --max-tokens"
        )

    async def close(self) -> None:
        with suppress(Exception):
            await self._litellm.close_litellm_async_clients()

    async def _asked(
        self,
        host: Host,
        history: Sequence[Event],
        tools: Sequence[ToolSpec],
        settings: ModelSettings,
        until: float,
    ) -> tuple[Any, _Course]:
        """The answer, still to come; a busy provider is asked again, for a while."""
        request = self._request(host, history, tools, settings)
        pause = 1.0
        while True:
            course = _Course()
            try:
                return await self._litellm.acompletion(**request), course
            except self._busy() as error:
                asked = _retry_after(error)
                wait = pause if asked is None else asked
                if time.monotonic() + wait > until:
                    raise self._failed(host, error) from error
                await asyncio.sleep(wait)
                pause = min(2 * pause, 30.0)
            except _refusals() as error:
                raise self._failed(host, error) from error

    def _request(
        self,
        host: Host,
        history: Sequence[Event],
        tools: Sequence[ToolSpec],
        settings: ModelSettings,
    ) -> dict[str, Any]:
        own = f"{host.name}/{host.model}"
        request: dict[str, Any] = {
            "model": host.litellm_name,
            "messages": hosted_messages(history, own, host.form, m2=host.m2),
            "stream": True,
            "stream_options": {"include_usage": True},
            "max_tokens": settings.max_tokens,
            "temperature": settings.temperature,
            "top_p": settings.top_p,
            "api_key": host.key or "none",
            "timeout": _SILENT_SECONDS,
            "num_retries": 0,
            "max_retries": 0,
            "drop_params": True,
            "logger_fn": self._watch,
            **host.provider.extra,
        }
        if host.base:
            request["api_base"] = host.base
        if host.name == "ollama":
            request["num_ctx"] = self.context
        if self._settings.effort and "reasoning_effort" in request:
            request["reasoning_effort"] = self._settings.effort
        if tools:
            request["tools"] = [_function(tool) for tool in tools]
        if settings.seed is not None:
            request["seed"] = settings.seed
        return request

    def _watch(self, details: dict[str, Any]) -> None:
        """litellm is about to send this."""
        self._left = details.get("additional_args", {}).get("complete_input_dict") or self._left

    def _taken(self, chunk: Any, course: _Course, reading: Reading) -> list[Piece]:
        course.first = course.first or time.monotonic()
        told = cast(dict[str, Any], chunk.model_dump(warnings=False))
        course.usage = told.get("usage") or course.usage
        out: list[Piece] = []
        for choice in cast(list[dict[str, Any]], told.get("choices") or []):
            course.reason = choice.get("finish_reason") or course.reason
            out += reading.feed(choice.get("delta") or {})
        return out

    def _turned(self, host: Host, course: _Course, *, calls: bool) -> Turned:
        usage, now = course.usage, time.monotonic()
        prompt = int(usage.get("prompt_tokens") or 0)
        written = int(usage.get("completion_tokens") or 0)
        details = cast(dict[str, Any], usage.get("prompt_tokens_details") or {})
        reused = int(details.get("cached_tokens") or usage.get("cache_read_input_tokens") or 0)
        first = course.first or now
        return Turned(
            "calls" if calls else "length" if course.reason == "length" else "stop",
            evaluated=max(0, prompt - reused),
            reused=reused,
            generated=written,
            prefill_seconds=first - course.asked,
            decode_seconds=now - first,
            context_used=prompt + written,
            context_size=self.context or 0,
            cost=self._cost(host, usage, prompt, written, reused),
        )

    def _cost(
        self, host: Host, usage: dict[str, Any], prompt: int, written: int, reused: int
    ) -> float:
        """In dollars: what the provider says, else what litellm's table of prices does."""
        if isinstance(usage.get("cost"), int | float):
            return float(usage["cost"])
        with suppress(Exception):  # a model that the table does not know
            into, out = self._litellm.cost_per_token(
                model=host.priced_as,
                prompt_tokens=prompt,
                completion_tokens=written,
                cache_read_input_tokens=reused,
            )
            return float(into + out)
        return 0.0

    @property
    def _prices(self) -> tuple[float | None, float | None]:
        """Dollars a token that goes in, and that comes out."""
        return self._info.get("input_cost_per_token"), self._info.get("output_cost_per_token")

    def _price(self, host: Host) -> str:
        if not host.provider.key:
            return "at no cost"
        if host.name == "openrouter":
            return "at OpenRouter's price"
        into, out = self._prices
        if not (into or out):
            return "at a price that is not known, so --max-cost cannot hold it"
        return f"${1e6 * (into or 0):g} in and ${1e6 * (out or 0):g} out per million tokens"

    def _busy(self) -> tuple[type[Exception], ...]:
        """What says that nothing was generated."""
        known = self._litellm.exceptions
        return (known.RateLimitError, known.ServiceUnavailableError, known.APIConnectionError)

    def _failed(self, host: Host, error: Exception) -> ModelError:
        known = self._litellm.exceptions
        words = one_line(_said(error), _LONGEST_MESSAGE).rstrip(".")
        counts = overflow(words, self.context)
        if counts or isinstance(error, known.ContextWindowExceededError):
            return ContextFull(*(counts or ((self.context or 0) + 1, self.context or 0)))
        if isinstance(error, known.AuthenticationError | known.PermissionDeniedError):
            keep = host.name.removesuffix("-anthropic")
            return ModelError(
                f"{host.name} does not accept the key: {words}. "
                f"Keep another one: m2agent models key {keep}"
            )
        if isinstance(error, known.RateLimitError):
            return ModelError(f"{host.name} has been busy for too long: {words}.")
        return ModelError(f"{host.name} could not answer: {words}.")


def _host(rest: str, settings: RemoteSettings) -> Host:
    name, provider, model = named(rest)
    return Host(
        name,
        model,
        provider,
        settings.thinking or provider.form,
        key_of(name, provider),
        settings.base_url or provider.base,
    )


def _info(litellm: Any, host: Host) -> dict[str, Any]:
    """Size and prices, out of litellm's table; Ollama is asked."""
    with suppress(Exception):  # a model that the table does not know
        name = host.litellm_name if host.name == "ollama" else host.priced_as
        return cast(dict[str, Any], litellm.get_model_info(name, api_base=host.base))
    return {}


def _litellm() -> Any:
    """The library, quiet, and offline until it is asked something."""
    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    os.environ.setdefault("LITELLM_LOG", "CRITICAL")
    warnings.filterwarnings("ignore", module=r"litellm|pydantic")
    import litellm

    library = cast(Any, litellm)
    library.telemetry = False
    library.suppress_debug_info = True
    library.disable_aiohttp_transport = True
    library.turn_off_message_logging = True
    return library


def _function(tool: ToolSpec) -> dict[str, Any]:
    function = {
        "name": tool.name,
        "description": tool.description,
        "parameters": tool.parameters,
    }
    return {"type": "function", "function": function}


def _said(error: Exception) -> str:
    """The provider's own words, without litellm's names before them."""
    text = str(getattr(error, "message", "") or error).partition("Traceback (most")[0]
    text = _LITELLM.sub("", text)
    found = re.search(r'"message"\s*:\s*"((?:[^"\\]|\\.)*)"', text)
    return found[1] if found else text


def _retry_after(error: Exception) -> float | None:
    headers: Any = getattr(getattr(error, "response", None), "headers", None) or {}
    asked = str(headers.get("retry-after", ""))
    return float(asked) if asked.isdecimal() else None


def _refusals() -> type[Exception]:
    """All that litellm raises: the errors of OpenAI's library, and children of theirs."""
    import openai

    return openai.OpenAIError


def _broken_off() -> tuple[type[Exception], ...]:
    import httpx

    return (httpx.HTTPError, OSError)


def _off(host: Host) -> ModelError:
    return ModelError(
        f"{host.name} broke off in the middle of its answer. "
        "Nothing that was done is lost: the run can be resumed."
    )
