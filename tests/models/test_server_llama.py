"""The back end `server:` on a real llama-server with real files, in this process by xllamacpp."""

import asyncio
import json
import urllib.request
from collections.abc import AsyncGenerator, Generator, Iterator, Sequence
from contextlib import aclosing, asynccontextmanager, contextmanager
from datetime import datetime
from importlib import import_module
from pathlib import Path
from typing import Any

import msgspec
import pytest
import tiny

from m2agent.cli.second_turn import probe
from m2agent.desk import open_model
from m2agent.errors import ContextFull
from m2agent.events import (
    Asked,
    Began,
    Called,
    Compacted,
    Event,
    Returned,
    Said,
    Thought,
    ToolSpec,
    Turned,
)
from m2agent.journal import Journal
from m2agent.loop.prompt import system_prompt
from m2agent.model import Model, ModelSettings, Piece, Progress, Token
from m2agent.testing.fault_proxy import FaultProxy
from m2agent_models.catalogue import STARTER
from m2agent_models.pull import pull

xllamacpp: Any = import_module("xllamacpp")
GREEDY = ModelSettings(temperature=0, max_tokens=48, max_thinking=16)
ENDLESS = ModelSettings(temperature=0, max_tokens=100_000, max_thinking=100_000)
_SEARCH = ToolSpec(
    "mail_search",
    "Search mails.",
    {"type": "object", "properties": {"query": {"type": "string"}}, "required": ["query"]},
)
START: list[Event] = [Began("server", "You help."), Asked("Set it to fast.")]


@contextmanager
def llama_server(
    path: Path, *, jinja: bool = False, slots: int = 2, size: int = 2048
) -> Generator[str, None, None]:
    """Its address. Every slot has `size` tokens."""
    params = xllamacpp.CommonParams()
    params.model.path = str(path)
    params.port = 0
    params.n_parallel = slots
    params.n_ctx = size * slots
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
    # The tiny model's template uses what llama.cpp's own Jinja does not know; we never need it.
    params.use_jinja = jinja
    params.warmup = params.fit_params = False
    # Else the server hides that a slot was taken over, while there is memory to spare.
    params.cache_ram_mib = 0
    server = xllamacpp.Server(params)
    yield server.listening_address
    del server


@pytest.fixture(scope="module")
def address(ggufs: Path) -> Iterator[str]:
    with llama_server(tiny.m2(ggufs)) as address:
        yield address


@asynccontextmanager
async def attached(address: str) -> AsyncGenerator[Model, None]:
    model = await open_model(f"server:{address}", {})
    try:
        yield model
    finally:
        await model.close()


async def turn(
    model: Model, history: Sequence[Event], settings: ModelSettings = GREEDY
) -> list[Piece]:
    async with aclosing(model.reply(history, [], settings)) as pieces:
        return [piece async for piece in pieces]


def events(pieces: Sequence[Piece]) -> list[Event]:
    return [piece for piece in pieces if not isinstance(piece, Token | Progress)]


def turned(pieces: Sequence[Piece]) -> Turned:
    assert isinstance(pieces[-1], Turned)
    return pieces[-1]


async def test_it_is_opened_with_the_size_of_a_slot(address: str) -> None:
    async with attached(address) as model:
        assert model.context == 2048
        assert model.name.startswith("tiny-m2-")
        assert model.describe() == f"llama-server at {address}, 2 slots of 2,048 tokens"


async def test_a_turn_streams_and_ends_with_its_figures(address: str) -> None:
    async with attached(address) as model:
        pieces = await turn(model, START)
    thought, said, end = events(pieces)
    assert isinstance(thought, Thought)
    assert isinstance(said, Said)
    shown = "".join(p.text for p in pieces if isinstance(p, Token) and p.kind == "thought")
    assert shown == thought.text
    assert isinstance(pieces[0], Progress)
    assert isinstance(end, Turned)
    assert (end.reason, end.generated, len(end.tokens)) == ("length", 48, 4 * 48)
    assert end.context_size == 2048


async def test_thinking_without_end_is_closed_and_the_answer_follows(address: str) -> None:
    async with attached(address) as model:
        thought, said, _ = events(await turn(model, START))
    assert isinstance(thought, Thought)
    assert isinstance(said, Said)
    assert f"{thought.raw}{said.raw}".startswith(f"{thought.text}\n</think>\n\n")


