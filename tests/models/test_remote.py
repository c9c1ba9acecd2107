"""The back end `remote:` over real HTTP, in the forms of every provider that it knows."""

import asyncio
import json
import sys
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, asynccontextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import hosts
import pytest
from hypothesis import given
from hypothesis import strategies as st

from m2agent.cli.output import Output
from m2agent.cli.second_turn import Shown
from m2agent.desk import open_model
from m2agent.errors import ContextFull, ModelError, SetupError, UsageError
from m2agent.events import (
    Asked,
    Began,
    Broken,
    Called,
    Compacted,
    Ended,
    Event,
    Record,
    Returned,
    Said,
    Thought,
    ToolSpec,
    Turned,
)
from m2agent.journal import Journal
from m2agent.model import Cautious, Model, ModelSettings, Piece, Progress, Token
from m2agent_models.arguments import called, read
from m2agent_models.remote.messages import hosted_messages

if find_spec("litellm") is None:
    pytest.skip("needs the extra `remote`: make remote", allow_module_level=True)
# litellm's own, about pydantic; m2agent keeps them from people's screens.
pytestmark = pytest.mark.filterwarnings("ignore")

SEARCH = ToolSpec(
    "mail_search",
    "Find mails.",
    {
        "type": "object",
        "properties": {
            "query": {"type": "string"},
            "limit": {"type": "integer"},
            "labels": {"type": "array", "items": {"type": "string"}},
        },
    },
)
START: list[Event] = [Began("remote", "You help.", [SEARCH]), Asked("Find Ann's mail.")]
PLAIN = ModelSettings(max_tokens=1000)
KEYS = ("MINIMAX", "OPENROUTER", "ANTHROPIC", "OPENAI", "GEMINI")


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in KEYS:
        monkeypatch.setenv(f"{name}_API_KEY", "sk-of-the-person")


@asynccontextmanager
async def connected(name: str, url: str, **settings: Any) -> AsyncGenerator[Model, None]:
    table = {"base_url": hosts.base_url(name, url), "patience": 60.0, **settings}
    model = await open_model(f"remote:{name}", table)
    try:
        yield model
    finally:
        await model.close()


async def turn(model: Model, history: Sequence[Event] = START) -> list[Piece]:
    async with aclosing(model.reply(history, [SEARCH], PLAIN)) as pieces:
        return [piece async for piece in pieces]


def events(pieces: Sequence[Piece]) -> list[Any]:
    return [piece for piece in pieces if not isinstance(piece, Token | Progress)]


@pytest.mark.parametrize("name", hosts.PROVIDERS)
async def test_thinking_of_every_turn_is_in_the_next_request_through_fold_and_resume(
    name: str, tmp_path: Path
) -> None:
    answer, thinking = hosts.PROVIDERS[name]
    with hosts.hosting(*[answer() for _ in range(4)]) as host:
        async with connected(name, host.url) as model:
            pieces = await turn(model)
            history = [*START, *events(pieces), Returned("1.1", text="one mail")]
            history += [*events(await turn(model, history)), Returned("2.1", text="one mail")]
        # The run is resumed by another process, from its journal; then an early part is folded.
        journal = Journal(tmp_path / "journal.db")
        run = journal.create()
        run.add(*history)
        journal.close()
        resumed = [record.event for record in Journal(tmp_path / "journal.db").read(run.id)]
        async with connected(name, host.url) as model:
            await turn(model, resumed)
            end_of_first = next(n for n, e in enumerate(resumed) if isinstance(e, Returned)) + 1
            folded = [*resumed, Compacted(end_of_first, "Ann was found.")]
            await turn(model, folded)

    assert "".join(p.text for p in pieces if isinstance(p, Token) and p.kind == "thought") == (
        hosts.THINKING
    )
    first = events(pieces)
    assert [p.text for p in first if isinstance(p, Thought) and p.text] == [hosts.THINKING]
    (made,) = [p for p in first if isinstance(p, Called)]
    assert (made.id, made.tool, made.arguments) == ("1.1", "mail_search", {"query": "ann"})
    assert [len(thinking(body)) for body in host.bodies] == [0, 1, 2, 1]
    assert set(thinking(host.bodies[2])) == {hosts.THINKING}
    assert "Ann was found." in json.dumps(host.bodies[3])


