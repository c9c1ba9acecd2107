"""A command in the background: on a terminal of its own, where it can be watched and typed to."""

import asyncio
import shlex
import time
from pathlib import Path

from m2agent_connectors.shell.output import Output, Shown
from m2agent_connectors.shell.session import Place

# An interactive shell around it gives it the terminal, so that ctrl-c reaches it and no more. The
# trap keeps that shell from turning into the command.
_AROUND = ("bash", "--noprofile", "--norc", "-i", "-c")


class Job:
    """Such a command; it runs from the start until it ends by itself or is closed."""

    def __init__(self, place: Place, command: str, stdin: str | None, cwd: Path) -> None:
        self.began = time.monotonic()
        self._files = [place.put("command", command)]
        if stdin is not None:
            self._files.append(place.put("input", stdin))
        self._place = place
        run = "trap : INT; bash " + " <".join(shlex.quote(str(path)) for path in self._files)
        self._terminal = place.start((*_AROUND, run), cwd, Output())
        self.type = self._terminal.type

    async def look(self, seconds: float, file: Path) -> tuple[int | None, Shown]:
        """Wait so long or until it ends; then its exit code if it did, and what is new."""
        self._terminal.output.file = file
        waiting = asyncio.ensure_future(self._terminal.ended.wait())
        await asyncio.wait([waiting], timeout=seconds)
        ended = waiting.done()
        waiting.cancel()
        shown, self._terminal.output = self._terminal.output.close(), Output()
        if not ended:
            return None, shown
        await self.close()
        return self._terminal.exit_code, shown

    async def close(self) -> None:
        await self._terminal.close()
        for path in self._files:
            self._place.remove(path)
