"""A run as a person follows it: events put together into entries, in the order of reading.

A call and all that happens to it afterwards are one entry; what only programs need is left out.
"""

from dataclasses import dataclass, field
from typing import Literal, assert_never

import msgspec

from m2agent.events import (
    Approved,
    Asked,
    Began,
    Broken,
    Called,
    Compacted,
    Decided,
    Declined,
    Edited,
    Ended,
    Event,
    Judged,
    Noted,
    Planned,
    Reported,
    Returned,
    Said,
    Settled,
    Spawned,
    Started,
    Thought,
    Turned,
    Unsettled,
)
from m2agent_tui.describe import Names, title

State = Literal["written", "asking", "running", "doubtful", "declined", "failed", "ok"]


@dataclass(eq=False)
class Thinking:
    """A thought; `seconds` is None for one that was not watched."""

    text: str
    seconds: float | None = None


@dataclass(eq=False)
class Step:
    """One call, and everything that has happened to it so far."""

    called: Called
    title: str
    decided: Decided | None = None
    edited: Edited | None = None
    answer: Approved | Declined | None = None
    started: Started | None = None
    unsettled: Unsettled | None = None
    settled: Settled | None = None
    returned: Returned | None = None

    @property
    def state(self) -> State:
        if isinstance(self.answer, Declined) and not self.answer.done:
            return "declined"
        if self.returned:
            return "ok" if self.returned.ok else "failed"
        if self.unsettled and not self.settled:
            return "doubtful"
        if self.started:
            return "running"
        if self.decided and self.decided.decision == "ask" and not self.answer:
            return "asking"
        return "written"


@dataclass(eq=False)
class Helper:
    """A sub-agent: a run of its own, with a story of its own."""

    spawned: Spawned
    story: "Story"
    reported: Reported | None = None


Entry = (
    Asked | Thinking | Said | Step | Broken | Noted | Planned | Judged | Compacted | Helper | Ended
)


@dataclass
class Story:
    """All entries of a run so far; `plan` is the last one made."""

    entries: list[Entry] = field(default_factory=list[Entry])
    steps: dict[str, Step] = field(default_factory=dict[str, Step])
    names: Names = field(default_factory=Names)
    helpers: dict[str, Helper] = field(default_factory=dict[str, Helper])
    plan: Planned | None = None

    def take_of_helper(self, run: str, event: Event) -> Entry | None:
        """Add what happened in the run of a sub-agent, or of one of its own."""
        for child, helper in self.helpers.items():
            if run == child:
                helper.story.take(event)
                return helper
            if helper.story.take_of_helper(run, event):
                return helper
        return None

    def take(self, event: Event, seconds: float | None = None) -> Entry | None:
        """Add an event; returns the entry that is new or changed by it.

        `seconds` is how long a thought took, where somebody watched.
        """
        match event:
            case Began() | Turned():
                return None
            case Thought(text):
                return self._new(Thinking(text, seconds)) if text.strip() else None
            case Said(text):
                return self._new(event) if text.strip() else None
            case Called(id=id, tool=tool, arguments=arguments):
                step = Step(event, title(tool, arguments, self.names))
                self.steps[id] = step
                return self._new(step)
            case Planned():
                self.plan = event
                return self._new(event)
            case Asked() | Broken() | Noted() | Judged() | Compacted() | Ended():
                return self._new(event)
            case Spawned(child=child):
                helper = self.helpers[child] = Helper(event, Story(names=self.names))
                return self._new(helper)
            case Reported(child=child):
                if helper := self.helpers.get(child):
                    helper.reported = event
                return helper
            case Decided(id=id):
                step = self.steps[id]
                step.decided, step.answer = event, None
                return step
            case Approved(id=id) | Declined(id=id):
                self.steps[id].answer = event
                return self.steps[id]
            case Edited(id=id, arguments=arguments):
                step = self.steps[id]
                step.called = msgspec.structs.replace(step.called, arguments=arguments)
                step.title = title(step.called.tool, arguments, self.names)
                step.edited, step.decided, step.answer = event, None, None
                return step
            case Started(id=id):
                step = self.steps[id]
                step.started, step.unsettled, step.settled = event, None, None
                return step
            case Unsettled(id=id):
                self.steps[id].unsettled = event
                return self.steps[id]
            case Settled(id=id):
                self.steps[id].settled = event
                return self.steps[id]
            case Returned(id=id, data=data):
                step = self.steps[id]
                step.returned = event
                self.names.learn(data)
                return step
            case _:
                assert_never(event)

    def _new(self, entry: Entry) -> Entry:
        self.entries.append(entry)
        return entry
