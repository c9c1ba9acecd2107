"""Tells a person who looks elsewhere that they are wanted, where the desktop has a way to."""

import asyncio
import os
import shutil
import sys
from asyncio.subprocess import DEVNULL

_SECONDS = 5


def teller(words: str) -> list[str] | None:
    """The command that shows a notification; None where there is no desktop to show it on."""
    if "SSH_CONNECTION" in os.environ:
        return None
    if sys.platform == "darwin" and shutil.which("osascript"):
        script = 'on run {words}\ndisplay notification words with title "m2agent"\nend run'
        return ["osascript", "-e", script, words]
    has_desktop = "DISPLAY" in os.environ or "WAYLAND_DISPLAY" in os.environ
    if has_desktop and (notify := shutil.which("notify-send")):
        return [notify, "--app-name=m2agent", "--", "m2agent", words]
    return None


async def tell(words: str) -> None:
    """Show a notification. Where that fails, the bell has to do."""
    if (command := teller(words)) is None:
        return
    try:
        shown = await asyncio.create_subprocess_exec(*command, stdout=DEVNULL, stderr=DEVNULL)
    except OSError:
        return
    try:
        await asyncio.wait_for(shown.wait(), _SECONDS)
    except TimeoutError:
        shown.kill()
        await shown.wait()