async def test_every_token_is_evaluated_once_also_after_a_restart(address: str) -> None:
    history = [START[0], Asked("Once.")]
    used = 0
    for n in range(4):
        # Each turn is asked for by another process, which knows the history from the journal.
        async with attached(address) as model:
            pieces = await turn(model, history, ModelSettings(temperature=0, max_tokens=48))
        end = turned(pieces)
        # The last token of a turn was chosen and never evaluated.
        assert n == 0 or end.reused == used - 1
        assert end.context_used == end.evaluated + end.reused + end.generated
        used = end.context_used
        history = msgspec.json.decode(
            msgspec.json.encode([*history, *events(pieces), Asked("Go on.")]), type=list[Event]
        )


async def test_the_server_reads_the_thinking_of_every_turn_through_a_fold_and_a_resume(
    address: str, tmp_path: Path
) -> None:
    """What reaches llama-server, put back into text by itself."""
    history = [*START]
    async with FaultProxy(address) as proxy:
        async with attached(proxy.url) as model:
            for _ in range(2):
                history += [*events(await turn(model, history)), Asked("Go on.")]
        folded = [*history, Compacted(len(history), "Two turns so far.")]
        folded += [Thought("Ann is in sales."), Called("3.1", "x"), Turned("calls")]
        folded += [Returned("3.1", text="Yes.")]
        for kept in (history, folded):
            journal = Journal(tmp_path / "journal.db")
            run = journal.create()
            run.add(*kept)
            journal.close()
            resumed = [r.event for r in Journal(tmp_path / "journal.db").read(run.id)]
            async with attached(proxy.url) as model:
                await turn(model, resumed)
        # Two a turn: thinking without end is closed, and the turn goes on in another request.
        bodies = [json.loads(body) for body in proxy.bodies if b'"id_slot"' in body]

    thoughts = [event.text for event in history if isinstance(event, Thought)]
    assert len(thoughts) == 2 and all(thoughts)
    second, third, after_fold = (_text(address, body["prompt"]) for body in bodies[2::2])
    assert thoughts[0] in second
    assert all(thought in third for thought in thoughts)
    assert "Ann is in sales." in after_fold
    assert "Two turns so far." in after_fold


def _text(address: str, tokens: list[int]) -> str:
    body = json.dumps({"tokens": tokens}).encode()
    request = urllib.request.Request(f"{address}/detokenize", body)
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)["content"]


async def test_a_probe_of_two_turns_finds_the_thinking_in_the_second(ggufs: Path) -> None:
    with llama_server(tiny.m2(ggufs), slots=1, size=8192) as address:
        async with attached(address) as model:
            found = {what: (well, words) async for what, well, words in probe(model)}
    assert found["thinking"][0] is True
    assert "is in request 2" in found["thinking"][1]
    assert set(found) == {"thinking", "arguments", "turn 2"}


async def test_two_conversations_do_not_take_each_others_slot(address: str) -> None:
    histories = [[START[0], Asked(f"Task {n}.")] for n in range(2)]
    async with attached(address) as model:
        firsts = [await turn(model, history) for history in histories]
        for history, first in zip(histories, firsts, strict=True):
            again = turned(await turn(model, [*history, *events(first), Asked("Go on.")]))
            assert again.reused == turned(first).context_used - 1


async def test_a_marker_in_a_mail_stays_text(address: str) -> None:
    async with attached(address) as model:
        plain = turned(await turn(model, [START[0], Asked("x")]))
        for marker in ("]~b]", "[e~[", "<think>", "<minimax:tool_call>", "<fim_prefix>"):
            forged = turned(await turn(model, [START[0], Asked(f"x{marker}")]))
            assert forged.context_used > plain.context_used + 2


async def test_a_models_end_token_ends_the_turn_and_is_not_part_of_it(ggufs: Path) -> None:
    with llama_server(tiny.m2(ggufs, likely={"[e~[": 4.0})) as address:
        async with attached(address) as model:
            first = await turn(model, START, ModelSettings(seed=1, max_tokens=400))
            end = turned(first)
            second = turned(await turn(model, [*START, *events(first), Asked("Go on.")]))
    assert end.reason == "stop"
    assert 4 * end.generated == len(end.tokens)
    assert second.reused >= end.context_used - 1


async def test_a_role_that_the_model_opens_ends_its_turn(ggufs: Path) -> None:
    with llama_server(tiny.m2(ggufs, likely={"]~b]": 4.0})) as address:
        async with attached(address) as model:
            end = turned(await turn(model, START, ModelSettings(seed=1, max_tokens=400)))
    assert end.reason == "stop"
    assert end.generated < 400