@pytest.mark.parametrize("name", hosts.PROVIDERS)
def test_thinking_of_another_model_is_not_forged_and_not_dropped(name: str) -> None:
    form: Any = {
        "minimax": "reasoning_details",
        "minimax-anthropic": "thinking_blocks",
        "openrouter": "reasoning_details",
        "anthropic": "thinking_blocks",
        "openai": "reasoning_items",
        "gemini": "signatures",
        "ollama": "reasoning_content",
    }[name.split("/")[0]]
    seal = {"model": "other/model", "form": form, "block": {"type": "thinking", "signature": "X"}}
    history = [*START, Thought("It is Ann.", seal=seal), Said("Ann."), Turned(), Asked("Sure?")]
    sent = json.dumps(hosted_messages(history, name, form, m2=False))
    assert "It is Ann." in sent
    assert '"X"' not in sent


async def test_a_turn_ends_with_what_it_took_and_cost() -> None:
    with hosts.hosting(hosts.openrouter(), hosts.minimax()) as host:
        async with connected("openrouter/minimax/minimax-m2", host.url) as model:
            told = events(await turn(model))[-1]
        async with connected("minimax/MiniMax-M2", host.url) as model:
            known = events(await turn(model))[-1]
            assert model.context == 200_000
            assert "$0.3 in and $1.2 out per million tokens" in model.describe()
    assert (told.reason, told.evaluated, told.reused, told.generated) == ("calls", 20, 80, 20)
    assert told.cost == 0.0123
    assert 0 < known.cost < 0.001  # out of the table of prices


