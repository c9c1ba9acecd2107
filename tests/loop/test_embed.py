"""m2agent as a library."""

from pathlib import Path

import pytest
from ledger import Ledger

import m2agent
from m2agent.events import Began, Ended, Event, Said


async def test_a_run_is_one_loop_in_a_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("M2AGENT_HOME", str(tmp_path / "home"))
    script = tmp_path / "turns.jsonl"
    script.write_text(
        '{"calls": [{"tool": "ledger_put", "arguments": {"text": "one"}}]}\n{"text": "Written."}\n'
    )
    ledger = Ledger(tmp_path / "ledger.jsonl")

    seen: list[Event] = [
        event
        async for event in m2agent.run(
            "Write one.", model=f"script:{script}", connectors={"ledger": ledger}
        )
        if isinstance(event, Began | Said | Ended)
    ]

    assert [type(event) for event in seen] == [Began, Said, Ended]
    assert ledger.texts() == ["one"]
    assert (tmp_path / "home" / "journal.db").exists()
