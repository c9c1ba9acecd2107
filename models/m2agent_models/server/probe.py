"""Finds out what answers at an address, and how to speak with it."""

from pathlib import PurePath
from typing import Any
from urllib.parse import urlsplit

import msgspec

from m2agent.errors import ModelError, SetupError, UsageError
from m2agent.model import Model
from m2agent_models import m2
from m2agent_models.server.chat import Chat
from m2agent_models.server.connection import Connection, Unreachable
from m2agent_models.server.llama import Llama
from m2agent_models.server.messages import Form
from m2agent_models.server.slots import Slots

_OWNERS = {"vllm": "vLLM", "sglang": "SGLang", "llamacpp": "llama-server"}


class _Generation(msgspec.Struct, frozen=True):
    n_ctx: int


class _Props(msgspec.Struct, frozen=True):
    """What llama-server says of itself; the context is that of one slot."""

    default_generation_settings: _Generation
    chat_template: str = ""
    total_slots: int = 1


class _Meta(msgspec.Struct, frozen=True):
    n_vocab: int = 0


class _Entry(msgspec.Struct, frozen=True):
    id: str
    owned_by: str = ""
    root: str | None = None
    max_model_len: int | None = None
    meta: _Meta | None = None


class _Models(msgspec.Struct, frozen=True):
    data: list[_Entry]


class Server:
    """What the entry point `server` names."""

    @classmethod
    async def open(cls, rest: str, settings: dict[str, Any]) -> Model:
        """The model at an address, of several the first.

        Raises UsageError for what is no address, SetupError where no such server answers.
        """
        connection = Connection(address(rest))
        try:
            return await _opened(connection)
        except Unreachable as error:
            await connection.close()
            raise SetupError(str(error), fix=_fix(connection.url)) from error
        except (ModelError, SetupError):
            await connection.close()
            raise


async def _opened(connection: Connection) -> Model:
    props = await connection.get("/props", _Props)
    models = await connection.get("/v1/models", _Models)
    if models is None or not models.data:
        raise SetupError(
            f"What answers at {connection.url} serves no model: it has no list at /v1/models.",
            fix=_fix(connection.url),
        )
    entry = models.data[0]
    if props is None:
        return _chat(connection, entry)
    connection.context = props.default_generation_settings.n_ctx
    if f"{m2.ROLE}ai" in props.chat_template and m2.CALLS in props.chat_template:
        vocabulary = entry.meta.n_vocab if entry.meta else 0
        return await Llama.attach(
            connection, _short(entry.id), slots=props.total_slots, vocabulary=vocabulary
        )
    slots = Slots(props.total_slots)
    return Chat(connection, entry.id, software="llama-server", form=Form(), slots=slots)


def _chat(connection: Connection, entry: _Entry) -> Chat:
    connection.context = entry.max_model_len
    is_m2 = any("minimax-m2" in name.lower() for name in (entry.id, entry.root or ""))
    vllm, sglang = entry.owned_by == "vllm", entry.owned_by == "sglang"
    form = Form("reasoning" if vllm else "reasoning_content", is_m2, always_inline=not sglang)
    software = _OWNERS.get(entry.owned_by, "a server")
    return Chat(connection, entry.id, software=software, form=form)


def _short(name: str) -> str:
    return PurePath(name).name.removesuffix(".gguf")


def address(rest: str) -> str:
    """The server that a person means. Raises UsageError."""
    url = (rest if "://" in rest else f"http://{rest}").rstrip("/").removesuffix("/v1")
    try:
        parts = urlsplit(url)
        known = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        known = False
    if not known:
        raise UsageError(
            f"{rest!r} is not the address of a server. Write --model server:http://HOST:PORT."
        )
    return url


def _fix(url: str) -> str:
    return f"Start the server, or correct its address, {url}: --model server:http://HOST:PORT"
