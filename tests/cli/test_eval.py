"""`m2agent eval` from the command line, with a script for a model."""

import json
from pathlib import Path

from command import Command, call


def test_eval_prints_a_table_and_keeps_what_happened(m2agent: Command, tmp_path: Path) -> None:
    script = tmp_path / "idle.jsonl"
    script.write_text(json.dumps({"thinking": "Nothing to do.", "text": "It is done."}) + "\n")
    kept = tmp_path / "kept"

    done = m2agent(
        "eval", "--model", f"script:{script}", "--family", "labels", "--seeds", "2",
        "--export", str(kept),
    )  # fmt: skip

    assert done.code == 0, done.err
    assert "labels" in done.out and "0%" in done.out
    assert sorted(file.name for file in kept.iterdir()) == [
        "labels-0.jsonl",
        "labels-1.jsonl",
        "training.jsonl",
    ]
    example = json.loads((kept / "training.jsonl").read_text().splitlines()[0])
    written = [part["text"] for part in example["text"] if part["train"]]
    assert example["reward"] == 0.0
    assert written == ["Nothing to do.\n</think>\n\nIt is done."]


def test_eval_names_the_families_there_are(m2agent: Command) -> None:
    done = m2agent("eval", "--family", "gardening")

    assert done.code == 2
    assert "filing" in done.err


def test_a_run_can_be_kept_to_train_on_with_what_the_person_thinks_of_it(m2agent: Command) -> None:
    script = m2agent.script(
        {"thinking": "I look.", "calls": [call("shell_run", command="echo 7")]},
        {"text": "It prints 7."},
    )
    m2agent("run", "What does it print?", "--model", script)

    checked = json.loads(m2agent("export", "last", "--training").out)
    thumb = json.loads(m2agent("export", "last", "--training", "--thumb", "down").out)

    written = "".join(part["text"] for part in checked["text"] if part["train"])
    read = "".join(part["text"] for part in checked["text"] if not part["train"])
    assert "I look." in written and "echo 7" in written and "It prints 7." in written
    assert "What does it print?" in read and "What does it print?" not in written
    assert (checked["reward"], thumb["reward"]) == (1.0, 0.0)
