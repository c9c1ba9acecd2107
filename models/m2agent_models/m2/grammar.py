"""The grammar that holds M2 to well-formed calls, in llama.cpp's notation (GBNF).

It begins right after the marker that opens a block of calls and ends with the one that closes it.
Parameters come in the order of the schema: required ones always, the others as the model likes.
A string is free text up to its closing tag, in exactly the way in which `Parser` reads it.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

from m2agent.events import ToolSpec
from m2agent_models.m2.markers import END_CALLS
from m2agent_models.m2.render import json_text, value_text
from m2agent_models.m2.values import choices_of, kinds_of, resolve, variants_of

_NAME = re.compile(r'[^"<>\n\0]+')
_DEEPEST = 4

_JSON = r"""
value ::= object | array | string | number | boolean | null
object ::= "{" space (member (space "," space member)* space)? "}"
member ::= string space ":" space value
array ::= "[" space (value (space "," space value)* space)? "]"
string ::= "\"" ([^"\\\x00-\x1F] | "\\" (["\\/bfnrt] | "u" [0-9a-fA-F]{4}))* "\""
integer ::= "-"? ("0" | [1-9] [0-9]{0,15})
number ::= integer ("." [0-9]{1,24})? ([eE] [-+]? [0-9]{1,3})?
boolean ::= "true" | "false"
null ::= "null"
space ::= (" " | "\n" [ \t]{0,20})?
""".strip()
_JSON_KINDS = ("object", "array", "string", "number", "integer", "boolean", "null")


def grammar(tools: Sequence[ToolSpec]) -> str:
    """The rules for any number of calls of these tools; empty where there are no tools."""
    named = [tool for tool in tools if _NAME.fullmatch(tool.name)]
    if not named:
        return ""
    calls = [_literal(tool.name + '">\n') + f" tool-{n}" for n, tool in enumerate(named)]
    rules = [
        f'root ::= "\\n" call+ {_literal(END_CALLS)}',
        f'call ::= "<invoke name=\\"" ({" | ".join(calls)}) "</invoke>\\n"',
    ]
    for n, tool in enumerate(named):
        rules += _tool(f"tool-{n}", tool.parameters)
    return "\n".join([*rules, *_text(), _JSON, ""])


def _tool(rule: str, root: Mapping[str, Any]) -> Iterator[str]:
    properties = resolve(root.get("properties"), root) or {}
    listed = root.get("required")
    required = cast(list[Any], listed) if isinstance(listed, list) else []
    parameters: list[str] = []
    for n, (name, schema) in enumerate(properties.items()):
        if _NAME.fullmatch(name):
            parameters.append(f"{rule}-{n}" + ("" if name in required else "?"))
            opening = _literal(f'<parameter name="{name}">')
            yield f'{rule}-{n} ::= {opening} {_value(schema, root)} "\\n"'
    yield f"{rule} ::= " + (" ".join(parameters) or _literal(""))


def _value(schema: Any, root: Mapping[str, Any]) -> str:
    """What may stand in a parameter, with the closing tag."""
    forms: list[str] = []
    for variant in variants_of(schema, root):
        choices = choices_of(variant)
        kinds = kinds_of(variant, root)
        if choices:
            forms += [_literal(value_text(choice)) for choice in choices]
        elif "string" in kinds or not kinds & {*_JSON_KINDS}:
            return "text"
        else:
            forms += _json_forms(variant, kinds, root, 0)
    return f'({" | ".join(dict.fromkeys(forms))}) "</parameter>"' if forms else "text"


def _json_value(schema: Any, root: Mapping[str, Any], depth: int) -> str:
    forms: list[str] = []
    for variant in variants_of(schema, root):
        choices = choices_of(variant)
        kinds = kinds_of(variant, root)
        if choices:
            forms += [_literal(value_text(json_text(choice))) for choice in choices]
        else:
            forms += _json_forms(variant, kinds, root, depth)
    return f"({' | '.join(dict.fromkeys(forms))})" if forms else "value"


def _json_forms(
    schema: Mapping[str, Any], kinds: set[str], root: Mapping[str, Any], depth: int
) -> list[str]:
    """One rule a type; of a list also what its items are, of an object only that it is one."""
    forms = [kind for kind in _JSON_KINDS if kind in kinds]
    if "number" in forms and "integer" in forms:
        forms.remove("integer")
    if "array" in forms and "items" in schema and depth < _DEEPEST:
        item = _json_value(schema["items"], root, depth + 1)
        listed = f'"[" space ({item} (space "," space {item})* space)? "]"'
        forms[forms.index("array")] = listed
    return forms or ["value"]


def _text() -> Iterator[str]:
    """`text` is anything and the closing tag that ends it, as an automaton.

    Any closing tag may end it, and then what follows in the call decides; or it goes on, but then
    the next parameter or the end of the call cannot follow, for that would have ended it.
    """
    yield 'text ::= [^<] text | "<" text-1'
    closing = "/parameter>"
    for n, char in enumerate(closing, 1):
        yield _state(f"text-{n}", {char: f"text-{n + 1}"})
    yield f"text-{len(closing) + 1} ::= text-on?"
    yield r'text-on ::= [ \t\r\n] text-on | "<" text-tag | [^< \t\r\n] text'
    yield _state("text-tag", {"/": "text-slash", "p": "text-p-1"})
    yield _state("text-slash", {"p": "text-3", "i": "text-i-1"})
    yield from _not("text-i", "nvoke", ">")
    yield from _not("text-p", "arameter", r" \t\r\n")


def _not(rule: str, word: str, last: str) -> Iterator[str]:
    for n, char in enumerate(word, 1):
        yield _state(f"{rule}-{n}", {char: f"{rule}-{n + 1}"})
    yield f'{rule}-{len(word) + 1} ::= "<" text-1 | [^<{last}] text'


def _state(rule: str, steps: Mapping[str, str]) -> str:
    """A state of the automaton: these characters lead on, any other back into the text."""
    on = "".join(f'"{char}" {to} | ' for char, to in steps.items())
    return f'{rule} ::= "<" text-1 | {on}[^<{"".join(steps)}] text'


def _literal(text: str) -> str:
    escapes = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\0": "\\x00"}
    return f'"{"".join(escapes.get(char, char) for char in text)}"'
