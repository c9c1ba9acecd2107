"""What a tool is: an async method whose signature and docstring are what the model reads.

    class Wiki:
        name, kind = "wiki", "wiki"

        @tool(effect="write", undo="A comment cannot be taken back.")
        async def comment(self, op: Operation, page: str, text: str) -> Result:
            '''Add a comment to a page.'''
            ...

        @comment.reconcile
        async def _(self, op: Operation, page: str, text: str) -> Result | None: ...

The model sees `wiki_comment` with `page` and `text`; a docstring that fits ends after its first
lines, for it is the prompt. `op` is filled in by the loop. A hook names those of the tool's
parameters that it needs, and `op` if it does. A tool never asks the person and never repeats an
effect that may have happened; what it cannot do it raises as `ToolFailed`, in words.
"""

import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import MethodType
from typing import Any, Literal, ParamSpec, Protocol, cast

from m2agent.errors import ToolFailed
from m2agent.events import Origin, Receipt, ToolSpec

Effect = Literal["read", "write", "send", "destroy"]
"""What a call does: nothing; changes the person's own things, undoably; reaches others or the
outside; cannot be undone. An unknown effect counts as `send`."""

Hook = Callable[..., Awaitable[Any]]
P = ParamSpec("P")


@dataclass(frozen=True)
class Operation:
    """One call being carried out: its `key` never changes and never comes twice.

    `work` is the person's work folder, where files that tools take or give lie; `artifacts` is
    this run's own folder for what is too long for the prompt.
    """

    key: str
    work: Path
    artifacts: Path

    def path(self, name: str) -> Path:
        """The file a model means by `name`, always inside the work folder.

        Raises ToolFailed for a path that leads out of it.
        """
        root = self.work.resolve()
        path = (root / name).resolve()
        if not path.is_relative_to(root):
            raise ToolFailed(f"{name!r} is outside the work folder. Give a path inside it.")
        return path


@dataclass(frozen=True)
class Result:
    """What a tool gives back.

    `text` is for the model: lines it can scan, ids first. `data` holds the same for programs, as
    JSON can hold it. `origin` says whose words the text is; empty means an outsider's.
    `artifacts` names files that the tool wrote into `Operation.artifacts`.
    """

    text: str
    data: Any = None
    receipts: list[Receipt] = field(default_factory=list[Receipt])
    origin: list[Origin] = field(default_factory=list[Origin])
    artifacts: list[str] = field(default_factory=list[str])


@dataclass(frozen=True)
class Content:
    """What a call really sends when its arguments only point at it.

    `body` is hashed and approved; `preview` is the same for a person to read, in full.
    """

    body: bytes
    preview: str


@dataclass(frozen=True)
class Offer:
    """What a tool says of itself where no signature does: one that another program offers.

    Its method takes `arguments`, the whole object, which `check` refuses with `ToolFailed`. One
    that is not `listed` is left out of the prompt and can be called all the same. `stands_for`
    makes the call of another tool out of the arguments: name and arguments.
    """

    spec: ToolSpec
    check: Callable[[dict[str, Any]], None]
    listed: bool = True
    stands_for: Callable[[dict[str, Any]], tuple[str, dict[str, Any]]] | None = None


class Tool:
    """A method marked as a tool, with what must be known about it. Made by `@tool`."""

    def __init__(
        self, run: Hook, effect: Effect, undo: str | None, offer: "Offer | None" = None
    ) -> None:
        self.run = run
        self.effect: Effect = effect
        self.no_undo = undo
        self.offer = offer
        self.reconcile_hook: Hook | None = None
        self.undo_hook: Hook | None = None
        self.before_hook: Hook | None = None
        self.content_hook: Hook | None = None
        self.edit_hook: Hook | None = None
        self.rehearse_hook: Hook | None = None
        self.effect_hook: Callable[..., Effect] | None = None

    def __get__(self, connector: object, owner: type) -> Any:
        """On a connector, the tool is the plain method; on its class, the tool."""
        return self if connector is None else MethodType(self.run, connector)

    @property
    def name(self) -> str:
        return self.offer.spec.name if self.offer else self.run.__name__

    @property
    def description(self) -> str:
        return self.offer.spec.description if self.offer else inspect.getdoc(self.run) or ""

    def reconcile(
        self, hook: Callable[P, Awaitable[Result | None]]
    ) -> Callable[P, Awaitable[Result | None]]:
        """After a crash: did the operation `op.key` happen?

        Returns its result if it did, None if it certainly did not, raises `Unclear` otherwise. It
        may take `before`, what the hook of that name wrote down.
        """
        self.reconcile_hook = hook
        return hook

    def before(
        self, hook: Callable[P, Awaitable[dict[str, Any]]]
    ) -> Callable[P, Awaitable[dict[str, Any]]]:
        """What undoing will need, looked up and written down before the act."""
        self.before_hook = hook
        return hook

    def undo(self, hook: Callable[P, Awaitable[Result]]) -> Callable[P, Awaitable[Result]]:
        """The inverse. Takes `before` and `returned` by name, and `op`, not the parameters.

        Raises ToolFailed where somebody changed the same thing since. After a crash it is called
        a second time with the same `op`, and finds that it is done.
        """
        self.undo_hook = hook
        return hook

    def content(self, hook: Callable[P, Awaitable[Content]]) -> Callable[P, Awaitable[Content]]:
        """The bytes that arguments such as a draft's id point at."""
        self.content_hook = hook
        return hook

    def edit(self, hook: Callable[P, Awaitable[None]]) -> Callable[P, Awaitable[None]]:
        """Change the content as a person wants it: `text` is its preview as they left it.

        Raises ToolFailed, in words for the person, for what cannot be changed.
        """
        self.edit_hook = hook
        return hook

    def rehearse(self, hook: Callable[P, Awaitable[Content]]) -> Callable[P, Awaitable[Content]]:
        """For a dry run: what the call would make, without making it. Raises ToolFailed."""
        self.rehearse_hook = hook
        return hook

    def effect_of(self, hook: Callable[P, Effect]) -> Callable[P, Effect]:
        """The effect of a call with these arguments, where it is not always the tool's own."""
        self.effect_hook = hook
        return hook


class _Decorator(Protocol):
    def __call__(self, run: Callable[..., Awaitable[Result]], /) -> Tool: ...


def tool(*, effect: Effect, undo: str | None = None) -> _Decorator:
    """Mark a connector's method as a tool.

    `undo` is the reason why there is no undo; give none if the tool reads, or has an undo hook.
    """

    def mark(run: Callable[..., Awaitable[Result]], /) -> Tool:
        return Tool(cast(Hook, run), effect, undo)

    return mark
