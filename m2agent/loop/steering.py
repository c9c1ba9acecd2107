"""What a person puts into a run while it goes on."""

from collections import deque


class Steering:
    """Messages and the wish to stop, left here by a screen and picked up by the loop."""

    def __init__(self) -> None:
        self._messages: deque[str] = deque()
        self.stopping = False

    def say(self, text: str) -> None:
        """Reaches the model before its next turn."""
        self._messages.append(text)

    def stop(self) -> None:
        """Finish the step that is under way, then end the run for now."""
        self.stopping = True

    def heard(self) -> list[str]:
        """The messages since the last time."""
        messages = list(self._messages)
        self._messages.clear()
        return messages
