"""The place in a document that an action is about."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lsp_server.actions.order import Task
from lsp_server.syntax.definitions import (
    Definition,
    Kind,
    documented_definition,
    enclosing_definition,
)

if TYPE_CHECKING:
    from lsp_server.actions.order import Order, Problem
    from lsp_server.documents import Document
    from lsp_server.source_text import SourceText
    from lsp_server.syntax.trees import SyntaxTree

_MAX_STATEMENT_LINES = 20
_MAX_FUNCTION_LINES = 150
_LINES_AROUND = 15


@dataclass(frozen=True, slots=True)
class Target:
    """Whole lines of a document, and the definition that they consist of, if that is what they are.

    name: of the definition, or around the lines; may be empty.
    """

    start: int
    end: int
    name: str = ""
    is_definition: bool = False


def target_of(order: Order, document: Document, tree: SyntaxTree | None) -> Target | None:
    """What an action works on; None if there is no such thing, as no function at the cursor."""
    if order.problem is not None:
        return _around_problem(order.problem, document.text, tree)
    if order.task in (Task.TESTS, Task.COMPLETE):
        kind: Kind | None = "function" if order.task is Task.COMPLETE else None
        found = tree and enclosing_definition(tree, order.start, order.end, kind)
        return _defined(found, document.text) if found else None
    if order.start < order.end:
        return _lines(document.text, order.start, order.end, _name_around(order, tree))
    found = tree and enclosing_definition(tree, order.start, order.end)
    if found:
        return _defined(found, document.text)
    is_free = order.task in (Task.EDIT, Task.OWN)
    return _lines(document.text, order.start, order.start) if is_free else None


def documented_target(order: Order, document: Document, tree: SyntaxTree | None) -> Target | None:
    """The definition that a docstring is ordered for."""
    found = tree and documented_definition(tree, order.start)
    return _defined(found, document.text) if found else None


def _around_problem(problem: Problem, text: SourceText, tree: SyntaxTree | None) -> Target:
    """The function around a problem; the statement if there is none; some lines of a long one."""
    if tree is None:
        return _lines(text, problem.start, problem.end)
    function = enclosing_definition(tree, problem.start, problem.end, "function")
    if function is None:
        return _statement(problem, text, tree)
    if _num_lines(text, function.start, function.end) <= _MAX_FUNCTION_LINES:
        return _defined(function, text)
    first = max(text.line_at(function.start), text.line_at(problem.start) - _LINES_AROUND)
    last = min(text.line_at(function.end), text.line_at(problem.end) + _LINES_AROUND)
    return _lines(text, text.line_start(first), text.line_end(last), function.name)


def _statement(problem: Problem, text: SourceText, tree: SyntaxTree) -> Target:
    node = tree.node_at(problem.start, problem.end)
    span = (problem.start, problem.end)
    while node.parent is not None:
        start, end = tree.span(node)
        if _num_lines(text, start, end) > _MAX_STATEMENT_LINES:
            break
        span = (min(start, span[0]), max(end, span[1]))
        node = node.parent
    return _lines(text, *span)


def _defined(definition: Definition, text: SourceText) -> Target:
    lines = _lines(text, definition.start, definition.end, definition.name)
    return Target(lines.start, lines.end, lines.name, is_definition=True)


def _lines(text: SourceText, start: int, end: int, name: str = "") -> Target:
    """The lines that two offsets touch; not the one at whose very beginning a selection ends."""
    start, end = (max(0, min(at, len(text))) for at in (start, max(start, end)))
    first, last = text.line_at(start), text.line_at(end)
    if end > start and end == text.line_start(last):
        last -= 1
    return Target(text.line_start(first), text.line_end(last), name)


def _num_lines(text: SourceText, start: int, end: int) -> int:
    return text.line_at(end) - text.line_at(start) + 1


def _name_around(order: Order, tree: SyntaxTree | None) -> str:
    found = tree and enclosing_definition(tree, order.start, order.end)
    return found.name if found else ""
