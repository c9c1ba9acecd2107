"""Errors, sorted by who must act on them. Anything else that is raised is a bug of ours.

M2Error
├── UsageError       the person typed something that cannot be meant            exit 2
├── SetupError       the person must put something right; says how              exit 3
├── RunBusy          another process owns the run, or took it over              exit 4
├── ModelError       the back end failed; the run is kept and can be resumed    exit 6
│   └── ContextFull  the conversation no longer fits the model's context
├── ToolFailed       for the model, which reads it and picks another way
│   ├── Busy         not now: the same call may work in a while
│   └── Unclear      a reconcile could not find out whether an operation happened
"""


class M2Error(Exception):
    """The root of everything m2agent raises on purpose."""

    exit_code = 1


class UsageError(M2Error):
    """The command, its options or a file given to it make no sense."""

    exit_code = 2


class SetupError(M2Error):
    """Something must be put right before a run can start."""

    exit_code = 3

    def __init__(self, problem: str, *, fix: str) -> None:
        super().__init__(f"{problem}\n{fix}")
        self.problem = problem
        self.fix = fix


class RunBusy(M2Error):
    """The run belongs to another process."""

    exit_code = 4


class ModelError(M2Error):
    """The model or its server failed; what was done until then is in the journal."""

    exit_code = 6


class ContextFull(ModelError):
    """The prompt and its answer need more tokens than the model's context holds."""

    def __init__(self, needed: int, size: int) -> None:
        super().__init__(f"The conversation needs {needed:,} tokens; the context holds {size:,}.")
        self.needed = needed
        self.size = size


class ToolFailed(M2Error):
    """A tool could not do it; the words are for the model and say what to try instead."""


class Busy(ToolFailed):
    """It could not be done, for a reason that passes: a service is busy, or out of reach.

    A read is then tried again by the loop before the model hears of it; `after` is how many seconds
    to wait, where the service says so.
    """

    def __init__(self, words: str, after: float | None = None) -> None:
        super().__init__(words)
        self.after = after


class Unclear(ToolFailed):
    """It cannot be known whether an operation happened; the words say what was looked at."""
