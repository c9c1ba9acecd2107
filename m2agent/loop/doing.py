"""Do one call: run its tool, wait for a service that is busy, put into words what came back."""

import time
from asyncio import timeout
from dataclasses import dataclass, field, replace

import msgspec

from m2agent.errors import Busy, ToolFailed, Unclear
from m2agent.events import Noted, Origin, Returned
from m2agent.journal import Run
from m2agent.loop.cap import capped, page_size, share
from m2agent.loop.crew import Crew
from m2agent.loop.steps import Step, last_turn
from m2agent.secrets import Secrets
from m2agent.tool import Operation, Result
from m2agent.toolbox import Call

_LONGEST_WAIT = 120.0


@dataclass(frozen=True)
class Doing:
    """Does the calls of a run, with its crew's means. No secret gets past it."""

    run: Run
    crew: Crew
    secrets: Secrets = field(default_factory=Secrets.known)

    def operation(self, step: Step) -> Operation:
        key = f"{self.run.id}.{step.called.id}"
        return Operation(key, self.crew.work, self.run.artifacts)

    async def do(self, step: Step, call: Call) -> Returned:
        """Run the tool. A failure becomes words for the model; `Unclear` and bugs rise.

        A read that was refused for a reason that passes is tried again; what may change something
        never is, for it may have happened. To choose another way is the model's.
        """
        began = time.monotonic()
        waits = self.crew.waits if call.effect == "read" else ()
        for tries, wait in enumerate((*waits, None), start=1):
            try:
                async with timeout(self.crew.longest):
                    result = await call.run(self.operation(step))
                return self.returned(step, result, time.monotonic() - began)
            except Busy as busy:
                pause = wait and (busy.after or wait)
                if pause is None or pause > _LONGEST_WAIT or self.crew.steering.stopping:
                    spent = f" (Tried {tries} times in {time.monotonic() - began:.0f} s.)"
                    return self.failed(step, ToolFailed(f"{busy}{spent if tries > 1 else ''}"))
                await self.crew.steering.sleep(pause)
            except Unclear:
                raise
            except ToolFailed as failure:
                return self.failed(step, failure)
            except TimeoutError as error:
                words = f"{step.called.tool} was given up after {self.crew.longest:.0f} s."
                if call.effect != "read":
                    raise Unclear(words) from error
                return self.failed(step, ToolFailed(words))
        raise AssertionError("unreachable: the last try returns")

    def changed(self, step: Step) -> Noted:
        """What the person made of a step, which the model wrote otherwise."""
        preview = step.decided.preview if step.decided else ""
        words = preview or msgspec.json.encode(step.called.arguments).decode()
        cut = self.secrets.mask(words)[: self._page()]
        return Noted(f"The person changed step {step.called.id} first, to: {cut}", about="edit")

    def failed(self, step: Step, failure: ToolFailed) -> Returned:
        return Returned(step.called.id, False, self.secrets.mask(str(failure)))

    def returned(self, step: Step, result: Result, seconds: float) -> Returned:
        text = self.secrets.mask(result.text)
        origin = result.origin if text == result.text else []  # its offsets no longer hold
        text, artifacts = capped(replace(result, text=text), self.operation(step), self._page())
        return Returned(
            step.called.id,
            True,
            text,
            self.secrets.masked(result.data),
            result.receipts,
            origin or [Origin("outside", step.called.tool)],
            artifacts,
            round(seconds, 3),
        )

    def _page(self) -> int:
        """How long each result of this turn may be, so that all of them fit together."""
        turn = last_turn(self.run.events)
        return share(page_size(self.crew.model.context), len(turn.steps) if turn else 1)
