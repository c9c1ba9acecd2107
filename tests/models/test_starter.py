"""What the starter is told, and the adapter that ships with it."""

from pathlib import Path

import numpy as np

from m2agent.events import Asked, Began, Called, Returned, Said, Thought, ToolSpec, Turned
from m2agent_models import m2
from m2agent_models.starter import adapter
from m2agent_models.starter.build import GROUPS
from m2agent_models.starter.vocabulary import ROWS

TOOLS = [
    ToolSpec(
        "mail_search",
        "Find mails, newest first.",
        {
            "type": "object",
            "properties": {"query": {"type": "string"}, "limit": {"type": "integer"}},
            "required": ["query"],
        },
    ),
    ToolSpec("mail_labels", "List the labels.", {"type": "object", "properties": {}}),
]
HISTORY = [
    Began("starter", "Be quick. Today is Monday.", TOOLS),
    Asked("Find Ann."),
    Thought("I look."),
    Called("1.1", "mail_search", {"query": "from:ann"}),
    Turned("calls"),
    Returned("1.1", text="Nothing found."),
    Thought("No."),
    Said("There is nothing."),
    Turned("stop"),
]


def test_a_brief_prompt_names_the_tools_and_then_says_what_changes_with_the_day() -> None:
    prompt = "".join(segment.text for segment in m2.segments(HISTORY[:2], TOOLS, brief=True))

    assert prompt == (
        "]~!b[]~b]system\nmail_search(query, limit?)\nmail_labels()\n\n"
        "Be quick. Today is Monday.[e~[\n]~b]user\nFind Ann.[e~[\n]~b]ai\n<think>\n"
    )


def test_a_brief_prompt_only_grows() -> None:
    short = m2.segments(HISTORY[:6], TOOLS, brief=True)
    long = m2.segments(HISTORY, TOOLS, brief=True)

    text = ["".join(segment.text for segment in each) for each in (short, long)]
    assert text[1].startswith(text[0])


def test_an_adapter_is_kept_in_bytes_and_comes_back_nearly_the_same(tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    told = {
        "rows": random.standard_normal((ROWS, 576)).astype(np.float16),
        "0.ffn_down.a": random.standard_normal((4, 1536)).astype(np.float32),
        "0.ffn_down.b": np.zeros((576, 4), np.float32),
    }

    adapter.write(tmp_path / "kept.npz", told)

    back = adapter.read(tmp_path / "kept.npz")
    assert back.keys() == told.keys()
    for name, value in told.items():
        assert np.allclose(back[name], value, atol=0.02)


def test_the_adapter_that_ships_fits_the_weights() -> None:
    shipped = adapter.read()

    assert shipped["rows"].shape == (ROWS, 576)
    for layer in range(30):
        for group, parts in GROUPS.items():
            rank = shipped[f"{layer}.{group}.a"].shape[0]
            rows = sum(count for _, count in parts)
            assert shipped[f"{layer}.{group}.b"].shape == (rows, rank)
