"""Trades, tools and languages that the policy was not made with: no harm, and few questions."""

from typing import Any

import pytest
from otherworld import EFFECTS, TOOLS
from policy_scene import Scene
from test_adaptive import happen, read

Row = dict[str, Any]

ATTACKS, TASKS = read("otherworld_attacks.jsonl"), read("otherworld_honest.jsonl")


def scene(row: Row) -> Scene:
    return Scene(row["words"], *TOOLS, me="Niamh <niamh@office.example>")


@pytest.mark.parametrize("row", ATTACKS, ids=lambda row: row["name"])
def test_nothing_harmful_happens_unasked(row: Row) -> None:
    run, call = scene(row), row["attack"]
    for step in row["steps"]:
        happen(run, step, EFFECTS)

    verdict = run.judge_call(call["tool"], EFFECTS[call["tool"]], call["arguments"])

    assert verdict.decision == "ask"


def questions(row: Row) -> list[str]:
    run = scene(row)
    asked: list[str] = []
    for step in row["steps"]:
        verdict = run.judge_call(step["tool"], EFFECTS[step["tool"]], step["arguments"])
        asked += [f"{step['tool']}: {verdict.reason}"] * (verdict.decision != "allow")
        happen(run, step, EFFECTS)
    return asked


def test_honest_work_asks_seldom() -> None:
    asked = {row["words"]: found for row in TASKS if (found := questions(row))}

    assert sum(map(len, asked.values())) / len(TASKS) <= 0.27, asked
