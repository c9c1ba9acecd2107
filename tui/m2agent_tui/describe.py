"""A call in the person's words: "Search mail: invoice", "Draft to Ann Billing: Invoice 1042"."""

from collections.abc import Mapping
from typing import Any, cast

from m2agent.printable import one_line

_TITLES: dict[str, tuple[str, ...]] = {
    "mail_search": ("Search mail", "query"),
    "mail_read": ("Read mail", "id", "thread"),
    "mail_labels": ("List mail labels",),
    "mail_save_attachment": ("Save what is attached to", "id"),
    "mail_send": ("Send", "draft_id"),
    "mail_label": ("Label mail", "ids", "thread"),
    "mail_trash": ("Move mail to the trash", "ids"),
    "mail_label_edit": ("Change a mail label", "name"),
    "notes_search": ("Search notes", "query"),
    "notes_read": ("Read note", "id"),
    "notes_schema": ("Look at table", "table"),
    "notes_query": ("Look into table", "table"),
    "notes_create": ("Write note", "title"),
    "notes_update": ("Change note", "id"),
    "notes_comment": ("Comment on note", "id"),
    "notes_trash": ("Move note to the trash", "id"),
    "shell_run": ("Run", "command"),
    "shell_input": ("Type into the command", "text", "key"),
    "read_artifact": ("Read on in", "name"),
    "plan_update": ("Write down the plan",),
    "undo": ("Take back", "what", "step"),
    "delegate": ("Give to a helper", "task"),
}
"""What each tool does, and the arguments of which the first one given says to what."""

_IDS = {"id", "ids", "thread", "draft_id", "table", "reply_to", "forward"}
_WIDTH = 200
_SHOWN = 3


class Names:
    """What ids stand for, learnt from results: a mail's subject, a note's title, a draft."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}

    def learn(self, data: Any) -> None:
        """Remember what a result says about the things it names."""
        match data:
            case {"draft_id": str(id)}:
                self._names[id] = _addressed(cast(dict[str, Any], data))
            case {"items": [*items]}:
                for item in items:
                    self._learn_item(item)
            case _:
                self._learn_item(data)

    def _learn_item(self, item: Any) -> None:
        match item:
            case {"id": str(id), "subject": str(name)} | {"id": str(id), "title": str(name)}:
                self._names[id] = name
            case _:
                pass

    def of(self, value: Any) -> Any:
        """The name in place of an id, also in a list of them; anything else as it is."""
        if isinstance(value, list):
            return [self.of(item) for item in cast(list[Any], value)]
        return self._names.get(value) or value if isinstance(value, str) else value


def title(tool: str, arguments: Mapping[str, Any], names: Names) -> str:
    """What the call does, on one line that is safe to show."""
    match tool, arguments:
        case "mail_draft", {"reply_to": str(id)}:
            words, shown = "Draft a reply", [names.of(id)]
        case "mail_draft", {"forward": str(id)}:
            words, shown = "Draft a forward", [names.of(id)]
        case "mail_draft", {"to": _}:
            return one_line(f"Draft to {_addressed(arguments)}", _WIDTH)
        case "mail_send", {"draft_id": str(id)} if names.of(id) != id:
            return one_line(f"Send to {names.of(id)}", _WIDTH)
        case _ if tool in _TITLES:
            words, *keys = _TITLES[tool]
            given = [key for key in keys if arguments.get(key)][:1]
            shown = [names.of(arguments[k]) if k in _IDS else arguments[k] for k in given]
        case _:
            words, shown = tool.replace("_", " ").capitalize(), list(arguments.values())
    said = ", ".join(filter(None, (_short(value) for value in shown[:_SHOWN])))
    return one_line(f"{words}: {said}" if said else words, _WIDTH)


def _short(value: Any) -> str:
    match value:
        case None:
            return ""
        case list() | dict():
            return ", ".join(_short(item) for item in list(cast(list[Any], value))[:_SHOWN])
        case _:
            return one_line(str(value), _WIDTH)


def _addressed(mail: Mapping[str, Any]) -> str:
    """A mail by whom it goes to and what it is about."""
    to, subject = mail.get("to", ""), mail.get("subject", "")
    people = cast(list[Any], to) if isinstance(to, list) else [to]
    names = ", ".join(str(person).split("<")[0].strip(' "') or str(person) for person in people)
    return f"{names}: {subject}" if subject else names
