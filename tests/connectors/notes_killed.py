"""Carries out one change of a notes folder again and again, killed one line later each time.

    python notes_killed.py SEED COPIES METHOD ARGUMENTS

Each run works on a fresh copy of the folder SEED, `COPIES/0` and so on, and is ended by SIGKILL
when it reaches its own number of lines in operations.py. The last one is not killed.
"""

import json
import os
import shutil
import signal
import sys
from itertools import count
from pathlib import Path
from types import FrameType
from typing import Any

from m2agent_connectors.local_notes import operations
from m2agent_connectors.local_notes.changing import Change
from m2agent_connectors.local_notes.folder import Folder
from m2agent_connectors.local_notes.operations import Operations

KEY = "run.1"


def change(folder: Path) -> Change:
    log = folder / ".m2agent/operations"
    return Change(Folder(folder), Operations(folder, log), KEY)


def carry_out(folder: Path, method: str, arguments: dict[str, Any]) -> None:
    one = change(folder)
    if method == "outcome":
        one.operations.outcome(KEY)
    else:
        getattr(one, method)(**arguments)


def kill_after(lines: int) -> None:
    left = count(lines, -1)

    def trace(frame: FrameType, event: str, arg: object) -> Any:
        if frame.f_code.co_filename != operations.__file__:
            return None
        if event == "line" and next(left) == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return trace

    sys.settrace(trace)


def main(seed: Path, copies: Path, method: str, arguments: dict[str, Any]) -> None:
    for number in count():
        folder = copies / str(number)
        shutil.copytree(seed, folder)
        child = os.fork()
        if child == 0:
            kill_after(number)
            carry_out(folder, method, arguments)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        if not os.WIFSIGNALED(status):
            sys.exit(os.waitstatus_to_exitcode(status))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], json.loads(sys.argv[4]))