async def test_the_key_goes_to_the_provider_and_comes_from_the_vault(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("MINIMAX_API_KEY")
    with pytest.raises(SetupError, match="m2agent models key minimax"):
        await open_model("remote:minimax/MiniMax-M2", {})
    given = ("-m", "m2agent", "models", "key", "minimax", "--store", "file")
    kept = await asyncio.create_subprocess_exec(
        sys.executable, *given, stdin=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    _, said = await kept.communicate(b"sk-out-of-the-vault\n")
    assert kept.returncode == 0
    assert b"sk-" not in said
    with hosts.hosting(hosts.minimax(), hosts.anthropic()) as host:
        for name in ("minimax/MiniMax-M2", "minimax-anthropic/MiniMax-M2"):
            async with connected(name, host.url) as model:
                await turn(model)
    openai_like, anthropic_like = ({k.lower(): v for k, v in h.items()} for h in host.heads)
    assert openai_like["authorization"] == "Bearer sk-out-of-the-vault"
    sent = anthropic_like.get("x-api-key") or anthropic_like["authorization"]
    assert "sk-out-of-the-vault" in sent


async def test_a_busy_provider_is_asked_again_and_then_the_next_one() -> None:
    busy = hosts.refused(429, "Slow down.", **{"retry-after": "0"})
    with hosts.hosting(busy, busy, hosts.minimax()) as host:
        async with connected("minimax/MiniMax-M2", host.url) as model:
            assert events(await turn(model))[-1].reason == "calls"
        assert len(host.bodies) == 3
    with hosts.hosting(busy, busy, hosts.minimax()) as host:
        other = ["minimax/MiniMax-M2.1"]
        first = connected("minimax/MiniMax-M2", host.url, patience=0.0, fallbacks=other)
        async with first as model:
            with pytest.raises(ModelError, match=r"busy for too long: .*Slow down"):
                await turn(model)
            assert events(await turn(model))[-1].reason == "calls"
        assert [body["model"] for body in host.bodies] == [
            "MiniMax-M2", "MiniMax-M2.1", "MiniMax-M2",
        ]  # fmt: skip


async def test_what_may_have_been_paid_for_is_not_asked_for_again() -> None:
    whole = hosts.minimax().body
    half = hosts.Answer(whole[: len(whole) // 2], missing=len(whole) // 2)
    cut = hosts.Answer(whole.split(b'data: {"id": "c", "object"')[0] + whole[:200])
    for answer in (half, cut):
        with hosts.hosting(answer, hosts.minimax()) as host:
            async with connected("minimax/MiniMax-M2", host.url) as model:
                with pytest.raises(ModelError):
                    await turn(model)
            assert len(host.bodies) == 1


@pytest.mark.parametrize(
    ("status", "message", "kind", "words"),
    [
        (401, "Invalid key.", ModelError, "m2agent models key minimax"),
        (400, "Unknown parameter.", ModelError, "Unknown parameter"),
        (500, "It is on fire.", ModelError, "It is on fire"),
        (400, "context window exceeds limit", ContextFull, "200,000"),
        (400, "This model's maximum context length is 8 tokens.", ContextFull, "200,000"),
    ],
)
async def test_a_refusal_is_a_typed_error_in_words(
    status: int, message: str, kind: type[ModelError], words: str
) -> None:
    with hosts.hosting(hosts.refused(status, message)) as host:
        async with connected("minimax/MiniMax-M2", host.url) as model:
            with pytest.raises(kind) as caught:
                await turn(model)
        assert len(host.bodies) == 1
    assert words in str(caught.value)
    assert "sk-of-the-person" not in str(caught.value)
    assert "litellm" not in str(caught.value)


async def test_a_setting_says_how_thinking_goes_back() -> None:
    with hosts.hosting(hosts.minimax(), hosts.minimax()) as host:
        async with connected("minimax/MiniMax-M2", host.url, thinking="inline") as model:
            history = [*START, *events(await turn(model)), Returned("1.1", text="one")]
            await turn(model, history)
    (said,) = [m for m in host.bodies[1]["messages"] if m["role"] == "assistant"]
    assert said["content"].startswith("<think>\nThe name is Ann.\n</think>")


@pytest.mark.parametrize(
    ("rest", "table", "words"),
    [
        ("minimax", {}, "names no hosted model"),
        ("", {}, "names no hosted model"),
        ("minimax/M2", {"thinkng": "inline"}, "did you mean thinking?"),
        ("minimax/M2", {"thinking": "aloud"}, "thinking: "),
    ],
)
async def test_what_makes_no_sense_is_said(rest: str, table: dict[str, Any], words: str) -> None:
    with pytest.raises((UsageError, SetupError)) as caught:
        await open_model(f"remote:{rest}", table)
    assert words in str(caught.value)


async def test_spending_is_limited_and_thinking_survives_the_resume() -> None:
    dear = [hosts.openrouter() for _ in range(2)]
    said = ["Nothing to do.", '[{"item": 1, "met": true, "marks": [], "why": "Nothing came."}]']
    then = [hosts.chat({"content": words}, reason="stop") for words in said]
    with hosts.hosting(*dear, *then) as host:
        config = Path(await home()) / "config.toml"
        config.write_text(f'[remote]\nbase_url = "{host.url}/v1"\n')
        model = ["--model", "remote:openrouter/minimax/minimax-m2", "--max-cost", "0.02"]
        limited = await command("run", "Find the invoices.", "--office", "sample", *model)
        resumed = await command("resume", "last", "--max-cost", "1")
    assert (limited["status"], limited["exit_code"]) == ("limit", 5)
    assert limited["usage"]["cost"] == 0.0246
    assert resumed["status"] == "done"
    assert hosts.PROVIDERS["openrouter/minimax/minimax-m2"][1](host.bodies[2]) == (
        [hosts.THINKING] * 2
    )


async def test_a_price_that_is_not_known_is_said_before_a_run() -> None:
    with hosts.hosting() as host:
        for name, words in [
            ("minimax/MiniMax-M99", "The price of MiniMax-M99 is not known here"),
            ("minimax/MiniMax-M2", ""),
            ("openrouter/minimax/minimax-m2", ""),  # it says itself what a turn cost
            ("ollama/qwen3", ""),
        ]:
            async with connected(name, host.url) as model:
                assert isinstance(model, Cautious)
                assert model.caution().startswith(words)
                assert bool(model.caution()) == bool(words)


def test_what_was_spent_is_said_at_the_end(capsys: pytest.CaptureFixture[str]) -> None:
    output = Output("plain")
    for event in (Turned(cost=0.01), Turned(cost=0.0023), Ended("done", "Done.", 0)):
        output.take(Record("run", 1, 0.0, event))
    assert output.finish() == 0
    assert capsys.readouterr().err == "Cost: $0.0123\n"


@pytest.mark.parametrize(
    ("provider", "form", "text", "problem"),
    [
        ("minimax", "", "<p>one</parameter> two</p>", ""),
        ("minimax", "", "<p>one", "a </parameter> inside a text does not survive: '<p>one'"),
        # A form in which litellm drops it on the way.
        ("minimax-anthropic", "reasoning_content", "", "characters, is missing from request 2"),
    ],
)
async def test_doctor_tries_a_model_for_two_turns(
    provider: str, form: str, text: str, problem: str
) -> None:
    note = hosts.call(json.dumps({"text": text}), "probe_note")
    think = {"reasoning_content": "A note.", "reasoning_details": [hosts.detail("A note.")]}
    answers = [hosts.chat(think, note), hosts.chat({"content": "Done."}, reason="stop")]
    if form:
        answers = [hosts.anthropic(), hosts.anthropic()]
    with hosts.hosting(*answers) as host:
        config = Path(await home()) / "config.toml"
        url = hosts.base_url(f"{provider}/", host.url)
        config.write_text(f'[remote]\nbase_url = "{url}"\n')
        if form:
            config.write_text(config.read_text() + f'thinking = "{form}"\n')
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "m2agent", "doctor", f"remote:{provider}/MiniMax-M2", "--json"),
            stdout=asyncio.subprocess.PIPE,
        )
        output, _ = await process.communicate()
    found = [json.loads(line) for line in output.splitlines()]
    problems = [one for one in found if one["state"] == "problem"]
    assert process.returncode == (3 if problem else 0)
    assert [one["what"] for one in found] == ["model", "thinking", "arguments", "turn 2"]
    assert all(problem in one["words"] and one["fix"] for one in problems)
    assert len(problems) == bool(problem)
    thought = hosts.THINKING if form else "A note."
    assert (thought in json.dumps(host.bodies[1])) == (not form)


@pytest.mark.parametrize("name", hosts.PROVIDERS)
async def test_what_is_shown_of_a_request_is_what_left(name: str) -> None:
    answer, thinking = hosts.PROVIDERS[name]
    with hosts.hosting(answer(), answer()) as host:
        async with connected(name, host.url) as model:
            history = [*START, *events(await turn(model)), Returned("1.1", text="one mail")]
            await turn(model, history)
            assert isinstance(model, Shown)
            shown = model.outgoing(history, [SEARCH])
    assert thinking(host.bodies[1]) == [hosts.THINKING]
    assert hosts.THINKING in shown


async def home() -> str:
    from m2agent.home import home, private

    return str(private(home()))


async def command(*arguments: str) -> dict[str, Any]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "m2agent", *arguments, "--json", stdout=asyncio.subprocess.PIPE
    )
    output, _ = await process.communicate()
    return json.loads(output)


@pytest.mark.parametrize(
    ("text", "arguments"),
    [
        ('{"query": "a\nb\tc"}', {"query": "a\nb\tc"}),
        ('{"query": "ann"}</parameter></invoke>', {"query": "ann"}),
        ('{"query": "ann"}\n</invoke>\n</minimax:tool_call>', {"query": "ann"}),
        ('{"labels": "[\\"a\\", \\"b\\"]", "limit": "3"}', {"labels": ["a", "b"], "limit": 3}),
        ('{"query": "<b>x</parameter> y</b>"}', {"query": "<b>x</parameter> y</b>"}),
        ("", {}),
    ],
)
def test_arguments_that_can_mean_one_thing_only_are_repaired(
    text: str, arguments: dict[str, Any]
) -> None:
    made = called("mail_search", text, [SEARCH])
    assert isinstance(made, Called)
    assert made.arguments == arguments


@pytest.mark.parametrize(
    "text",
    ['{"query": "ann"', '{"query": "ann"} {"query": "bob"}', '{"query": "a"} and send it',
     "[1]", "ann", '{"limit": 1e999}', '{"a": ' * 5000],
)  # fmt: skip
def test_arguments_that_can_mean_anything_are_the_models_to_write_again(text: str) -> None:
    assert isinstance(called("mail_search", text, [SEARCH]), Broken)


@given(st.text())
def test_no_text_breaks_the_reading_of_arguments(text: str) -> None:
    read(text)
