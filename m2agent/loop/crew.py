"""Everything a run works with besides its journal."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from m2agent.events import Event
from m2agent.loop.ask import Approve, park
from m2agent.loop.limits import Limits
from m2agent.loop.roles import ROLES, Role
from m2agent.loop.steering import Steering
from m2agent.model import Model, ModelSettings
from m2agent.policy import Always, Rules
from m2agent.toolbox import Toolbox


@dataclass(frozen=True)
class Crew:
    """What a run works with; nothing of it is in the journal.

    `known` is the history that a sub-agent's provenance begins with, its parent's. `acting` is
    held by whoever acts: effects happen one at a time, over all sub-agents. `waits` are the
    seconds before each new try of a read that was refused for a reason that passes, and `longest`
    those after which a call is given up.
    """

    model: Model
    toolbox: Toolbox
    work: Path
    approve: Approve = park
    rules: Rules = field(default_factory=Rules)
    limits: Limits = field(default_factory=Limits)
    sampling: ModelSettings = field(default_factory=ModelSettings)
    steering: Steering = field(default_factory=Steering)
    always: Always = field(default_factory=Always)
    roles: Mapping[str, Role] = field(default_factory=lambda: ROLES)
    waits: Sequence[float] = (2.0, 8.0, 30.0)
    longest: float = 3_700.0
    known: Sequence[Event] = ()
    acting: asyncio.Lock = field(default_factory=asyncio.Lock)
