"""What happens in a run, as plain values.

History *is* the list of these events: the journal stores it, the model reads it, the screen draws
it, `--events` prints it, tests compare it. An event is frozen, past tense and without behaviour,
and holds only what JSON can hold. `Record` adds the run, the place in it and the time.
"""

from typing import Any, Literal

import msgspec

Trust = Literal["person", "own", "outside"]
"""Whose words: the person's, a record the person made or owns, or anybody else's."""

Decision = Literal["allow", "ask", "deny"]

Status = Literal["done", "waiting", "limit", "failed", "unverified", "interrupted"]

EXIT_CODES: dict[Status, int] = {
    "done": 0,
    "waiting": 4,
    "limit": 5,
    "failed": 6,
    "unverified": 7,
    "interrupted": 130,
}


class Value(msgspec.Struct, frozen=True, omit_defaults=True):
    """The common form of everything here: immutable, and silent about defaults."""


class Receipt(Value, frozen=True):
    """Proof that something was done: what kind of thing, and its id at the service."""

    kind: str
    id: str
    note: str = ""


class Origin(Value, frozen=True):
    """Who wrote a stretch of a result's text; without `end`, to its end."""

    trust: Trust
    source: str
    start: int = 0
    end: int | None = None


class ToolSpec(Value, frozen=True):
    """A tool as the model is told of it; `parameters` is a JSON Schema of type object."""

    name: str
    description: str
    parameters: dict[str, Any]


class Item(Value, frozen=True):
    """One line of a plan or of a verdict."""

    text: str
    state: str = "open"
    proof: str = ""


class Tagged(Value, frozen=True, tag_field="type", tag=str.lower):
    """The common form of all events: the tag is the lower-case name."""


class Began(Tagged, frozen=True):
    """Everything a prompt is made of besides what follows, so that a resumed one is the same.

    `accounts` maps an account's name to how it is opened: `connector`, and its settings. `parent`
    is the run whose sub-agent this is; `schema` what the closing report must fit, if anything. A
    `dry_run` changes nothing; `replay_of` is the run whose recorded results this one plays on.
    """

    model: str
    system: str
    tools: list[ToolSpec] = []
    accounts: dict[str, dict[str, Any]] = {}
    work: str = ""
    version: int = 1
    dry_run: bool = False
    replay_of: str = ""
    parent: str = ""
    schema: dict[str, Any] = {}


class Asked(Tagged, frozen=True):
    """What the person wants, or says in the middle of a run.

    `by` is the run that gave a sub-agent its task: such words are a model's and grant nothing.
    """

    text: str
    by: str = ""


class Thought(Tagged, frozen=True):
    """The model's reasoning, kept so that later turns can build on it.

    The `raw` of a turn's parts, one after the other, is exactly what the model wrote; None stands
    for the format's own way of writing this part. `seal` is what a hosted model wants back with
    it, such as a signature, and by which model it was given.
    """

    text: str
    raw: str | None = None
    seal: dict[str, Any] = {}


class Said(Tagged, frozen=True):
    """The model's words to the person."""

    text: str
    raw: str | None = None


class Called(Tagged, frozen=True):
    """The model wants a tool run. `id` is turn and place in it: "3.1"; `seal` as in `Thought`."""

    id: str
    tool: str
    arguments: dict[str, Any] = {}
    raw: str | None = None
    seal: dict[str, Any] = {}


class Broken(Tagged, frozen=True):
    """The model wrote what was meant as a call and is none; `problem` is for the model."""

    problem: str
    raw: str = ""


class Turned(Tagged, frozen=True):
    """The model's turn is complete. Counts are tokens, times are seconds, `cost` is in dollars.

    `tokens` are the ids the model generated, little-endian 32-bit, where the back end knows them.
    """

    reason: Literal["calls", "stop", "length"] = "stop"
    evaluated: int = 0
    reused: int = 0
    generated: int = 0
    prefill_seconds: float = 0.0
    decode_seconds: float = 0.0
    context_used: int = 0
    context_size: int = 0
    tokens: bytes = b""
    cost: float = 0.0


class Decided(Tagged, frozen=True):
    """What the policy found for one call, by which rule, because of what.

    `hash` binds tool and arguments; `content` the bytes that the arguments only point at, and
    `preview` shows these to a person.
    """

    id: str
    decision: Decision
    rule: str
    reason: str
    effect: str = ""
    hash: str = ""
    content: str = ""
    preview: str = ""


