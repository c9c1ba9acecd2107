"""Stands for the engine of a long scripted run: it outlives the run's processes, as the real one.

It keeps the token logs by the engine's own rules, a character counting as a third of a token, and
looks at every prompt for what a run must never lose. Nothing is generated here: the script is.
"""

from array import array
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, Listener
from pathlib import Path
from threading import Thread
from typing import Any, TypedDict

from m2agent_models.engine import Tokens
from m2agent_models.engine.sequences import Sequences, common_prefix

PER_TOKEN = 3
_OWNER = 1


class Question(TypedDict):
    """One turn: the prompt, what the script answers, and what must be in the prompt for it."""

    conversation: str
    turn: int
    prompt: str
    answer: str
    needed: list[str]


class _Cells:
    """Room for everything; forks share it."""

    size = 1 << 40
    can_fork = True

    def remove(self, sequence: int, start: int) -> bool:
        return True

    def copy(self, source: int, target: int, end: int) -> None: ...


@dataclass
class Account:
    """What came of a run's prompts, over all its processes; counts are characters.

    `folded` is what was evaluated at the first turn after each fold; it counts as new, too.
    """

    turns: int = 0
    evaluated: int = 0
    new: int = 0
    folded: int = 0
    missing: list[str] = field(default_factory=list[str])
    longest: int = 0


class Engine:
    """Answers on a socket of its own until `close`."""

    def __init__(self, socket: Path) -> None:
        self.account = Account()
        self.prompts: dict[str, str] = {}
        self._sequences = Sequences(_Cells(), slots=8)
        self._logs: dict[str, Tokens] = {}
        self._listener = Listener(str(socket), "AF_UNIX")
        self._thread = Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._listener.close()

    def _serve(self) -> None:
        while True:
            try:
                client = self._listener.accept()
            except OSError:
                return
            self._speak(client)

    def _speak(self, client: "Connection[Any, Any]") -> None:
        """Until the process at the other end is gone."""
        while True:
            try:
                question: Question = client.recv()
                client.send(self._turn(question))
            except (EOFError, OSError):
                return

    def _turn(self, question: Question) -> tuple[int, int]:
        """Characters evaluated and reused of the prompt."""
        name, prompt = question["conversation"], question["prompt"]
        told = self.account
        self.prompts[name] = prompt
        told.turns += 1
        told.longest = max(told.longest, len(prompt))
        told.missing += [
            f"{name} {question['turn']}: {text}"
            for text in question["needed"]
            if text not in prompt
        ]
        tokens, answer = _tokens(prompt), _tokens(question["answer"])
        sequence = self._sequences.take(tokens, _OWNER, name)
        assert sequence is not None
        reused = len(sequence.tokens)
        self._sequences.extend(sequence, tokens[reused:] + answer)
        self._sequences.give_back(sequence)
        log = tokens + answer
        known = max((common_prefix(log, other) for other in self._logs.values()), default=0)
        told.new += len(log) - known
        told.evaluated += len(log) - reused
        if (before := self._logs.get(name)) and common_prefix(log, before) < len(before):
            told.folded += len(tokens) - reused
        self._logs[name] = log
        self._logs.setdefault("first", log)
        return len(tokens) - reused, reused


def _tokens(text: str) -> Tokens:
    return array("i", [ord(character) for character in text])
