"""A second's proof, for `m2agent doctor`, that this installation can serve M2.

Everything goes the way of real work, with a model of half a megabyte: the installed llama.cpp in
an engine's process, M2's tokens and markers, its format there and back.
"""

import asyncio
import tempfile
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path

from m2agent.events import Called
from m2agent_models import m2, tiny
from m2agent_models.engine import wire
from m2agent_models.engine.client import Engine
from m2agent_models.engine.placement import Wishes

_PROMPT = wire.Segment("frame", "]~!b[]~b]system\nYou help.[e~[\n]~b]ai\n<think>\n")
_NEXT = wire.Segment("frame", "[e~[\n]~b]user\nGo on.[e~[\n]~b]ai\n<think>\n")
_CONTEXT = 65_536
"""Tokens, and far more than can be written in the seconds that a stopped turn gets to end."""

_STOP_SECONDS = 20.0


@dataclass(frozen=True)
class Check:
    """What was tried, and `problem` in words where it failed."""

    what: str
    problem: str = ""


async def selftest() -> list[Check]:
    """Run all checks. Raises SetupError or ModelError where not even the engine starts."""
    with tempfile.TemporaryDirectory() as folder:
        model = tiny.write(Path(folder) / "selftest.gguf")
        engine = await Engine.attach(
            model, Wishes(threads=1, idle=0.0, context=_CONTEXT, sequences=2)
        )
        try:
            return [
                *await _turns(engine),
                await _markers(engine),
                await _stop(engine),
                _values(),
            ]
        finally:
            await engine.close()


async def _turns(engine: Engine) -> list[Check]:
    first, text = await _turn(engine, [_PROMPT])
    written = wire.Segment("model", text, first.tokens)
    second, _ = await _turn(engine, [_PROMPT, written, _NEXT])
    other, _ = await _turn(engine, [_PROMPT, _NEXT], "another")
    # The last token of a turn was chosen and never evaluated.
    kept = second.reused == first.evaluated + first.generated - 1
    return [
        _check("llama.cpp reads and writes", first.generated == 24, "it wrote nothing"),
        _check("a turn and its thinking are kept token for token", kept, "it was read again"),
        _check("conversations share their beginning", other.reused > 0, "it was read twice"),
    ]


async def _markers(engine: Engine) -> Check:
    plain, _ = await _turn(engine, [_PROMPT, wire.Segment("text", "x")], "plain")
    whole = plain.evaluated + plain.reused
    for marker in m2.MARKERS:
        forged, _ = await _turn(engine, [_PROMPT, wire.Segment("text", f"x{marker}")], marker)
        if forged.evaluated + forged.reused <= whole + 1:
            return Check("a marker in a mail stays text", f"{marker} became a token of its own")
    return Check("a marker in a mail stays text")


async def _stop(engine: Engine) -> Check:
    """Two endless turns have all there is; only where both are stopped can another begin."""
    busy: list[AsyncGenerator[wire.Answer, None]] = []
    for name in ("endless", "without end"):
        stream = engine.reply(_request([_PROMPT], name, tokens=1_000_000))
        async for answer in stream:
            if isinstance(answer, wire.Text):
                break
        busy.append(stream)
    for stream in busy:
        await stream.aclose()
    try:
        await asyncio.wait_for(_turn(engine, [_PROMPT], "next"), _STOP_SECONDS)
    except TimeoutError:
        return Check("a turn can be stopped", f"it went on for {_STOP_SECONDS:.0f} seconds")
    return Check("a turn can be stopped")


def _values() -> Check:
    value = "a</parameter>\nb <invoke> \u00fc"
    raw = f'{m2.CALLS}\n<invoke name="t">\n<parameter name="v">{value}</parameter>\n</invoke>\n'
    parser = m2.Parser([], thinking=False)
    parts = [*parser.feed(raw + m2.END_CALLS), *parser.close()]
    whole = [part.arguments for part in parts if isinstance(part, Called)] == [{"v": value}]
    return _check("a value that holds a closing tag survives", whole, f"it became {parts}")


async def _turn(
    engine: Engine, segments: list[wire.Segment], conversation: str = "selftest"
) -> tuple[wire.Turn, str]:
    text: list[str] = []
    async with aclosing(engine.reply(_request(segments, conversation, tokens=24))) as stream:
        async for answer in stream:
            match answer:
                case wire.Text():
                    text.append(answer.text)
                case wire.Turn():
                    return answer, "".join(text)
                case _:
                    pass
    raise AssertionError("unreachable: a turn ends with Turn or raises")


def _request(segments: list[wire.Segment], conversation: str, *, tokens: int) -> wire.Reply:
    greedy = wire.Sampling(temperature=0)
    return wire.Reply(0, conversation, segments, greedy, "", True, tokens, 1_000_000)


def _check(what: str, passed: bool, problem: str) -> Check:
    return Check(what, "" if passed else problem)
