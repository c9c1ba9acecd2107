"""What a call would do, drawn as what it is: a letter, a page, a change, a command."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from textual.content import Content

from m2agent.printable import one_line, printable
from m2agent_tui.look import (
    Block,
    bounded,
    difference,
    faint,
    fields,
    page,
    terminal,
)
from m2agent_tui.shape import list_of, table_of

_LETTER = ("to", "cc", "bcc", "reply_to", "forward", "subject")


def proposal(tool: str, arguments: Mapping[str, Any]) -> list[Block]:
    """The call's arguments as a person reads them; unknown tools show every one by its name."""
    match tool, arguments:
        case "mail_draft", {"body": str(body)}:
            return _with_rest(arguments, {*_LETTER, "body"}, Block(_letter(arguments)), page(body))
        case "shell_run", {"command": str(command)}:
            return _with_rest(arguments, {"command"}, terminal(command, "", ""))
        case "notes_create", {"title": str(title)}:
            props = table_of(arguments.get("props"))
            head = [("in", _text(arguments.get("parent", ""))), ("title", title)]
            shown = fields([*head, *((name, _text(value)) for name, value in props.items())])
            body = [page(str(arguments["body"]))] if arguments.get("body") else []
            known = {"parent", "title", "props", "body"}
            return _with_rest(arguments, known, Block(shown), *body)
        case "notes_update", {"id": id}:
            return _with_rest(
                arguments, {"id", "props", "edits", "append"}, *_change(id, arguments)
            )
        case _:
            return [Block(named(arguments))]


def named(values: Mapping[str, Any], shown: Callable[[str], str] = bounded) -> Content:
    """Arguments one after the other, texts as they are read; `shown` may shorten them."""
    lines: list[Content] = []
    for name, value in values.items():
        text = shown(_text(value))
        label = faint(f"{one_line(name)}: ")
        lines.append(Content.assemble(label, "\n" if "\n" in text else "", printable(text)))
    return Content("\n").join(lines) if lines else faint("none")


def _with_rest(arguments: Mapping[str, Any], known: set[str], *blocks: Block) -> list[Block]:
    """Blocks, and below them every argument that they leave out."""
    rest = {name: value for name, value in arguments.items() if name not in known}
    return [*(block for block in blocks if block.text), *([Block(named(rest))] if rest else [])]


def _letter(arguments: Mapping[str, Any]) -> Content:
    return fields([(name.replace("_", " "), _text(arguments.get(name))) for name in _LETTER])


def _change(id: Any, arguments: Mapping[str, Any]) -> list[Block]:
    """A change of a note: what its properties become, what its text loses and gains."""
    props = table_of(arguments.get("props"))
    become = [(f"{name} becomes", _text(value) or "empty") for name, value in props.items()]
    blocks = [Block(fields([("note", _text(id)), *become]))]
    for edit in list_of(arguments.get("edits")):
        match edit:
            case {"old": str(old), "new": str(new)}:
                blocks.append(Block(difference(old, new)))
            case _:
                blocks.append(Block(Content(printable(bounded(_text(edit))))))
    if added := arguments.get("append"):
        blocks.append(Block(difference("", str(added))))
    return blocks


def _text(value: Any) -> str:
    match value:
        case None:
            return ""
        case str():
            return value
        case [*items] if all(isinstance(item, str) for item in items):
            return ", ".join(items)
        case _:
            return json.dumps(value, ensure_ascii=False, indent=2)
