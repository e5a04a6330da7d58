"""Documents a definition with a doc comment in front of it, in the languages that do so."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from lsp_server.docstrings import wording
from lsp_server.docstrings.answers import Refusal, Write
from lsp_server.docstrings.blocks import Hole, Written, named
from lsp_server.docstrings.comment_notation import Comment, comment_of
from lsp_server.docstrings.comment_reading import read_rustdoc, read_sentence, read_tags
from lsp_server.docstrings.facts import UNNAMED, Kind, Signature
from lsp_server.docstrings.filling import filled
from lsp_server.docstrings.neighbours import said_in_comments
from lsp_server.docstrings.planning import Read, is_complete, planned
from lsp_server.docstrings.styles import CommentStyle, Convention
from lsp_server.docstrings.tree_signature import (
    Reader,
    signature_of_c,
    signature_of_go,
    signature_of_java,
    signature_of_rust,
    signature_of_script,
)
from lsp_server.edits import Change

if TYPE_CHECKING:
    from tree_sitter import Node

    from lsp_server.syntax.trees import SyntaxTree


@dataclass(frozen=True, slots=True)
class _Dialect:
    """How doc comments are written in a language; marks: see `comment_of`."""

    style: CommentStyle
    marks: tuple[str, ...]
    read: Read
    signature: Reader


_SCRIPT = _Dialect(CommentStyle.TAGS, ("/**",), read_tags, signature_of_script)
_C = _Dialect(CommentStyle.PLAIN_TAGS, ("/**", "/*!", "///", "//!"), read_tags, signature_of_c)
_DIALECTS = {
    **dict.fromkeys(["javascript", "typescript", "tsx"], _SCRIPT),
    **dict.fromkeys(["c", "cpp", "cuda", "objc"], _C),
    "java": _Dialect(CommentStyle.PLAIN_TAGS, ("/**",), read_tags, signature_of_java),
    "rust": _Dialect(CommentStyle.RUSTDOC, ("///",), read_rustdoc, signature_of_rust),
    "go": _Dialect(CommentStyle.SENTENCE, ("//",), read_sentence, signature_of_go),
}


@dataclass(frozen=True, slots=True)
class _Plan:
    """A definition's comment as it should be. start: of the definition."""

    tree: SyntaxTree
    dialect: _Dialect
    start: int
    signature: Signature
    comment: Comment
    lines: tuple[Written, ...]


async def document_commented(
    text: str, language_id: str, offset: int, write: Write
) -> Change | Refusal:
    """Document the definition around an offset of a text whose line breaks are all `\\n`."""
    plan = await asyncio.to_thread(_plan, text, language_id, offset)
    if isinstance(plan, Refusal):
        return plan
    change = await _written(text, plan.comment, plan.lines, write)
    if not await asyncio.to_thread(_is_right, plan, language_id, change):
        return Refusal(f"No comment could be made that fits {plan.signature.name}.")
    return change


def _plan(text: str, language_id: str, offset: int) -> _Plan | Refusal:
    from lsp_server.syntax.definitions import documented_definition
    from lsp_server.syntax.trees import parse

    tree = parse(language_id, text)
    dialect = _DIALECTS.get(tree.grammar) if tree is not None else None
    if tree is None or dialect is None:
        return Refusal(f"Doc comments of {language_id or 'this language'} are not known here.")
    definition = documented_definition(tree, offset)
    if definition is None:
        return Refusal("There is no function or class at the cursor.")
    if text[text.rfind("\n", 0, definition.start) + 1 : definition.start].strip():
        return Refusal(f"{definition.name} has no line of its own that a comment could precede.")
    comment = comment_of(text, definition.start, dialect.marks)
    signature = dialect.signature(tree, definition)
    signature = _with_names_of(signature, dialect.read(comment.lines)[1])
    lines = planned(signature, comment.lines, Convention(dialect.style), dialect.read)
    if lines is None:
        return Refusal(f"The comment of {definition.name} is up to date: nothing to change.")
    lines = _adapted(lines, dialect, signature)
    return _Plan(tree, dialect, definition.start, signature, comment, lines)


def _is_right(plan: _Plan, language_id: str, change: Change) -> bool:
    """Whether a change leaves the code as it is and the comment names what the signature does."""
    from lsp_server.syntax.trees import parse

    old = plan.tree.text
    new = old[: change.start] + change.text + old[change.end :]
    start = plan.start + len(new) - len(old)
    there = comment_of(new, start, plan.dialect.marks).lines
    tree = parse(language_id, new)
    is_kept = tree is not None and list(_code(plan.tree)) == list(_code(tree))
    return is_kept and is_complete(there, plan.signature, plan.dialect.read)


async def _written(text: str, comment: Comment, lines: Sequence[Written], write: Write) -> Change:
    above, below = text[: comment.start], text[comment.end :]
    said = await asyncio.to_thread(said_in_comments, (above, below))
    before, after = above + comment.head, f"\n{comment.tail}{below}"
    done = await filled(lines, comment, before, after, write, said)
    return Change(comment.start, comment.end, comment.spelled(done))


def _with_names_of(signature: Signature, blocks: Sequence[object]) -> Signature:
    """Take names that a comment has made up for parameters without one."""
    if not signature.parameters:
        return signature
    known = {each.name for each in signature.parameters if each.stars != UNNAMED}
    documented = named(blocks, Kind.PARAMETER)  # type: ignore[arg-type]
    made_up = iter([name for name in documented if name not in known])
    return replace(
        signature,
        parameters=tuple(
            replace(each, name=next(made_up, each.name)) if each.stars == UNNAMED else each
            for each in signature.parameters
        ),
    )


def _adapted(
    lines: Sequence[Written], dialect: _Dialect, signature: Signature
) -> tuple[Written, ...]:
    """In Go a comment begins with the name."""
    if dialect.style is not CommentStyle.SENTENCE:
        return tuple(lines)
    return tuple(_named(line, signature) if isinstance(line, Hole) else line for line in lines)


def _named(hole: Hole, signature: Signature) -> Hole:
    fallback = wording.predicate(signature)
    before = f"{signature.name} "
    return replace(hole, before=before, fallback=fallback, is_clause=True, lead="")


def _code(tree: SyntaxTree) -> Iterator[tuple[str, str]]:
    """Everything in a text but its comments."""
    waiting: list[Node] = [tree.root]
    while waiting:
        node = waiting.pop()
        if "comment" in node.type:
            continue
        if node.child_count == 0:
            yield node.type, tree.source(node)
        waiting += reversed(node.children)