class Approved(Tagged, frozen=True):
    """A person's yes to exactly these arguments and this content.

    `always` is how far they said it goes beyond this call, such as "recipient"; empty for no more.
    """

    id: str
    hash: str
    by: str
    content: str = ""
    always: str = ""


class Declined(Tagged, frozen=True):
    """A person's no, with what they said about it; `done` says that they did it themselves."""

    id: str
    hash: str
    by: str
    reason: str = ""
    content: str = ""
    done: bool = False


class Edited(Tagged, frozen=True):
    """A person changed what a call would do. It is decided and asked anew: a change is no yes.

    `arguments` are what the call has from here on. Where these only point at content, they are
    the same as before, and the content itself was changed where it lies.
    """

    id: str
    by: str
    arguments: dict[str, Any] = {}


class Started(Tagged, frozen=True):
    """About to act: in the journal, and on the disk, before the act.

    `key` names the operation for good; `before` is what undoing it needs.
    """

    id: str
    key: str
    hash: str
    content: str = ""
    before: dict[str, Any] = {}


class Returned(Tagged, frozen=True):
    """What came back: `text` for the model, `data` for programs.

    `artifacts` are file names in the run's artifact folder.
    """

    id: str
    ok: bool = True
    text: str = ""
    data: Any = None
    receipts: list[Receipt] = []
    origin: list[Origin] = []
    artifacts: list[str] = []
    seconds: float = 0.0


class Unsettled(Tagged, frozen=True):
    """A call was started and nobody knows whether it happened; `how` says what was found out."""

    id: str
    key: str
    how: str


class Settled(Tagged, frozen=True):
    """How the doubt about a started call was cleared up."""

    id: str
    key: str
    happened: bool
    how: str


class Noted(Tagged, frozen=True):
    """What the harness tells the model in mid-run; `about` names the occasion, such as "limits"."""

    text: str
    about: str = ""


class Planned(Tagged, frozen=True):
    """The plan, item by item, with state, and what must not be forgotten meanwhile.

    `by` names the person who changed it, where it was not the model.
    """

    items: list[Item]
    notes: list[str] = []
    by: str = ""


class Judged(Tagged, frozen=True):
    """Is the task met, item by item, with receipts: what is proven, claimed, open or unproven.

    Rules look first; where the model was asked too, `by` says so, and the counts what that took.
    """

    met: bool
    items: list[Item] = []
    by: Literal["rules", "model"] = "rules"
    evaluated: int = 0
    reused: int = 0
    generated: int = 0
    seconds: float = 0.0
    cost: float = 0.0


class Compacted(Tagged, frozen=True):
    """The first `through` events of the history were folded away; `summary` stands for them."""

    through: int
    summary: str


class Spawned(Tagged, frozen=True):
    """A sub-agent began for the call `id`, as a run of its own, with these of the run's tools."""

    id: str
    child: str
    task: str
    role: str = ""
    tools: list[str] = []


class Reported(Tagged, frozen=True):
    """A sub-agent's report, how it ended, and what it took: turns, tokens and seconds."""

    id: str
    child: str
    text: str
    receipts: list[Receipt] = []
    status: Status = "done"
    turns: int = 0
    evaluated: int = 0
    reused: int = 0
    generated: int = 0
    seconds: float = 0.0
    cost: float = 0.0


class Ended(Tagged, frozen=True):
    """How and why the run stopped. A run that waits, or met a limit, may go on after this."""

    status: Status
    reason: str
    exit_code: int
    answer: str = ""


Part = Thought | Said | Called | Broken
"""What a model's turn consists of."""

Event = (
    Began
    | Asked
    | Thought
    | Said
    | Called
    | Broken
    | Turned
    | Decided
    | Approved
    | Declined
    | Edited
    | Started
    | Returned
    | Unsettled
    | Settled
    | Noted
    | Planned
    | Judged
    | Compacted
    | Spawned
    | Reported
    | Ended
)


class Record(Value, frozen=True):
    """An event in its place: `at` is seconds since 1970, UTC."""

    run: str
    seq: int
    at: float
    event: Event