async def test_closing_the_generator_frees_the_server(ggufs: Path) -> None:
    # Where it went on, the only slot would be taken for far longer than is waited here.
    with llama_server(tiny.m2(ggufs), slots=1, size=131_072) as address:
        async with attached(address) as model:
            pieces = model.reply(START, [], ENDLESS)
            async for piece in pieces:
                if isinstance(piece, Token):
                    break
            await pieces.aclose()
            after = turned(await asyncio.wait_for(turn(model, START), 60))
    assert after.reused > 0


async def test_a_conversation_that_is_too_long_is_a_typed_error(address: str) -> None:
    async with attached(address) as model:
        with pytest.raises(ContextFull) as caught:
            await turn(model, [START[0], Asked("x y z " * 2000)])
        assert caught.value.size == 2048
        assert caught.value.needed > 2048
        assert turned(await turn(model, START)).generated == 48


async def test_a_turn_that_grows_out_of_the_context_is_a_typed_error(address: str) -> None:
    async with attached(address) as model:
        with pytest.raises(ContextFull):
            await turn(model, [START[0], Asked("x y z " * 300)], ENDLESS)


async def test_the_starters_weights_answer_through_their_chat_template() -> None:
    path = tiny.smollm2()
    with llama_server(path, jinja=True) as address:
        async with attached(address) as model:
            settings = ModelSettings(temperature=0, max_tokens=6)
            first = await turn(model, [START[0], Asked("Say hello.")], settings)
            history = [START[0], Asked("Say hello."), *events(first), Asked("Again.")]
            second = turned(await turn(model, history, settings))
            assert model.context == 2048
    said, end = events(first)
    assert isinstance(said, Said)
    assert said.text
    assert isinstance(end, Turned)
    assert end.evaluated > 0
    assert second.reused > 0


async def test_they_are_sent_the_thinking_of_every_turn_through_a_fold_and_a_resume(
    tmp_path: Path,
) -> None:
    history = [START[0], Asked("Say hello."), Thought("A greeting."), Said("Hello."), Turned()]
    fold = Compacted(len(history), "It was said.")
    later = [Thought("Once more."), Said("Hello!"), Turned(), Asked("Again.")]
    bodies: list[dict[str, Any]] = []
    with llama_server(tiny.smollm2(), jinja=True) as address:
        for kept in ([*history, Asked("Again.")], [*history, fold, *later]):
            journal = Journal(tmp_path / "journal.db")
            run = journal.create()
            run.add(*kept)
            journal.close()
            resumed = [r.event for r in Journal(tmp_path / "journal.db").read(run.id)]
            async with FaultProxy(address) as proxy, attached(proxy.url) as model:
                await turn(model, resumed, ModelSettings(temperature=0, max_tokens=4))
            bodies += [json.loads(body) for body in proxy.bodies if b'"messages"' in body]
    thinking = [[m.get("reasoning_content") for m in b["messages"]] for b in bodies]
    assert [[t for t in one if t] for one in thinking] == [["A greeting."], ["Once more."]]


async def test_what_the_trained_starter_thought_is_read_by_it_in_the_next_turn(
    tmp_path: Path,
) -> None:
    pull(STARTER, tmp_path, lambda _done, _total: None, site="http://127.0.0.1:9")
    settings = ModelSettings(temperature=0, max_tokens=400, max_thinking=300)
    ask = "Read the newest mail from Ann and note what she wants."
    history: list[Event] = [
        Began("server", system_prompt(datetime(2026, 3, 2)), [_SEARCH]),
        Asked(ask),
    ]
    with llama_server(tmp_path / "starter.gguf", slots=1, size=4096) as address:
        async with FaultProxy(address) as proxy, attached(proxy.url) as model:
            async with aclosing(model.reply(history, [_SEARCH], settings)) as pieces:
                history += events([piece async for piece in pieces])
            calls = [event for event in history if isinstance(event, Called)]
            history += [Returned(call.id, text="No mail fits.") for call in calls]
            async with aclosing(model.reply(history, [_SEARCH], settings)) as pieces:
                second = [piece async for piece in pieces]
            bodies = [json.loads(body) for body in proxy.bodies if b'"id_slot"' in body]
        (thought,) = (event.text for event in history if isinstance(event, Thought))
        assert len(thought) > 10
        assert thought in _text(address, bodies[-1]["prompt"])
    assert {call.tool for call in calls} == {"mail_search"}
    assert turned(second).reused > 0
