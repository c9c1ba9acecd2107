"""Which commands only read: parsed with bash's grammar, and refused wherever that is not certain.

`only_reads` is true when every simple command of the text, wherever it stands (in pipelines,
lists, loops, substitutions), is a program of `readers` that with these words writes nothing,
starts nothing else, and leaves nothing in the shell over which a later command could trip. What
is not known to be so is not so: it fails closed for unknown syntax, and for what bash and the
grammar might read differently (heredocs, backquotes, odd characters, continued words).
"""

import functools
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from m2agent_connectors.shell import readers
from m2agent_connectors.shell.readers import Becomes, Word, names

if TYPE_CHECKING:
    from tree_sitter import Node, Parser

_LONGEST = 10_000

# A backslash at the end of a line, except after a blank; `{name}>file`, which assigns a variable.
_ODD = re.compile(r"(?<![ \t])\\\n|\}[<>]")
_BLANK = re.compile(r"(?:[ \t\n]|\\\n)*")

# What needs no look at the node itself, since its parts are looked at as well.
_PLAIN = names(
    "program list pipeline subshell redirected_statement negated_command command_substitution"
    " if_statement elif_clause else_clause while_statement do_group case_statement case_item"
    " variable_assignments concatenation string string_content raw_string word number command_name"
    " herestring_redirect file_descriptor variable_name special_variable_name simple_expansion"
    " test_operator brace_expression comment"
)
_TOKENS = names(
    '; | |& && || ( ) { } ! $ $( " ;; ;& ;;& <( [ ] [[ ]] < > >> >& &> &>> <<< = += == != =~ ..'
    " if then elif else fi while until do done case esac in for"
) | {"\n"}
_LEAVES = frozenset({"expansion", "arithmetic_expansion", "raw_string", "string_content"})

_EXPANSION = re.compile(
    r"\$\{#?[A-Za-z_]\w*\}"
    r"|\$\{[A-Za-z_]\w*(?::?[-+]|[%#^,/]{1,2})[^$`{}\"'\\]*\}"
)
_ARITHMETIC = re.compile(r"\$\(\([\d\s+*/%()<>&|^~!?:=-]*\)\)")
_NETWORK = re.compile(r"/+dev/+(?:tcp|udp)")


def only_reads(command: str) -> bool:
    """Whether this changes nothing and tells nobody, as far as its text shows."""
    if len(command) > _LONGEST or _ODD.search(command):
        return False
    if not all(char.isprintable() or char in "\n\t" for char in command):
        return False
    source = command.encode()
    root = _parser().parse(source).root_node
    if root.has_error:
        return False
    end = 0
    for node, test in _nodes(root):
        if not _allowed(node, test):
            return False
        if node.type == "comment" and source[: node.start_byte][-1:] not in (b"", b" ", b"\n"):
            return False
        if not node.children or node.type in _LEAVES:  # whatever lies between is a blank
            if not _BLANK.fullmatch(source[end : node.start_byte].decode(errors="replace")):
                return False
            end = node.end_byte
    return bool(_BLANK.fullmatch(source[end:].decode(errors="replace")))


@functools.cache
def _parser() -> "Parser":
    import tree_sitter
    import tree_sitter_bash

    return tree_sitter.Parser(tree_sitter.Language(tree_sitter_bash.language()))


def _nodes(root: "Node") -> Iterator[tuple["Node", str]]:
    """Every node in the order of the text, with the `[` or `[[` it is in.

    It does without recursion, and without asking for parents: nesting may be deep.
    """
    todo = [(root, "")]
    while todo:
        node, test = todo.pop()
        yield node, test
        match node.type:
            case "test_command":
                test = _text(node.children[0])
            case "unary_expression" | "binary_expression":
                pass
            case _:
                test = ""
        if node.type not in _LEAVES:
            todo += [(child, test) for child in reversed(node.children)]


def _allowed(node: "Node", test: str) -> bool:
    match node.type:
        case "command":
            return _command(node)
        case "file_redirect":
            return _redirect(node)
        case "variable_assignment" | "for_statement":
            return _variable(node)
        case "test_command":
            test = _text(node.children[0])
            return test in ("[", "[[") and _operands(node, test)
        case "unary_expression" | "binary_expression":
            return test != "" and _operator(node, test) and _operands(node, test)
        case "expansion":
            return bool(_EXPANSION.fullmatch(_text(node)))
        case "arithmetic_expansion":
            return bool(_ARITHMETIC.fullmatch(_text(node)))
        case "extglob_pattern" | "regex":
            return not re.search(r"[$`]", _text(node))
        case "compound_statement" | "process_substitution":
            return _text(node).startswith(("{", "<("))
        case kind:
            return kind in (_PLAIN if node.is_named else _TOKENS)


