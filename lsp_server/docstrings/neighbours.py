"""What the other docstrings of a file say, so that none of it is taken for another thing."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from lsp_server.docstrings.python_source import Definition, PythonSource
from lsp_server.docstrings.wording import words

_LABEL = re.compile(
    r"\s*(?:@t?param\s+(?P<tag>\w+)(?:\s+-)?\s"
    r"|(?::\w+\s+|[*-]\s+)?`?(?P<name>\*{0,2}[^\W\d]\w*)`?\s*(?:\([^()]*\)\s*)?(?::(?=\s|$)|\s-\s))"
)
_SENTENCE_END = re.compile(r"[.!?:](?:\s|$)")
_OPENS = re.compile(r"\s*(?:[:@]\w+|[*-]\s)")
_MIN_RUN = 4
_LIKE = 0.8
_HOLDS_STATEMENTS = ast.stmt | ast.ExceptHandler | ast.match_case
_COMMENT = re.compile(r"[ \t]*(?:/\*[*!]|//[/!]?|\*(?!/))[ \t]?(.*?)(?:\*/)?$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Said:
    """A piece of prose and the name that it is about, both as words in lower case."""

    about: tuple[str, ...]
    words: tuple[str, ...]
    vocabulary: frozenset[str]


def said_in(docstring: str, name: str) -> Iterator[Said]:
    """Take a docstring apart into pieces of prose. name: whose docstring it is."""
    about, piece = name, ""
    for line in docstring.split("\n"):
        label = _LABEL.match(line)
        if label is not None or not line.strip() or _OPENS.match(line):
            yield from _said(about, piece)
            about, piece = (label["tag"] or label["name"] if label is not None else name), ""
        piece += "\n" + line[label.end() if label is not None else 0 :]
    yield from _said(about, piece)


def said_in_comments(texts: Iterable[str]) -> tuple[Said, ...]:
    """The prose of all comments in pieces of a file."""
    lines = "\n".join(match[1] for text in texts for match in _COMMENT.finditer(text))
    return tuple(said_in(lines, ""))


def _said(about: str, piece: str) -> Iterator[Said]:
    """Sentences as they run over lines, and each line by itself: it may be a type."""
    parts = _name_parts(about)
    for text in {*_SENTENCE_END.split(piece), *piece.split("\n")}:
        if found := _words(text):
            yield Said(parts, found, frozenset(found))


def is_taken(prose: str, name: str, neighbours: Sequence[Said]) -> bool:
    """Whether another docstring says this, nearly word for word, about something of another
    name.
    """
    own, about = _words(prose), _name_parts(name)
    vocabulary = frozenset(own)
    alike = (
        each
        for each in neighbours
        if len(vocabulary & each.vocabulary) >= _LIKE * len(vocabulary) and each.about != about
    )
    return any(_is_like(own, each.words) for each in alike)


def _is_like(own: tuple[str, ...], other: tuple[str, ...]) -> bool:
    if own == other:
        return True
    if len(own) < _MIN_RUN:
        return False
    if any(own == other[at : at + len(own)] for at in range(len(other) - len(own) + 1)):
        return True
    return SequenceMatcher(None, own, other, autojunk=False).ratio() >= _LIKE


def _words(text: str) -> tuple[str, ...]:
    return tuple(re.findall(r"\w+", text.lower()))


def _name_parts(name: str) -> tuple[str, ...]:
    return tuple(word.lower() for word in words(name))


@dataclass(frozen=True, slots=True)
class Docstring:
    """A docstring of a file, at offsets of the text that the file is.

    start, end: what has to go so that it is gone. stand_in: what has to come in its place.
    """

    start: int
    end: int
    stand_in: str
    said: tuple[Said, ...]


def docstrings_beside(source: PythonSource, own: Definition) -> tuple[Docstring, ...]:
    """All docstrings of a piece of Python but one, in their order."""
    found = [
        _docstring(source, node, node.body[0])
        for node in _holders(source.tree)
        if node is not own and ast.get_docstring(node, clean=False) is not None
    ]
    return tuple(sorted(found, key=lambda each: each.start))


def without(text: str, start: int, end: int, docstrings: Sequence[Docstring]) -> tuple[str, str]:
    """The text before and the text behind a place, without these docstrings."""
    before = [each for each in docstrings if each.end <= start]
    behind = [each for each in docstrings if each.start >= end]
    return _cut(text, 0, start, before), _cut(text, end, len(text), behind)


def _cut(text: str, start: int, end: int, docstrings: Sequence[Docstring]) -> str:
    parts, at = [], start
    for each in docstrings:
        parts += [text[at : each.start], each.stand_in]
        at = each.end
    return "".join([*parts, text[at:end]])


def _docstring(source: PythonSource, node: ast.Module | Definition, first: ast.stmt) -> Docstring:
    start, end = source.span(first)
    value = ast.get_docstring(node, clean=False) or ""
    said = tuple(said_in(value, "" if isinstance(node, ast.Module) else node.name))
    above, below = source.line_start(start), source.line_end(end)
    is_alone = not (source.text[above:start] + source.text[end:below]).strip()
    moved = source.start
    if is_alone and (len(node.body) > 1 or isinstance(node, ast.Module)):
        end = min(below + 1, len(source.text))
        return Docstring(above + moved, end + moved, "", said)
    return Docstring(start + moved, end + moved, "...", said)


def _holders(tree: ast.Module) -> Iterator[ast.Module | Definition]:
    """What may have a docstring. Expressions, of which a file has most, hold no definitions."""
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Module | Definition):
            yield node
        children = ast.iter_child_nodes(node)
        waiting += [each for each in children if isinstance(each, _HOLDS_STATEMENTS)]
