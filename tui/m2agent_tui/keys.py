"""What every key does, where the person is right now."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, ClassVar, cast

from textual.binding import ActiveBinding, Binding, BindingType
from textual.content import Content
from textual.screen import Screen

from m2agent_tui.reading import Reading

if TYPE_CHECKING:
    from textual.app import App

_PLACES = {
    "Prompt": "Where you type",
    "Approval": "On the question",
    "Doubt": "On the question",
    "Editing": "In the text",
    "Line": "On a step",
    "Examples": "On an example",
    "Conversation": "In this run",
    "M2Agent": "Everywhere",
}
_NOT_TOLD = ("page_left", "page_right", "help_quit", "copy_text", "scroll_left", "scroll_right")
_BESIDES = (
    ("/", "Everything that can be done, by name"),
    ("@", "Files, people and pages, by name"),
    ("up", "On the first line: what you said before"),
)
"""What is typed and is no key."""
_WIDTH = 24


class Keys(Reading):
    """Every key that does something where the focus is."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("f1", "dismiss", "Back", id="keys")]

    def __init__(self, app: "App[None]") -> None:
        super().__init__("What every key does here", _told(app))


def _told(app: "App[None]") -> Content:
    """By place; what is nearest comes first."""
    places: dict[str, list[tuple[str, str]]] = {}
    bindings = cast(Screen[Any], app.screen).active_bindings
    for action, same in _by_action(app, bindings.values()).items():
        node, words = action
        places.setdefault(node, []).append((" ".join(dict.fromkeys(same)), words))
    if "Where you type" in places:
        places["Where you type"] += _BESIDES
    parts = [
        Content("\n").join([Content.styled(place, "bold $primary"), *map(_row, rows)])
        for place, rows in places.items()
    ]
    return Content("\n\n").join(parts)


def _by_action(
    app: "App[None]", bindings: Iterable[ActiveBinding]
) -> dict[tuple[str, str], list[str]]:
    """The keys of each thing that can be done, by where and what."""
    found: dict[tuple[str, str], list[str]] = {}
    for node, binding, enabled, _ in bindings:
        is_told = binding.description and binding.action not in _NOT_TOLD
        if enabled and is_told and not binding.system:
            place = _PLACES.get(type(node).__name__, "Here")
            keys = found.setdefault((place, binding.description), [])
            keys.append(app.get_key_display(binding))
    return found


def _row(row: tuple[str, str]) -> Content:
    keys, words = row
    return Content.assemble((f"  {keys:<{_WIDTH}}", "$text-accent"), words)
