"""Where in a definition its docstring is, or belongs."""

from __future__ import annotations

import ast
import io
import tokenize
from dataclasses import dataclass, replace

from lsp_server.docstrings.literal import Literal, read_literal
from lsp_server.docstrings.python_source import Definition, PythonSource


@dataclass(frozen=True, slots=True)
class Place:
    """A docstring's place: `before` + literal + `after` take the place of what lies between two
    offsets.
    """

    start: int
    end: int
    literal: Literal
    before: str = ""
    after: str = ""


def place_of(source: PythonSource, node: Definition) -> Place:
    """Find a definition's docstring, or where one can be put."""
    colon = _behind_colon(source, node)
    first = _start(source, node.body[0])
    indent = _block_indent(source, node, colon, first)
    is_on_own_line = not source.text[source.line_start(first) : first].strip()
    docstring = _docstring(node)
    if docstring is None:
        new = _new_place(source, colon, first, indent)
        return replace(new, after="\n" + new.after) if isinstance(node, ast.ClassDef) else new
    start, end = source.span(docstring)
    literal = read_literal(source.text[start:end], indent)
    if is_on_own_line and source.text[colon:start].lstrip(" \t\x0c")[:1] != "\\":
        return Place(start, end, literal)
    return Place(colon, end, literal, before="\n" + indent)


def _docstring(node: Definition) -> ast.Expr | None:
    first = node.body[0]
    has_one = ast.get_docstring(node, clean=False) is not None
    return first if has_one and isinstance(first, ast.Expr) else None


def _new_place(source: PythonSource, colon: int, first: int, indent: str) -> Place:
    head_line = source.text[colon : source.line_end(colon)].strip()
    if "\n" in source.text[colon:first] and (not head_line or head_line.startswith("#")):
        start = source.line_end(colon) + 1
        return Place(start, start, Literal(indent), before=indent, after="\n")
    return Place(colon, first, Literal(indent), before="\n" + indent, after="\n" + indent)


def _block_indent(source: PythonSource, node: Definition, colon: int, first: int) -> str:
    """The indentation of the body, or what it would be if it had a line of its own."""
    before = source.text[source.line_start(first) : first]
    if "\n" in source.text[colon:first] and not before.strip(" \t\x0c"):
        is_continued = source.text[colon:first].lstrip(" \t").startswith("\\")
        if not is_continued:
            return before.replace("\x0c", "")
    start = source.span(node)[0]
    indent = source.text[source.line_start(start) : start].replace("\x0c", "")
    return indent + unit_of(source.text, indent)


def unit_of(text: str, indent: str = "") -> str:
    """What a text indents its blocks by."""
    if "\t" in indent or (not indent and "\n\t" in text):
        return "\t"
    widths = {len(line) - len(line.lstrip(" ")) for line in text.split("\n") if line.strip()}
    narrow = min((width for width in widths if width), default=4)
    return " " * (narrow if narrow in (2, 3, 4, 8) else 4)


def _start(source: PythonSource, statement: ast.stmt) -> int:
    decorators: list[ast.expr] = getattr(statement, "decorator_list", [])
    if decorators:
        return source.text.rfind("@", 0, source.span(decorators[0])[0])
    return source.span(statement)[0]


def _behind_colon(source: PythonSource, node: Definition) -> int:
    """The offset behind the colon that ends a definition's head: the last one before its body."""
    start, first = source.span(node)[0], _start(source, node.body[0])
    head = source.text[start:first]
    line_starts = [0]
    for line in head.split("\n"):
        line_starts.append(line_starts[-1] + len(line) + 1)
    colon = 0
    try:
        for token in tokenize.generate_tokens(io.StringIO(head, newline="\n").readline):
            if token.type == tokenize.OP and token.string == ":":
                colon = line_starts[token.end[0] - 1] + token.end[1]
    except (tokenize.TokenError, SyntaxError):
        pass  # the body is not there, so the piece ends abruptly
    return start + colon
