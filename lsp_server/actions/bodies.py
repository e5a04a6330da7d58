"""Bodies of functions and classes: whether there is anything in them, and whether they are done."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tree_sitter import Node

    from lsp_server.syntax.definitions import Definition
    from lsp_server.syntax.trees import SyntaxTree

_NOTHING = frozenset({"pass_statement", "ellipsis", "string", "empty_statement", ";"})
_TO_DO = re.compile(
    r"\b(TODO|FIXME|XXX)\b|\bNotImplemented\w*|\b(todo|unimplemented)!|not implemented|\.\.\.|…",
    re.IGNORECASE,
)
_ENDS = re.compile(r"(return|raise|throw)_(statement|expression)")


def is_empty(tree: SyntaxTree, definition: Definition) -> bool:
    """Whether a definition does nothing: `pass`, `...`, a docstring, comments, `raise
    NotImplementedError`. False where it has no body.
    """
    body = definition.node.child_by_field_name("body")
    if body is None or "expression" in body.type or not body.children:
        return False
    return all(_is_nothing(tree, child) for child in body.named_children)


def is_finished(tree: SyntaxTree, definition: Definition) -> bool:
    """Whether a function surely is done: its last statement ends it, and nothing in it is marked as
    left to do.
    """
    body = definition.node.child_by_field_name("body")
    statements = [] if body is None else [c for c in body.named_children if "comment" not in c.type]
    if not statements or definition.node.has_error:
        return False
    last = statements[-1]
    if last.type == "expression_statement" and last.named_child_count == 1:
        last = last.named_children[0]
    return _ENDS.fullmatch(last.type) is not None and not _TO_DO.search(
        tree.source(definition.node)
    )


def _is_nothing(tree: SyntaxTree, node: Node) -> bool:
    if node.type == "expression_statement" and node.named_child_count == 1:
        node = node.named_children[0]
    if node.type == "raise_statement":
        return "NotImplemented" in tree.source(node)
    return node.type in _NOTHING or "comment" in node.type
