"""What a person can have done, by name: after a slash in the prompt, and in the palette."""

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Command:
    """`action` is Textual's: of the screen in view, or of the program."""

    name: str
    title: str
    words: str
    action: str


COMMANDS = (
    Command("new", "New task", "Begin something new", "app.new"),
    Command("runs", "Runs", "Search all runs, and open one", "app.runs"),
    Command("waiting", "Waiting for you", "Every open question, over all runs", "app.waiting"),
    Command("pause", "Pause", "Stop after this step; Enter goes on", "screen.pause"),
    Command("stop", "Stop now", "Stop at once; Enter goes on", "screen.stop_at_once"),
    Command("takeover", "Take over", "Stop, do a step yourself, and say so", "screen.take_over"),
    Command("plan", "Change the plan", "The model reads it before its next turn", "screen.plan"),
    Command("rewind", "Rewind, or fork", "Take another way from a turn on", "screen.turns"),
    Command("undo", "Undo", "See what this run changed, and take it back", "screen.undo"),
    Command("report", "Report", "Write this run down as a Markdown file", "screen.report"),
    Command("export", "Export", "Write every event of this run into a file", "screen.export"),
    Command("panel", "Side panel", "Show or hide the plan and the engine", "screen.side"),
    Command("history", "History", "Search what you said before", "screen.history"),
    Command("model", "Model", "Choose what thinks", "app.model"),
    Command("connections", "Connections", "Gmail, Notion and the rest", "app.connections"),
    Command("settings", "Settings", "Every setting, and what it does", "app.settings"),
    Command("theme", "Theme", "Choose the colours", "app.change_theme"),
    Command("welcome", "Set up", "The first steps again", "app.welcome"),
    Command("keys", "Keys", "What every key does here", "app.keys"),
    Command("quit", "Quit", "Stop every run so that it can go on, and leave", "app.quit"),
)

_COMMAND = re.compile(r"/([a-z]+)\s*")


def meant(text: str) -> Command | str | None:
    """The command that a text is; words on one that does not exist; None for any other text."""
    written = _COMMAND.fullmatch(text)
    if written is None:
        return None
    for command in COMMANDS:
        if command.name == written[1]:
            return command
    return f"There is no command /{written[1]}. Type / to see all."
