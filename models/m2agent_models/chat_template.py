"""Other models than M2: their own chat template around M2's way of calling tools.

A template from a file is a stranger's program. It is run once, sandboxed, in a process of its own
with little time and memory, on a conversation of placeholders; what it puts around these are the
frames that every later prompt is made of. So it never sees a word of a conversation, cannot
depend on one, and a longer prompt always begins with the shorter one.
"""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from m2agent.errors import SetupError
from m2agent.events import Event, ToolSpec
from m2agent.transcript import (
    AssistantMessage,
    Message,
    SystemMessage,
    ToolMessage,
    UserMessage,
    messages,
)
from m2agent_models.m2 import END_THINK, THINK, Segment
from m2agent_models.m2.markers import defuse
from m2agent_models.m2.render import written

_SECONDS = 5.0
_LONGEST = 20_000
"""Characters a template may put around six messages."""

_CHATML = (
    "{% for m in messages %}{{ '<|im_start|>' ~ m.role ~ '\n' ~ m.content ~ '<|im_end|>\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)

_TEACHING = """

# Tools
You work by calling tools. Here are the tools, each with its parameters as JSON Schema:

<tools>
{tools}
</tools>

To call tools, write exactly this and stop; each value stands as it is, without quotes:

<minimax:tool_call>
<invoke name="tool-name">
<parameter name="parameter-name">value</parameter>
</invoke>
</minimax:tool_call>

Several invokes may follow one another. What the tools return comes back between <response> tags.
You may think first, between <think> and </think>. When the task is done, write your report
without a call."""


@dataclass(frozen=True)
class Frames:
    """What a template puts before, between and after messages.

    `system` is empty where the template knows no such role: the system's text then stands before
    the person's first words. `again` comes between an answer and the next message of a person.
    """

    system: str
    user: str
    answer: str
    again: str

    @property
    def brief(self) -> bool:
        """Whether tools are told of by their names alone; other people's models need more."""
        return False

    @property
    def thinking(self) -> bool:
        """Whether the model's turn begins inside thinking."""
        return self.answer.rstrip().endswith(THINK)

    def segments(self, history: Sequence[Event], tools: Sequence[ToolSpec]) -> list[Segment]:
        """The prompt in stretches, as `m2.segments` gives it."""
        return [segment for segment in self._conversation(history, tools) if segment.text]

    def _conversation(
        self, history: Sequence[Event], tools: Sequence[ToolSpec]
    ) -> Iterator[Segment]:
        conversation = messages(history)
        system = "\n\n".join(m.text for m in conversation if isinstance(m, SystemMessage))
        system = f"{system}{_taught(tools)}".strip()
        rest = [m for m in conversation if not isinstance(m, SystemMessage)]
        if self.system:
            yield _frame(self.system)
            yield _text(system)
            yield _frame(self.user)
        else:
            yield _frame(self.user)
            yield _text(f"{system}\n\n")
        for from_model, group in groupby(rest, lambda m: isinstance(m, AssistantMessage)):
            if from_model:
                for message in group:
                    assert isinstance(message, AssistantMessage)
                    yield _frame(self.answer)
                    yield Segment("model", self._written(message), message.tokens)
                    yield _frame(self.again)
            else:
                # Templates want person and model to take turns, so neighbours become one message.
                yield _text("\n\n".join(_words(message) for message in group))
        yield _frame(self.answer)

    def _written(self, message: AssistantMessage) -> str:
        """The turn as it was written; one that another model wrote, in this one's way."""
        text = written(message.parts)
        if self.thinking or all(part.raw is not None for part in message.parts):
            return text
        closed = f"\n{END_THINK}\n\n"
        return text.removeprefix(closed) if text.startswith(closed) else f"{THINK}\n{text}"


def frames(template: str, *, bos: str, eos: str, name: str) -> Frames:
    """The frames of a template; ChatML's where there is none. Takes a quarter of a second.

    Raises SetupError, with the file's `name`, for a template that cannot be used.
    """
    asked = {"template": template or _CHATML, "bos": bos, "eos": eos}
    roles = ["system", "user", "assistant", "user", "assistant", "user"]
    try:
        parts = _around(asked, roles)
        if parts is None:
            # Some refuse a system message, some leave it out without a word.
            without = _around(asked, roles[1:])
            parts = ["", *without] if without else None
    except Unusable as error:
        raise _cannot_be_used(name, str(error)) from error
    if parts is None:
        raise _cannot_be_used(name, "it does not write out the messages it is given")
    system, user, _, _, _, again, answer = parts
    return Frames(system, user, answer, again)


class Unusable(Exception):
    """Why a template cannot be used, to stand behind a colon."""


def _around(asked: dict[str, str], roles: list[str]) -> list[str] | None:
    """What stands around the placeholders; None where they are not all there once, in order."""
    talk = [{"role": r, "content": _placeholder(i)} for i, r in enumerate(roles)]
    rest = rendered(asked, talk)
    if rest is None:
        return None
    parts: list[str] = []
    for place in range(len(roles)):
        before, found, rest = rest.partition(_placeholder(place))
        if not found:
            return None
        parts.append(before)
    return [*parts, rest]


def rendered(asked: Mapping[str, Any], talk: Sequence[Mapping[str, Any]]) -> str | None:
    """The conversation as the template writes it; None where it refuses the conversation.

    Raises Unusable.
    """
    try:
        done = subprocess.run(
            [sys.executable, "-m", "m2agent_models.chat_template_sandbox"],
            input=json.dumps({**asked, "messages": talk}),
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=True,
        )
    except subprocess.TimeoutExpired as error:
        raise Unusable("it does not come to an end") from error
    except subprocess.CalledProcessError as error:
        raise Unusable("it takes more time or memory than any template needs") from error
    answer = json.loads(done.stdout)
    if "unusable" in answer:
        raise Unusable(answer["unusable"])
    text = answer.get("text")
    if text is not None and len(text) > _LONGEST:
        raise Unusable("it writes without measure")
    return text


def _placeholder(place: int) -> str:
    return f"\ue000message {place}\ue001"


def _cannot_be_used(name: str, why: str) -> SetupError:
    return SetupError(
        f"The chat template in {name} cannot be used: {why}.",
        fix="Choose another model: m2agent models",
    )


def _taught(tools: Sequence[ToolSpec]) -> str:
    if not tools:
        return ""
    lines = [
        json.dumps(
            {"name": tool.name, "description": tool.description, "parameters": tool.parameters},
            ensure_ascii=False,
        )
        for tool in tools
    ]
    return _TEACHING.format(tools="\n".join(map(defuse, lines)))


def _words(message: Message) -> str:
    match message:
        case UserMessage(text):
            return defuse(text)
        case ToolMessage(responses):
            return "\n".join(f"<response>{defuse(r.text)}</response>" for r in responses)
        case _:
            return ""


def _frame(text: str) -> Segment:
    return Segment("frame", text)


def _text(text: str) -> Segment:
    return Segment("text", text)
