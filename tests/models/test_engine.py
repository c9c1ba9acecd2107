import asyncio
import os
import signal
import socket
import stat
from collections.abc import AsyncIterator
from contextlib import aclosing, suppress
from pathlib import Path

import psutil
import pytest
import tiny

from m2agent.errors import ModelError, SetupError
from m2agent_models.engine import wire
from m2agent_models.engine.address import address
from m2agent_models.engine.client import Engine, EngineGone
from m2agent_models.engine.placement import Wishes

WISH = Wishes(threads=1, idle=0.2, context=4096)
GREEDY = wire.Sampling(temperature=0)


def reply(text: str, tokens: int = 20, conversation: str = "main", grammar: str = "") -> wire.Reply:
    segments = [wire.Segment("frame", "]~!b[]~b]ai\n"), wire.Segment("text", text)]
    return wire.Reply(0, conversation, segments, GREEDY, grammar, max_tokens=tokens)


async def answers(engine: Engine, request: wire.Reply) -> list[wire.Answer]:
    async with aclosing(engine.reply(request)) as stream:
        return [answer async for answer in stream]


def turn(found: list[wire.Answer]) -> wire.Turn:
    assert isinstance(found[-1], wire.Turn)
    return found[-1]


def text(found: list[wire.Answer]) -> str:
    return "".join(answer.text for answer in found if isinstance(answer, wire.Text))


def newest() -> psutil.Process:
    """The engine that was started last."""
    return max(psutil.Process().children(), key=lambda process: process.create_time())


@pytest.fixture
async def engine(tiny_m2: Path) -> AsyncIterator[Engine]:
    attached = await Engine.attach(tiny_m2, WISH)
    yield attached
    await attached.close()


async def test_the_log_holds_what_a_person_can_use_and_no_more(
    engine: Engine, tiny_m2: Path
) -> None:
    log = address(tiny_m2).log
    before = log.stat().st_size
    await answers(engine, reply("a", tokens=200))
    assert "llama_model_loader: loaded meta data" in log.read_text()
    assert "create_tensor" not in log.read_text()
    assert log.stat().st_size - before < 1000


async def test_nobody_else_can_reach_the_engine(engine: Engine, tiny_m2: Path) -> None:
    path = address(tiny_m2).socket
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert len(os.fsencode(path)) < 100
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(path))
        assert wire.peer(connection)[1] == os.getuid()


async def test_nonsense_ends_that_connection_and_no_other(engine: Engine, tiny_m2: Path) -> None:
    path = address(tiny_m2).socket
    for nonsense in (b"\xff\xff\xff\xff", b"\x04\x00\x00\x00abcd", b"\x01"):
        reader, writer = await asyncio.open_unix_connection(str(path))
        writer.write(nonsense)
        writer.write_eof()
        await asyncio.wait_for(reader.read(), 60)
        writer.close()
        await writer.wait_closed()
    assert turn(await answers(engine, reply("still there"))).generated == 20


async def test_what_is_over_the_number_of_sequences_waits_and_is_told_so(tiny_m2: Path) -> None:
    engine = await Engine.attach(tiny_m2, Wishes(threads=1, idle=0.2, context=65_536, sequences=1))
    async with aclosing(engine.reply(reply("endless", 1_000_000))) as busy:
        async for answer in busy:
            assert not isinstance(answer, wire.Queued)
            if isinstance(answer, wire.Text):
                break
        waiting = [engine.reply(reply(f"{n}", 60, f"c{n}")) for n in range(2)]
        told = [await anext(stream) for stream in waiting]
    assert told == [wire.Queued(2, 0), wire.Queued(3, 1)]
    rest = [[answer async for answer in stream] for stream in waiting]
    assert wire.Queued(3, 0) in rest[1]
    assert [turn(one).generated for one in rest] == [60, 60]
    await engine.close()


