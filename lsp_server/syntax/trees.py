"""A text and its syntax tree, with offsets in characters.

tree-sitter counts bytes. Lone surrogates, which editors can send, have no UTF-8; they are given to
it as question marks.
"""

from __future__ import annotations

import functools
import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lsp_server.syntax.languages import grammar_name

if TYPE_CHECKING:
    from tree_sitter import Language, Node, Parser, Tree

_STRIDE = 1024
_PIECE = 16_384
_LONE_RETURN = re.compile(r"\r(?!\n)")


@dataclass(frozen=True, slots=True, eq=False)
class SyntaxTree:
    """A parsed text; every offset in and out is an index into `text`.

    grammar: the name of the grammar that was used.
    """

    text: str
    grammar: str
    tree: Tree
    marks: tuple[int, ...]
    """Bytes before every 1024th character; empty where all characters are one byte."""

    @property
    def root(self) -> Node:
        return self.tree.root_node

    @property
    def num_errors(self) -> int:
        """Nodes that make no sense to the grammar or had to be made up."""
        return sum(node.is_error or node.is_missing for node in _erroneous(self.root))

    def span(self, node: Node) -> tuple[int, int]:
        """Offsets of a node's start and end."""
        return self._char_at(node.start_byte), self._char_at(node.end_byte)

    def source(self, node: Node) -> str:
        """The text of a node."""
        start, end = self.span(node)
        return self.text[start:end]

    def node_at(self, start: int, end: int) -> Node:
        """The smallest named node that holds all between two offsets; the root if need be."""
        found = self.root.named_descendant_for_byte_range(*self.bytes_between(start, end))
        return found or self.root

    def bytes_between(self, start: int, end: int) -> tuple[int, int]:
        """Where the nodes have what lies between two offsets."""
        return self._byte_at(start), self._byte_at(end)

    def _byte_at(self, offset: int) -> int:
        if not self.marks:
            return offset
        mark = min(offset // _STRIDE, len(self.marks) - 1)
        return self.marks[mark] + len(_encoded(self.text[mark * _STRIDE : offset]))

    def _char_at(self, byte: int) -> int:
        if not self.marks:
            return byte
        mark = bisect_right(self.marks, byte) - 1
        near = _encoded(self.text[mark * _STRIDE : (mark + 1) * _STRIDE])
        before = near[: byte - self.marks[mark]].decode("utf-8", "ignore")
        return mark * _STRIDE + len(before)


def parse(language_id: str, text: str, path: str = "") -> SyntaxTree | None:
    """Parse a text; None where there is no grammar for the language. Any text can be parsed: what
    makes no sense becomes error nodes.
    """
    grammar = grammar_name(language_id, path)
    language = _language(grammar)
    if language is None:
        return None
    from tree_sitter import Parser

    lines = _LONE_RETURN.sub("\n", text)  # grammars do not know that it ends a line
    return SyntaxTree(text, grammar, _parsed(Parser(language), _encoded(lines)), _marks(text))


def _parsed(parser: Parser, source: bytes) -> Tree:
    """Parse piece by piece: tree-sitter lets other threads run only where it asks for the next one,
    and a large file takes it half a second.
    """
    if len(source) <= _PIECE:
        return parser.parse(source)
    return parser.parse(lambda at, _: source[at : at + _PIECE])


@functools.cache
def _language(grammar: str) -> Language | None:
    if not grammar.isidentifier():
        return None
    from tree_sitter_language_pack import get_language

    try:
        return get_language(grammar)  # type: ignore[arg-type]  # a name it may not know
    except (LookupError, OSError):  # OSError: a wheel without this grammar's library
        return None


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "replace")


def _marks(text: str) -> tuple[int, ...]:
    if text.isascii():
        return ()
    marks = [0]
    for start in range(0, len(text), _STRIDE):
        marks.append(marks[-1] + len(_encoded(text[start : start + _STRIDE])))
    return tuple(marks[: max(1, len(marks) - (len(text) % _STRIDE != 0))])


def _erroneous(node: Node) -> Iterator[Node]:
    waiting = [node]
    while waiting:
        node = waiting.pop()
        if node.has_error or node.is_missing:
            yield node
            waiting += node.children