def _command(node: "Node") -> bool:
    """A known program, with its words apart from each other."""
    program = ""
    words: list[Word] = []
    end = -1
    for child in node.children:
        match child.type:
            case "variable_assignment" | "herestring_redirect":
                continue
            case "command_name":
                program = _text(child)
            case _:
                word = _word(child)
                if word is None or child.start_byte == end:
                    return False
                words.append(word)
        end = child.end_byte
    return readers.only_reads(program, words)


def _redirect(node: "Node") -> bool:
    """From a file, to nowhere, or to where the other output goes."""
    parts = [child for child in node.children if child.type != "file_descriptor"]
    if len(parts) != 2:
        return False
    operator, target = parts[0].type, _word(parts[1])
    if target is None or target.becomes != Becomes.ONE:
        return False
    if operator == "<":
        if target.known:
            return not _NETWORK.match(target.start)
        return target.start[:1] not in ("", "/")
    return target.literal == "/dev/null" or (operator == ">&" and target.literal in ("1", "2"))


def _variable(node: "Node") -> bool:
    """Only `for`, only `name=` and `name+=`, and only names of no meaning."""
    first, *_ = node.children
    name = node.child_by_field_name("name") or node.child_by_field_name("variable")
    if name is None or name.type != "variable_name":
        return False
    return first.type in ("for", "variable_name") and readers.is_plain_variable(_text(name))


def _operator(node: "Node", test: str) -> bool:
    """A known one: `-v` runs what its operand holds, and so do numbers in `[[`."""
    if node.type == "unary_expression":
        return _text(node.children[0]) in readers.UNARY_TESTS | {"!"}
    match [child.type for child in node.children], _text(node.children[1]):
        case [left, _, right], operator if operator in readers.NUMBER_TESTS:
            return test == "[" or left == right == "number"
        case [_, _, _], "&&" | "||" | "=~":
            return test == "[["
        case [_, _, _], operator:
            return operator in readers.TEXT_TESTS
        case _:
            return False


def _operands(node: "Node", test: str) -> bool:
    """In `[`, an expansion could add operators."""
    if test == "[[":
        return True
    deeper = ("test_operator", "unary_expression", "binary_expression")
    words = [_word(child) for child in node.children if child.is_named and child.type not in deeper]
    return all(word is not None and word.becomes == Becomes.ONE for word in words)


def _word(node: "Node") -> Word | None:
    """What is known of one word; None where it may be none."""
    if re.fullmatch(r"[\w./=:-]*\{\}[\w./=:-]*", _text(node)):  # braces around nothing stay
        return Word(_text(node))
    parts = node.children if node.type == "concatenation" else [node]
    whole = Word("")
    end = node.start_byte
    for part in parts:
        read = _part(part)
        if read is None or part.start_byte != end:
            return None
        end = part.end_byte
        whole = Word(
            whole.start + read.start if whole.known else whole.start,
            whole.known and read.known,
            max(whole.becomes, read.becomes),
        )
    return whole


def _part(node: "Node") -> Word | None:
    text = _text(node)
    match node.type:
        case "number":
            return Word(text)
        case "raw_string":
            return Word(text[1:-1])
        case "word":
            plain = re.match(r"(?:[^*?\[\]{}~\\]|\\.)*", text, re.DOTALL)
            start = re.sub(r"\\(.)", r"\1", plain[0] if plain else "", flags=re.DOTALL)
            known = plain is not None and plain.end() == len(text)
            return Word(start, known, Becomes.ONE if known else Becomes.SOME)
        case "string":
            plain = re.match(r"(?:[^$`\\]|\\.)*", text[1:-1], re.DOTALL)
            start = re.sub(r'\\([$`"\\])', r"\1", plain[0] if plain else "")
            known = plain is not None and plain.end() == len(text) - 2
            return Word(start, known, Becomes.ANY if "$@" in text else Becomes.ONE)
        case "brace_expression":
            return Word("", False, Becomes.SOME)
        case "process_substitution":
            return Word("/", False)
        case "simple_expansion" | "expansion" | "command_substitution" | "arithmetic_expansion":
            return Word("", False, Becomes.ANY)
        case _:
            return None


def _text(node: "Node") -> str:
    return (node.text or b"").decode()