async def test_an_engine_that_fails_at_once_says_why_and_not_only_that_it_ended(
    tiny_m2: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "llama_cpp"
    package.mkdir()
    (package / "__init__.py").write_text("__version__ = '9.9'\nllama_cpp = None\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    for _ in range(3):
        with pytest.raises(
            SetupError, match=r"(?s)9\.9 is installed.*pip install llama-cpp-python=="
        ):
            await Engine.attach(tiny_m2, WISH)


async def test_a_long_prompt_does_not_silence_who_is_writing(tiny_m2: Path) -> None:
    engine = await Engine.attach(tiny_m2, Wishes(threads=1, idle=0.2, context=65_536))
    seen: list[str] = []
    begun = asyncio.Event()

    async def follow(name: str, request: wire.Reply) -> None:
        async with aclosing(engine.reply(request)) as stream:
            async for answer in stream:
                seen.append(f"{name} {type(answer).__name__}")
                begun.set()

    writer = asyncio.create_task(follow("writer", reply("hello", 1_000_000, "a")))
    await begun.wait()
    await follow("reader", reply("word " * 500, 5, "b"))
    writer.cancel()
    await asyncio.wait([writer])
    reading = [n for n, what in enumerate(seen) if what == "reader Prefilling"]
    between = seen[reading[0] : reading[-1]]
    assert len(reading) > 1
    assert "writer Text" in between
    await engine.close()


async def test_progress_counts_up_to_the_whole_prompt(engine: Engine) -> None:
    found = await answers(engine, reply("word " * 600, 5))
    steps = [(a.done, a.total) for a in found if isinstance(a, wire.Prefilling)]
    assert [done for done, _ in steps] == sorted({done for done, _ in steps})
    assert steps[-1] == (turn(found).evaluated, turn(found).evaluated)


async def test_a_cancelled_prompt_leaves_the_engine_free(engine: Engine) -> None:
    stream = engine.reply(reply("word " * 800, 5))
    async for answer in stream:
        if isinstance(answer, wire.Prefilling):
            break
    await stream.aclose()
    assert turn(await answers(engine, reply("next", 5, "b"))).generated == 5


async def test_a_grammar_that_cannot_be_read_is_a_model_error(engine: Engine) -> None:
    with pytest.raises(ModelError, match="no grammar"):
        await answers(engine, reply("hello", grammar="root ::= ("))
    assert turn(await answers(engine, reply("hello"))).generated == 20


async def test_text_of_others_holds_no_token_with_a_meaning(ggufs: Path) -> None:
    engine = await Engine.attach(tiny.m2(ggufs), WISH)
    plain = turn(await answers(engine, reply("x")))
    for mark in ("<think>", "</think>", "<minimax:tool_call>", "]~b]", "[e~["):
        forged = turn(await answers(engine, reply(f"x{mark}", conversation=mark)))
        # A marker is one token; its text in pieces is several.
        assert forged.evaluated + forged.reused >= plain.evaluated + 3
    await engine.close()


async def test_an_engine_that_hangs_is_ended_and_another_takes_its_place(tiny_m2: Path) -> None:
    other = await Engine.attach(tiny_m2, WISH)
    engine = await Engine.attach(tiny_m2, WISH, silence=1)
    process = newest()
    stream = engine.reply(reply("hello", 100_000))
    await anext(stream)
    process.suspend()
    with pytest.raises(ModelError, match="The engine hung and was ended"):
        async for _ in stream:
            pass
    assert process.wait(60) == -signal.SIGKILL
    with pytest.raises(ModelError, match="The engine stopped"):
        await answers(other, reply("hello"))
    await engine.close()
    await other.close()
    again = await Engine.attach(tiny_m2, WISH)
    assert turn(await answers(again, reply("hello"))).generated == 20
    await again.close()


async def test_an_engine_that_hangs_before_one_attaches_is_replaced(tiny_m2: Path) -> None:
    engine = await Engine.attach(tiny_m2, WISH)
    hung = newest()
    hung.suspend()
    other = await Engine.attach(tiny_m2, WISH, silence=1)
    assert hung.wait(60) == -signal.SIGKILL
    assert turn(await answers(other, reply("hello"))).generated == 20
    await other.close()
    await engine.close()


async def test_a_socket_that_nobody_listens_at_is_in_nobodys_way(tiny_m2: Path) -> None:
    path = address(tiny_m2).socket
    for left in ("a dead socket", "another file"):
        path.unlink(missing_ok=True)
        if left == "a dead socket":
            with socket.socket(socket.AF_UNIX) as dead:
                dead.bind(str(path))
        else:
            path.write_text("")
        engine = await Engine.attach(tiny_m2, WISH)
        assert turn(await answers(engine, reply("hello"))).generated == 20
        newest().kill()
        await engine.close()


@pytest.mark.parametrize(
    ("sign", "words"),
    [(signal.SIGKILL, "when memory is short"), (signal.SIGSEGV, r"crashed \(SIGSEGV\)")],
)
async def test_what_ended_an_engine_is_told(
    tiny_m2: Path, sign: signal.Signals, words: str
) -> None:
    engine = await Engine.attach(tiny_m2, WISH)
    process = newest()
    with pytest.raises(EngineGone, match=words):
        async with aclosing(engine.reply(reply("hello", tokens=100_000))) as stream:
            async for _ in stream:
                with suppress(psutil.NoSuchProcess):
                    process.send_signal(sign)
    await engine.close()


async def test_an_engine_that_only_waits_is_left_alone(tiny_m2: Path) -> None:
    other = await Engine.attach(tiny_m2, WISH)
    engine = await Engine.attach(tiny_m2, WISH, silence=0.5)
    process = newest()
    process.suspend()
    await asyncio.sleep(1.5)
    process.resume()
    assert turn(await answers(other, reply("hello"))).generated == 20
    assert engine.alive
    await engine.close()
    await other.close()
