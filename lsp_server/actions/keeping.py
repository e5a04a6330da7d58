"""What an answer must keep of the code that it takes the place of."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lsp_server.actions.bodies import is_empty
from lsp_server.actions.checks import Refused
from lsp_server.actions.order import Task
from lsp_server.syntax.definitions import Definition, all_definitions

if TYPE_CHECKING:
    from tree_sitter import Node

    from lsp_server.syntax.trees import SyntaxTree

_COMMENT = re.compile(
    r"^\s*(?:(?:pass|\.\.\.|{)\s*)?(?:#|//|--|/\*|<!--|;|%)[ \t]*(?P<said>.*?)\s*(?:\*/|-->)?\s*}?$"
)
_DOTS = r"[.…\s\[\]()<>{}-]*"
_CODE = r"(code|lines|body|implementation|logic|functions?|methods?|class|file|imports?|statements)"
_STAYS = (
    r"(( (is|are|remains?|stays?|goes|left|kept))?"
    r" (here|unchanged|the same|as is|as before|as it was|omitted|for brevity))*"
)
_LEFT_OUT = re.compile(
    r"(\.\.\.|…).*|"
    + _DOTS
    + r"("
    + rf"(the )?(rest|remainder)( of (the |your |this )?{_CODE})?{_STAYS}|"
    + rf"((the|your|all) )?(existing|previous|original|remaining|other|same) {_CODE}{_STAYS}|"
    + rf"((the )?(code|everything( else)?|all else|body)){_STAYS[:-1]}+|"
    + r"unchanged|(same )?as before|omitted"
    + r")"
    + _DOTS,
    re.IGNORECASE,
)
_KEEPING_BODIES = (Task.FIX, Task.SIMPLIFY, Task.ANNOTATE, Task.COMPLETE)
_KEEPING_SIGNATURES = (Task.SIMPLIFY, Task.COMPLETE)
_FIELDS_OF_TYPES = ("type", "return_type", "type_parameters", "type_arguments")
_BEFORE_TYPES = (":", "->")
_IMPORTS = re.compile(r"import_(from_)?statement|future_import_statement|namespace_use_declaration")


@dataclass(frozen=True, slots=True)
class Part:
    """What lies between two offsets of a tree's text."""

    tree: SyntaxTree
    start: int
    end: int


def left_out(code: str, old: str) -> Refused | None:
    """Refuse code in which a comment that the old code lacks stands for what is left out."""
    known = {line.strip() for line in old.splitlines()}
    for line in code.splitlines():
        comment = None if line.strip() in known else _COMMENT.match(line)
        if (
            comment
            and re.search(r"\w|[.]{3}|…", comment["said"])
            and _LEFT_OUT.fullmatch(comment["said"])
        ):
            return Refused(f"The answer leaves code out: `{line.strip()}`.")
    return None


def lost(task: Task, before: Part, after: Part) -> Refused | None:
    """Refuse an answer that takes away what its task has no business with: what functions do; for
    some tasks, how they are called; for annotations, anything at all.
    """
    name = _emptied(task, before, after) if task in _KEEPING_BODIES else ""
    if name:
        return Refused(f"The answer leaves {name} empty.")
    name = _called_otherwise(before, after) if task in _KEEPING_SIGNATURES else ""
    if name:
        return Refused(f"The answer changes the parameters of {name}.")
    if task is Task.ANNOTATE and _without_types(before, before) != _without_types(after, before):
        return Refused("The answer changes more than type annotations.")
    return None


def _emptied(task: Task, before: Part, after: Part) -> str:
    """A definition that does nothing any more, or still nothing when it was to be completed."""
    least = 1 if task is Task.COMPLETE else 0
    did = Counter(each.name for each in _definitions(before) if not is_empty(before.tree, each))
    does = Counter(each.name for each in _definitions(after) if not is_empty(after.tree, each))
    names = {each.name for each in _definitions(after)}
    lost = (name for name in sorted(names) if name and does[name] < max(least, did[name]))
    return next(lost, "")


def _called_otherwise(before: Part, after: Part) -> str:
    were, are = _heads(before), _heads(after)
    return next((name for name in sorted(were) if name in are and are[name] != were[name]), "")


def _heads(part: Part) -> dict[str, list[str]]:
    """Functions that start in a part and are in no other one there, with what precedes a body."""
    heads: dict[str, list[str]] = {}
    inside = part.start
    for found in _definitions(part):
        if found.kind == "function" and inside <= found.start < part.end:
            start = part.tree.span(found.node)[0]
            head = part.tree.text[start : found.body_start]
            heads.setdefault(found.name, []).append(re.sub(r"\s+|,(?=\s*\))", "", head))
            inside = found.end
    return heads


def _definitions(part: Part) -> Iterator[Definition]:
    return all_definitions(part.tree, part.start, part.end)


def _without_types(part: Part, old: Part) -> list[str]:
    """The part's tokens without annotations and without imports that `old` does not have."""
    tokens = list(_tokens(part, part.tree.root, old.tree.text))
    return [
        token
        for token, following in zip(tokens, [*tokens[1:], ""], strict=True)
        if not (token == "," and following in (")", "]", "}"))
    ]


def _tokens(part: Part, node: Node, old: str) -> Iterator[str]:
    start, end = part.tree.span(node)
    if end <= part.start or start >= part.end or _declares_only(node):
        return
    if _IMPORTS.fullmatch(node.type) and part.tree.source(node) not in old:
        return
    if not node.children or "string" in node.type or "comment" in node.type:
        yield part.tree.source(node).strip()
        return
    if node.type == "block":
        yield "{"  # where it ends is what tells Python's code apart
    for child in _untyped(node):
        yield from _tokens(part, child, old)
    if node.type == "block":
        yield "}"


def _untyped(node: Node) -> list[Node]:
    """A node's children without types and the punctuation before them."""
    kept: list[Node] = []
    for at, child in enumerate(node.children):
        if not _is_type(node, child, at):
            kept.append(child)
        elif kept and kept[-1].type in _BEFORE_TYPES:
            kept.pop()
    is_optional = node.type == "optional_parameter"
    return [child for child in kept if not (is_optional and child.type == "?")]


def _is_type(node: Node, child: Node, at: int) -> bool:
    return node.field_name_for_child(at) in _FIELDS_OF_TYPES or child.type.endswith("_type")


def _declares_only(node: Node) -> bool:
    """Whether it is Python's `name: type`."""
    has_type = node.child_by_field_name("type") is not None
    return node.type == "assignment" and has_type and node.child_by_field_name("right") is None
