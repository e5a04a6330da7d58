"""Types in existing entries that the signature has changed since."""

from __future__ import annotations

import ast
import re
from dataclasses import replace

from lsp_server.docstrings.blocks import Entry, Line
from lsp_server.docstrings.facts import Kind, Parameter

_NOTE = re.compile(r",\s*(?:optional|default)\b")
_PARTS_OF_TYPES = (
    *(ast.Expression, ast.Name, ast.Attribute, ast.Subscript, ast.Tuple, ast.List),
    *(ast.BinOp, ast.BitOr, ast.Constant, ast.Load),
)


def retyped(entry: Entry, parameter: Parameter) -> Entry:
    """Let an entry tell the annotation's type, if it tells another one.

    Only where what it tells is written as an annotation is: `int or None` and `array of shape (n,)`
    are prose, which stays.
    """
    line = entry.lines[0]
    old, new = _NOTE.split(entry.type)[0].strip(), parameter.type
    if not isinstance(line, Line) or not new or not _is_annotation(old):
        return entry
    is_said = "".join(old.split()) == "".join(new.split())
    if is_said or set(new) & set("\\\"'") or line.text.lstrip("\\*") != line.text:
        return entry
    source = _replaced(line.source, old, new, entry)
    text = _replaced(line.text, old, new, entry)
    return replace(entry, lines=(Line(text, source), *entry.lines[1:]), type=new)


def _replaced(text: str, old: str, new: str, entry: Entry) -> str:
    """Put one type in the place of another: before the name in a field, behind it elsewhere."""
    is_field = text.lstrip().startswith(":") and entry.kind is not Kind.TYPE
    if is_field:
        return text if " " in new else text.replace(f" {old} ", f" {new} ", 1)
    behind = text.index(entry.names[0]) + len(entry.names[0])
    return text[:behind] + text[behind:].replace(old, new, 1)


def _is_annotation(text: str) -> bool:
    try:
        tree = ast.parse(text, mode="eval")
    except (SyntaxError, ValueError):
        return False
    return all(isinstance(node, _PARTS_OF_TYPES) for node in ast.walk(tree))
