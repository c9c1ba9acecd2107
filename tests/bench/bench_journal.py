"""What the journal takes: room on the disk, and CPU to take a run up again.

Sizes are ratios to the transcript, the text that the model reads; CPU seconds are those of the
whole command, one turn of it included. Of what is written the system counts whole blocks: a turn
is fsynced three times, 4 KB at least each, and the turns here have 1 KB. The longer the results,
the smaller that ratio.
"""

import asyncio
import json
import os
import resource
import subprocess
import sys
import tempfile
from contextlib import aclosing
from pathlib import Path

from bench_loop import Echo, Endless

from m2agent.events import Began
from m2agent.journal import Run
from m2agent.loop import Limits, carry_on
from m2agent.testing.stage import Stage
from m2agent_models.m2 import render

_TURNS = 100


def written() -> int:
    """Bytes that this process has sent to disks; 0 where the system does not count them."""
    try:
        lines = Path("/proc/self/io").read_text().splitlines()
    except OSError:
        return 0
    return int(dict(line.split(": ") for line in lines)["write_bytes"])


def transcript(run: Run) -> int:
    """What the model has read by the end."""
    began = run.events[0]
    assert isinstance(began, Began)
    return len(render(run.events, began.tools).encode())


async def of_a_run() -> tuple[float, float]:
    """The journal's file, and all bytes written on the way, over the transcript."""
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        limits = Limits(turns=_TURNS + 10)
        stage = Stage(Path(folder), Endless(_TURNS), {"echo": Echo()}, limits=limits)
        journal = stage.journal()
        run = stage.begin(journal)
        before = written()
        async with aclosing(carry_on(run, stage.crew())) as pieces:
            async for _ in pieces:
                pass
        after = written()
        text = transcript(run)
        journal.close()
        return journal.path.stat().st_size / text, (after - before) / text


def resumed() -> float:
    """CPU seconds of `m2agent resume` with a run of a hundred turns, for one more of them."""
    calls = [{"tool": "notes_search", "arguments": {"query": f"x{n}"}} for n in range(_TURNS + 3)]
    turns = [json.dumps({"thinking": "t" * 400, "calls": [call]}) for call in calls]
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder, "turns.jsonl")
        script.write_text("\n".join(turns))
        environment = {**os.environ, "M2AGENT_HOME": f"{folder}/home"}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)

        def command(*arguments: str) -> float:
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            done = subprocess.run(
                [sys.executable, "-m", "m2agent", *arguments], env=environment, capture_output=True
            )
            assert done.returncode == 5, done.stderr.decode()  # the limit on turns
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

        command("run", "Search.", "--model", f"script:{script}", "--max-turns", str(_TURNS))
        return min(command("resume", "last", "--max-turns", "1") for _ in range(3))


def main() -> None:
    kept, handed = asyncio.run(of_a_run())
    rows = [
        ("journal / transcript, 100 turns", kept, "<= 2"),
        ("written to the disk / transcript, 100 turns", handed, "<= 3"),
        ("resume of a 100-turn run, CPU s", resumed(), "<= 0.5"),
    ]
    for what, figure, bar in rows:
        print(f"{what:<45} {figure:8.2f}   {bar}")


if __name__ == "__main__":
    main()
