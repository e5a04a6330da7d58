"""Functions and classes in a syntax tree, for all grammars that name their nodes as most do."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from lsp_server.source_text import LINE_BREAK

if TYPE_CHECKING:
    from tree_sitter import Node

    from lsp_server.syntax.trees import SyntaxTree

Kind = Literal["function", "class"]

_FUNCTION = re.compile(
    r"((local_)?function|method|constructor|destructor|init|subroutine)"
    r"_(definition|declaration|item|statement)|generator_function_declaration|FnProto"
)
_CLASS = re.compile(
    r"(abstract_)?(class|struct|interface|enum|union|trait|impl|object|record|module|protocol)"
    r"_(definition|declaration|item|specifier)"
)
_FUNCTIONS_OF_RUBY = ("method", "singleton_method")
_FUNCTION_VALUES = ("arrow_function", "function_expression", "generator_function", "function")
_WRAPPERS = ("decorated_definition", "export_statement", "template_declaration")


@dataclass(frozen=True, slots=True)
class Definition:
    """A function or class; offsets into the tree's text.

    start, end: all of it, with decorators, `export` and the like. body_start: where its body
    begins; `end` where it has none. node: the definition itself, without what is around it.
    """

    kind: Kind
    name: str
    start: int
    end: int
    body_start: int
    node: Node


def enclosing_definition(
    tree: SyntaxTree, start: int, end: int, kind: Kind | None = None
) -> Definition | None:
    """The innermost function or class (of this kind) around what lies between two offsets.

    Being on a line of it counts, before its first character too: `start` may lie in a definition's
    indentation.
    """
    start, end = _without_margins(tree.text, start, end)
    node: Node | None = tree.node_at(start, end)
    while node is not None:
        found = _definition(tree, node)
        if found is not None and kind in (None, found.kind):
            return found
        node = node.parent
    return None


def documented_definition(tree: SyntaxTree, offset: int) -> Definition | None:
    """The function or class that a docstring at a place is for: the one around it, or below the
    comment or the attributes that it lies in.
    """
    offset, _ = _without_margins(tree.text, offset, offset)
    node: Node | None = tree.node_at(offset, offset)
    while node is not None and not _is_above(node):
        node = node.parent
    while node is not None and _is_above(node):
        node = node.next_named_sibling
    below = offset if node is None else tree.span(node)[0]
    return enclosing_definition(tree, below, below)


def _is_above(node: Node) -> bool:
    return "comment" in node.type or node.type == "attribute_item"


def all_definitions(
    tree: SyntaxTree, start: int = 0, end: int | None = None
) -> Iterator[Definition]:
    """Every function and class that touches what lies between two offsets, outer ones before what
    is in them.
    """
    first, last = tree.bytes_between(start, len(tree.text) if end is None else end)
    waiting = [tree.root]
    while waiting:
        node = waiting.pop()
        if node.end_byte < first or node.start_byte > last:
            continue
        found = _definition(tree, node)
        if found is not None and found.node == node:
            yield found
        waiting += reversed(node.children)


def _definition(tree: SyntaxTree, node: Node) -> Definition | None:
    node = _unwrapped(node)
    kind = _kind(tree.grammar, node)
    if kind is None:
        return None
    start, end = tree.span(_wrapped(node))
    body = _body(node)
    body_start = tree.span(body)[0] if body is not None else end
    return Definition(kind, _name(tree, node), start, end, body_start, node)


def _kind(grammar: str, node: Node) -> Kind | None:
    if not node.is_named:
        return None
    if _FUNCTION.fullmatch(node.type) or (grammar == "ruby" and node.type in _FUNCTIONS_OF_RUBY):
        return "function"
    if node.type == "variable_declarator" and _function_value(node) is not None:
        return "function"
    if grammar == "ruby":
        return "class" if node.type in ("class", "module") else None
    if grammar == "go" and node.type == "type_declaration":
        return "class"
    return "class" if _CLASS.fullmatch(node.type) and _has_content(node) else None


def _has_content(node: Node) -> bool:
    """C and C++ name a struct's type with the same node that defines it."""
    return not node.type.endswith("_specifier") or node.child_by_field_name("body") is not None


def _function_value(declarator: Node) -> Node | None:
    value = declarator.child_by_field_name("value")
    return value if value is not None and value.type in _FUNCTION_VALUES else None


def _body(node: Node) -> Node | None:
    value = _function_value(node) if node.type == "variable_declarator" else None
    body = (value or node).child_by_field_name("body")
    if body is not None:
        return body
    return next((child for child in node.named_children if child.type.endswith("body")), None)


def _name(tree: SyntaxTree, node: Node) -> str:
    for field in ("name", "declarator", "type", "signature"):
        found = node.child_by_field_name(field)
        if found is not None:
            return tree.source(_innermost_declarator(found)).partition("(")[0]
    kinds = ("identifier", "simple_identifier", "type_identifier", "type_spec")
    found = next((child for child in node.named_children if child.type in kinds), None)
    if found is None:
        return ""
    return tree.source(found.child_by_field_name("name") or found)


def _innermost_declarator(node: Node) -> Node:
    """C hides the name below pointers and parameter lists."""
    while (inner := node.child_by_field_name("declarator")) is not None:
        node = inner
    return node


def _wrapped(node: Node) -> Node:
    """What belongs to a definition from the outside: its statement, decorators, `export`."""
    if node.type == "variable_declarator" and node.parent is not None:
        node = node.parent
    while node.parent is not None and node.parent.type in _WRAPPERS:
        node = node.parent
    return node


def _unwrapped(node: Node) -> Node:
    while node.type in _WRAPPERS:
        inner = node.child_by_field_name("definition") or node.child_by_field_name("declaration")
        inner = inner or (node.named_children[-1] if node.named_children else None)
        if inner is None:
            break
        node = inner
    if node.type in ("lexical_declaration", "variable_declaration") and node.named_child_count == 1:
        return node.named_children[0]
    return node


def _without_margins(text: str, start: int, end: int) -> tuple[int, int]:
    """Leave the blanks around a selection out; for a mere cursor, go to the text of its line."""
    end = max(start, end)
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    if start < end:
        return start, end
    match = LINE_BREAK.search(text, start)
    line_end = match.start() if match else len(text)
    while start < line_end and text[start] in " \t":
        start += 1
    if start == line_end:  # behind the last character, which is where one stands while typing
        while start > 0 and text[start - 1] in " \t":
            start -= 1
        start -= start > 0 and text[start - 1] not in "\r\n"
    return start, start
