"""A code block of an answer → changes of a document. Pure functions.

Whatever the block's own indentation and line ends are, the changes have the document's.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from lsp_server.actions.checks import Refused, refusal
from lsp_server.actions.fitting import fitted
from lsp_server.chat.diffs import diff_changes, is_diff
from lsp_server.edits import Change, apply_changes, differences, lines_of, minimal_changes
from lsp_server.syntax.definitions import Definition, all_definitions
from lsp_server.syntax.trees import SyntaxTree, parse

if TYPE_CHECKING:
    from lsp_server.chat.code_blocks import CodeBlock
    from lsp_server.documents import Document
    from lsp_server.source_text import SourceText

Changes = tuple[Change, ...] | Refused

_STAND_IN = "⋯"
"""A line that no code has, in the place of one that is there only for its indentation."""
_ALIKE = 0.6
_NO_PLACE = Refused("It is not clear what to replace; select it, or insert this.")


def inserted(code: str, document: Document, offset: int) -> Changes:
    """Code at the cursor: in the line if both are no more than one, on a blank line in its place,
    else on lines of its own.
    """
    text = document.text
    line = text.line_at(offset)
    start, end = text.line_start(line), text.line_end(line)
    content = text.slice(start, end)
    before, after = text.slice(start, offset), text.slice(offset, end)
    if not content.strip():
        indent = content.rstrip("\r\n") or before
        new = _on_lines(code, indent, document)
        has_break = content.endswith(("\n", "\r"))
        return (Change(start, end, new if has_break else new.rstrip("\r\n")),)
    if code.count("\n") <= 1:
        return (Change(offset, offset, code.strip()),)
    if not before.strip():
        return (Change(start, start, _on_lines(code, _indent(content), document)),)
    if not after.strip() and not content.endswith(("\n", "\r")):  # the last line
        new = _on_lines(code, _indent(content), document).rstrip("\r\n")
        return (Change(end, end, text.main_line_break() + new),)
    return (Change(end, end, _on_lines(code, _indent_behind(text, line), document)),)


def replaced(code: str, document: Document, start: int, end: int) -> Changes:
    """Code in the place of a range: of a part of a line if it is no more than that, else of whole
    lines. Refused where the document would parse worse than before.
    """
    text = document.text
    first, last = text.line_at(start), text.line_at(end)
    if first == last and start < end and code.count("\n") <= 1:
        part = text.slice(start, end)
        if part.strip() != text.slice(text.line_start(first), text.line_end(first)).strip():
            return _checked((Change(start, end, code.strip()),), document)
    if end > start and end == text.line_start(last):
        last -= 1
    return _checked(_fitted(code, document, text.line_start(first), text.line_end(last)), document)


def merged(block: CodeBlock, document: Document) -> Changes:
    """A block where it belongs: a diff where its lines are, definitions in the place of those of
    the same names, a whole file in the place of the file. Refused where that is not clear.
    """
    text = str(document.text)
    if is_diff(block.language, block.code):
        changes = diff_changes(block.code, text, document.text.main_line_break())
        return changes if isinstance(changes, Refused) else _checked(changes, document)
    changes = _of_definitions(block.code, document)
    if isinstance(changes, Refused) and _likeness(block.code, text) >= _ALIKE:
        changes = _fitted(block.code, document, 0, len(text))
    return changes if isinstance(changes, Refused) else _checked(changes, document)


def _of_definitions(code: str, document: Document) -> Changes:
    """All of the block must be definitions that the document has once, or lines that it has too."""
    text = str(document.text)
    new, old = parse(document.language_id, code), parse(document.language_id, text)
    if new is None or old is None or new.num_errors:
        return _NO_PLACE
    known = {line.strip() for line in lines_of(text)}
    places = list(all_definitions(old))
    changes: list[Change] = []
    at = 0
    for definition in _outermost(new):
        same = [place for place in places if (place.kind, place.name) == _name(definition)]
        if len(same) != 1 or not _is_known(code[at : definition.start], known):
            return _NO_PLACE
        at = definition.end
        start = document.text.line_start(document.text.line_at(same[0].start))
        end = document.text.line_end(document.text.line_at(same[0].end))
        body = code[_line_start(code, definition.start) : definition.end] + "\n"
        changes += _fitted(body, document, start, end)
    return tuple(changes) if at and _is_known(code[at:], known) else _NO_PLACE


def _outermost(tree: SyntaxTree) -> Iterator[Definition]:
    end = 0
    for definition in all_definitions(tree):
        if definition.start >= end and definition.name:
            end = definition.end
            yield definition


def _name(definition: Definition) -> tuple[str, str]:
    return definition.kind, definition.name


def _is_known(code: str, known: set[str]) -> bool:
    return all(line.strip() in known for line in lines_of(code) if line.strip())


def _fitted(code: str, document: Document, start: int, end: int) -> tuple[Change, ...]:
    old = document.text.slice(start, end)
    new = fitted(code, old, str(document.text), document.text.main_line_break())
    return tuple(change.moved(start) for change in minimal_changes(old, new))


def _checked(changes: tuple[Change, ...], document: Document) -> Changes:
    text = str(document.text)
    whole = refusal(document.language_id, text, apply_changes(text, changes))
    return whole or tuple(sorted(changes, key=lambda change: change.start))


def _on_lines(code: str, indent: str, document: Document) -> str:
    old = f"{indent}{_STAND_IN}\n"
    return fitted(code, old, str(document.text), document.text.main_line_break())


def _indent_behind(text: SourceText, line: int) -> str:
    """How code behind a line is indented: as the line, or deeper where what follows is."""
    own = _indent(text.slice(text.line_start(line), text.line_end(line)))
    for below in range(line + 1, text.num_lines):
        content = text.slice(text.line_start(below), text.line_end(below))
        if content.strip():
            follows = _indent(content)
            return follows if follows.startswith(own) else own
    return own


def _indent(line: str) -> str:
    return line[: len(line) - len(line.lstrip(" \t"))]


def _line_start(text: str, offset: int) -> int:
    return text.rfind("\n", 0, offset) + 1


def _likeness(code: str, text: str) -> float:
    """How much of both is in both, from 0 to 1."""
    lines = [line.strip() for line in lines_of(text)]
    own = [line.strip() for line in lines_of(code)]
    apart = sum(
        last - first + other_last - other
        for first, last, other, other_last in differences(lines, own)
    )
    return 1 - apart / max(1, len(lines) + len(own))
