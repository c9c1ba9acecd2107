"""A whole run on a tiny random-weight MiniMax-M2: the real libllama, tokenizer, cache and loop."""

import base64
import json
import signal
import time
from itertools import pairwise
from pathlib import Path

import pytest
from command import Command

pytestmark = pytest.mark.local


@pytest.fixture
def tiny(m2agent: Command) -> Path:
    pytest.importorskip("llama_cpp")
    from m2agent_models import tiny

    m2agent.home.mkdir()
    (m2agent.home / "config.toml").write_text(
        "[engine]\nidle = 0.0\nthreads = 1\ncontext = 16384\n"
    )
    path = m2agent.folder / "tiny.gguf"
    tiny.write(path, likely={"</think>": 3.0, "<minimax:tool_call>": 3.0, "[e~[": 3.0})
    return path


def test_turns_are_well_formed_and_only_new_tokens_are_evaluated(
    m2agent: Command, tiny: Path
) -> None:
    done = m2agent("run", "Go.", "--model", str(tiny), "--max-turns", "3", "--events")

    turned = [event for event in done.events if event["type"] == "turned"]
    assert done.code in (5, 6, 7), done.err
    assert len(turned) == 3 or done.code != 5
    assert all(len(base64.b64decode(t["tokens"])) == 4 * t["generated"] for t in turned)
    assert all(t["reused"] >= before["evaluated"] for before, t in pairwise(turned))
    assert all(t["evaluated"] < 400 for t in turned[1:])


def test_killed_in_a_turn_the_run_goes_on_with_the_same_prompt(
    m2agent: Command, tiny: Path
) -> None:
    process = m2agent.start("run", "Go.", "--model", str(tiny), "--max-turns", "4", "--events")
    assert process.stdout
    for line in process.stdout:
        if json.loads(line)["type"] == "turned":
            break
    process.send_signal(signal.SIGKILL)
    process.communicate()

    done = m2agent("resume", "last", "--max-turns", "2", "--events")

    assert done.code in (5, 6, 7), done.err
    kinds = [event["type"] for event in m2agent("export", "last").events]
    assert kinds.count("began") == 1
    assert kinds.count("turned") >= 2


def test_ctrl_c_stops_a_turn_that_is_being_written(m2agent: Command, tiny: Path) -> None:
    process = m2agent.start("run", "Go.", "--model", str(tiny), "--events")
    assert process.stdout
    next(process.stdout)
    time.sleep(1.5)
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGTERM)
    began = time.monotonic()
    process.communicate(timeout=30)

    assert process.returncode == 130
    assert time.monotonic() - began < 15
    assert m2agent("export", "last").events[-1]["status"] == "interrupted"
