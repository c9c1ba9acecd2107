"""The tool by which a model gives a part of its task away, and what the sub-agent is told."""

from collections.abc import Sequence
from typing import Annotated, ClassVar, Self

from pydantic import Field

from m2agent.connector import Account
from m2agent.errors import ToolFailed
from m2agent.loop.roles import Role
from m2agent.tool import Result, tool

TOOL = "delegate"


class Delegate:
    """The tool; the loop carries its calls out, each as a run of its own."""

    name: ClassVar[str] = "delegate"
    kind: ClassVar[str] = "delegate"

    @classmethod
    async def open(cls, account: Account) -> Self:
        return cls()

    def describe(self) -> str:
        return "sub-agents of this run"

    async def close(self) -> None: ...

    @tool(effect="read")
    async def delegate(
        self,
        task: Annotated[str, Field(min_length=1)],
        tools: list[str] = [],  # noqa: B006 the schema's default, never changed
        role: str = "",
    ) -> Result:
        """Give a part of the task to a sub-agent, which works by itself and then reports to you.

        It knows nothing but `task`: say in it all that it needs. `tools` are the only tools it
        gets; all of yours if none are named. Roles: researcher and checker only read, writer
        sends nothing. Several calls in one turn work side by side.
        """
        raise ToolFailed("Only a run can give a part of its task away.")


def brief(task: str, role: Role, tools: Sequence[str], asked: str) -> str:
    """The task of a sub-agent, as its context begins with it."""
    lines = [
        "You are a sub-agent: the agent that works for the person gives you a part of its task.",
        role.about,
        f"Of the tools, you have {', '.join(tools) or 'none'}; the others are not yours to call.",
        "When it is done, or cannot be done, report. Your report is all that the other agent "
        "will see: give ids, names and numbers in full, each claim with its mark.",
        f"What the person asked the other agent for, as background:\n{asked}",
        f"Your part, and nothing else, is:\n{task}",
    ]
    return "\n\n".join(line for line in lines if line)
