"""A Python text as Python reads it: parsed, with offsets in characters, and the definition around
an offset.
"""

from __future__ import annotations

import ast
import re
from bisect import bisect_left
from dataclasses import dataclass

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef

_LINE_BREAK = re.compile(r"\r\n?|\n")
_CRLF = re.compile("\r\n")
_SURROGATE = re.compile("[\ud800-\udfff]")
_HEAD = re.compile(r"[ \t\x0c]*(?:async[ \t]+def|def|class)\b")


class Unreadable(Exception):
    """The text is no Python; the message says where."""


@dataclass(frozen=True, slots=True)
class PlainText:
    """A text with every line break as `\\n`, and the way back to the offsets it had before."""

    text: str
    breaks: tuple[int, ...]
    """Offsets, in the plain text, of the line breaks that were two characters."""

    @classmethod
    def of(cls, original: str) -> PlainText:
        breaks = tuple(m.start() - at for at, m in enumerate(_CRLF.finditer(original)))
        text = _SURROGATE.sub("\ufffd", _LINE_BREAK.sub("\n", original))
        # A byte order mark would be refused; a form feed is as long and means nothing.
        return cls("\x0c" + text[1:] if text.startswith("\ufeff") else text, breaks)

    def original(self, offset: int) -> int:
        """Where an offset of the plain text lies in the original."""
        return offset + bisect_left(self.breaks, offset)

    def plain(self, offset: int) -> int:
        """Where an offset of the original lies in the plain text; within a break, before it."""
        low = max(0, offset - len(self.breaks))
        while low < offset and self.original(low + 1) <= offset:
            low += 1
        return low


@dataclass(frozen=True, slots=True)
class PythonSource:
    """A piece of Python with its syntax tree.

    start: where the piece begins in the text it was taken from. text: the piece, with `\\n` only.
    """

    text: str
    tree: ast.Module
    line_starts: tuple[int, ...]
    start: int = 0

    @classmethod
    def of(cls, text: str, start: int = 0) -> PythonSource:
        """Parse a text. Raises Unreadable."""
        starts = (0, *(match.end() for match in re.finditer("\n", text)))
        return cls(text, parsed(text), starts, start)

    def offset(self, lineno: int, col_offset: int) -> int:
        """Turn a line from 1 and a column in UTF-8 bytes, as `ast` has them, into an offset."""
        start = self.line_starts[lineno - 1]
        line = self.text[start : start + col_offset]
        if not line.isascii():
            line = line.encode()[:col_offset].decode(errors="ignore")
        return start + len(line)

    def span(self, node: ast.stmt | ast.expr) -> tuple[int, int]:
        """The offsets of a node, without its decorators."""
        end_lineno, end_col = node.end_lineno, node.end_col_offset
        if end_lineno is None or end_col is None:
            raise AssertionError("a node of a parsed text has an end")
        return self.offset(node.lineno, node.col_offset), self.offset(end_lineno, end_col)

    def line_start(self, offset: int) -> int:
        return self.text.rfind("\n", 0, offset) + 1

    def line_end(self, offset: int) -> int:
        """Offset of the line break behind an offset, or the text's end."""
        end = self.text.find("\n", offset)
        return len(self.text) if end < 0 else end

    def segment(self, node: ast.expr) -> str:
        """The source of an expression on one line."""
        start, end = self.span(node)
        source = self.text[start:end]
        return ast.unparse(node) if "\n" in source or "#" in source else source


def parsed(text: str) -> ast.Module:
    """Parse a text. Raises Unreadable."""
    import warnings

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about escapes in other people's strings
            return ast.parse(text)
    except SyntaxError as error:
        raise Unreadable(f"line {error.lineno}: {error.msg}") from error
    except (ValueError, RecursionError, MemoryError) as error:
        raise Unreadable(str(error) or "it is nested too deeply") from error


@dataclass(frozen=True, slots=True)
class Found:
    """A definition and what holds it: `outer` from the module inwards, without itself."""

    node: Definition
    outer: tuple[ast.AST, ...]

    @property
    def is_method(self) -> bool:
        return bool(self.outer) and isinstance(self.outer[-1], ast.ClassDef)


def enclosing(source: PythonSource, offset: int) -> Found | None:
    """The innermost function or class around an offset of the piece, its lines taken whole."""
    found = None
    for candidate in definitions(source):
        start, end = whole_span(source, candidate.node)
        if start <= offset <= end and (found is None or start >= whole_span(source, found.node)[0]):
            found = candidate
    return found


def definitions(source: PythonSource) -> list[Found]:
    """All functions and classes, outer ones before inner ones."""
    found: list[Found] = []
    waiting: list[tuple[ast.AST, tuple[ast.AST, ...]]] = [(source.tree, ())]
    while waiting:
        node, outer = waiting.pop()
        is_definition = isinstance(node, Definition)
        if isinstance(node, Definition):
            found.append(Found(node, outer))
        inner = (*outer, node) if is_definition else outer
        waiting += [(child, inner) for child in ast.iter_child_nodes(node)]
    return found


def whole_span(source: PythonSource, node: Definition) -> tuple[int, int]:
    """The offsets of a definition's lines, those of its decorators included."""
    first = min([node.lineno, *(each.lineno for each in node.decorator_list)])
    return source.line_starts[first - 1], source.line_end(source.span(node)[1])


def piece_around(text: str, offset: int) -> tuple[int, int] | None:
    """The lines of the definition around an offset, told by their indentation alone: for a text
    that does not parse as a whole. None where there is no `def` or `class` above.
    """
    lines = text.split("\n")
    at = text.count("\n", 0, offset)
    head = next((n for n in range(at, -1, -1) if _is_head(lines, n, at)), None)
    if head is None:
        return None
    indent = _indent(lines[head])
    first = head
    while first and lines[first - 1].startswith(indent + "@"):
        first -= 1
    last = head + 1
    while last < len(lines) and not _leaves(lines[last], indent):
        last += 1
    start = sum(len(line) + 1 for line in lines[:first])
    return start, start + sum(len(line) + 1 for line in lines[first:last])


def is_in_class(text: str, start: int) -> bool:
    """Whether the definition that begins at the start of a line is a class's own, told by the
    indentation of what stands above it.
    """
    width = len(_indent(text[start:]))
    for line in reversed(text[:start].split("\n")):
        code = line.strip()
        if not code or code.startswith("#") or len(_indent(line)) >= width:
            continue
        width = len(_indent(line))
        if _HEAD.match(line):
            return code.startswith("class")
    return False


def _is_head(lines: list[str], number: int, at: int) -> bool:
    line = lines[number]
    if not _HEAD.match(line):
        return False
    between = [each for each in lines[number + 1 : at + 1] if each.strip()]
    indent = _indent(line)
    return all(not _leaves(each, indent) for each in between)


def _leaves(line: str, indent: str) -> bool:
    """Whether a line stands outside of a block whose head has this indentation."""
    text = line.strip()
    goes_on = text.startswith((")", "]")) and ":" in text  # a head in several lines
    if not text or text.startswith("#") or goes_on:
        return False
    return len(_indent(line)) <= len(indent)


def _indent(line: str) -> str:
    return line[: len(line) - len(line.lstrip())]
